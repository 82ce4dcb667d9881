/** The tables of docs/architecture.md hold: who imports whom, and which package belongs where. */
import { expect, test } from 'vitest'
import {
  findCycle,
  forbiddenImports,
  parseSource,
  readSources,
  readTable,
  strayPackages,
} from './support/import-graph.ts'

const MAX_LINES = 300

const files = readSources()
const layers = readTable('Who may import whom')
const owners = readTable('Packages and their owners')

test('the sources and both tables are found', () => {
  expect(files.map(({ path }) => path)).toContain('src/server.ts')
  expect(files.map(({ path }) => path)).toContain('handlers/base_handler.ts')
  expect(layers.get('failure-table.ts')).toEqual([])
  expect(owners.get('fastify')).toEqual([{ part: 'http', typesOnly: false }])
})

test('every file imports only what its row of the table allows', () => {
  expect(files.flatMap(file => forbiddenImports(file, layers))).toEqual([])
})

test('every package is imported by its owner only', () => {
  expect(files.flatMap(file => strayPackages(file, owners))).toEqual([])
})

test('no imports run in a circle', () => {
  expect(findCycle(files)).toBeUndefined()
})

test(`no file has more than ${MAX_LINES} lines`, () => {
  expect(files.filter(({ lines }) => lines > MAX_LINES).map(({ path }) => path)).toEqual([])
})

test('a queue that imports from the edge is told', () => {
  const file = parseSource('src/batching/queue.ts', "import { createApp } from '../http/app.ts'\n")
  expect(forbiddenImports(file, layers)).toEqual(['src/batching/queue.ts imports src/http/app.ts'])
})

test('a server that names a handler in its code is told, however it does so', () => {
  const file = parseSource('src/server.ts', "const one = await import('../handlers/base_handler.ts')\n")
  expect(forbiddenImports(file, layers)).toEqual(['src/server.ts imports handlers/base_handler.ts'])
})

test('where types are allowed, only types are', () => {
  const types = parseSource('src/http/app.ts', "import type { Item } from '../worker/protocol.ts'\n")
  expect(forbiddenImports(types, layers)).toEqual([])
  const code = parseSource('src/http/app.ts', "import {\n  isVerb,\n} from '../worker/protocol.ts'\n")
  expect(forbiddenImports(code, layers)).toEqual(['src/http/app.ts imports src/worker/protocol.ts'])
})

test('a folder without a row is told', () => {
  const file = parseSource('src/utils/all.ts', '')
  expect(forbiddenImports(file, layers)).toEqual([
    'src/utils/all.ts: docs/architecture.md has no row for utils',
  ])
})

test('a package outside its owner is told, and so is one that nobody owns', () => {
  const file = parseSource(
    'src/models/model.ts',
    "import sharp from 'sharp'\nimport { map } from '@scope/left-pad/map'\n",
  )
  expect(strayPackages(file, owners)).toEqual([
    'src/models/model.ts imports sharp',
    'src/models/model.ts imports @scope/left-pad',
  ])
})

test('a circle of imports is told with its way', () => {
  const circle = ['a', 'b', 'c'].map((name, index, names) =>
    parseSource(`src/pool/${name}.ts`, `export * from './${names[(index + 1) % 3]}.ts'\n`),
  )
  expect(findCycle(circle)).toEqual(['src/pool/a.ts', 'src/pool/b.ts', 'src/pool/c.ts', 'src/pool/a.ts'])
})
