/** What is published works: built by the real script, and driven as by those who install it. */
import {
  access,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage, type BuiltPackage } from '../support/built-package.ts'
import { runToEnd, startCliServer, type CliOptions, type CliServer } from '../support/cli.ts'
import { GrpcClient } from '../support/grpc.ts'
import { writeHeavyOnnx } from '../support/heavy-onnx.ts'
import { digitPng, jsonOf, probabilitiesOf, recordedDigits } from '../support/http.ts'
import { readJaegerBatches } from '../support/jaeger-packet.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive, workersOf } from '../support/processes.ts'
import { home, onFreePorts } from '../support/server.ts'
import { listenUdp, type UdpListener } from '../support/udp-listener.ts'

const digitsPt = join(home, 'test/fixtures/digits/digits.pt')
const IMAGE = 'image=float32[batch,1,8,8]'
const HANDLER = `
  import { InvalidInput, respond, type Handler, type Input } from 'sconce/handler'
  const handler: Handler = {
    preprocess(input: Input) {
      if (!(Number(input.data) > 0)) throw new InvalidInput('A number above 0 was expected')
      return { number: { type: 'float32', dims: [1, 1], data: Float32Array.of(Number(input.data)) } }
    },
    inference: batch => batch,
    postprocess: ({ number }) => respond({ twice: 2 * Number(number?.data[0]) }, { status: 201 }),
  }
  export default handler`

let built: BuiltPackage
let store: ModelStore
let agent: UdpListener
let server: CliServer
/** What is undone at the end, the last first: a build or start that fails leaves nothing either. */
const undo: (() => Promise<unknown>)[] = []
/** The current folder of the commands, with TMPDIR, the caches and the logs below it. */
let place: string

const from = (name: string): CliOptions => ({
  program: built.command(name),
  cwd: place,
  env: {
    TMPDIR: join(place, 'tmp'),
    XDG_CACHE_HOME: join(place, 'cache'),
    LOG_LOCATION: join(place, 'logs'),
  },
})
const command = (name: string, ...args: string[]) => runToEnd(args, from(name))

beforeAll(async () => {
  built = await buildPackage()
  undo.push(() => built.remove())
  place = await realpath(await mkdtemp(join(tmpdir(), 'sconce-e2e-')))
  undo.push(() => rm(place, { recursive: true, force: true }))
  await mkdir(join(place, 'tmp'))
  store = await makeStore()
  undo.push(() => store.remove())
  await store.addDigits()
  await store.addHandler('twice', { handler: HANDLER })
  await writeHeavyOnnx(join(store.dir, 'heavy.onnx'))
  const config = join(place, 'model-config.yaml')
  await writeFile(config, 'inputs:\n  - { name: image, dtype: float32, shape: [batch, 1, 8, 8] }\n')
  const archive = ['--model-name', 'imported', '--version', '1.0', '--handler', 'image_classifier']
  const files = ['--serialized-file', digitsPt, '--config-file', config, '--export-path', store.dir]
  await command('torch-model-archiver', ...archive, ...files)
  agent = await listenUdp()
  undo.push(() => agent.close())
  const tracing = ['--tracing', 'jaeger', '--jaeger-agent-addr', `127.0.0.1:${agent.port}`]
  server = await startCliServer(store.dir, ['--enable-model-api', ...tracing], from('sconce'))
  undo.push(() => {
    server.cli.signal('SIGKILL')
    return server.cli.ended
  })
})
afterAll(async () => {
  for (const step of undo.toReversed()) await step()
})

const png = (file: string) => new Uint8Array(digitPng(file))
const predict = (model: string, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(`${server.inference}/predictions/${model}`, { method: 'POST', body }).then(jsonOf)
const page = async (url: string) => {
  const response = await fetch(url)
  expect([url, response.status]).toEqual([url, 200])
  return response.text()
}

describe('a server of the built package', () => {
  test('answers as PyTorch did, with an archive of ONNX and with one that it imports', async () => {
    for (const { file, probabilities } of recordedDigits().slice(0, 3)) {
      const { status, body } = await predict('digits', png(file))
      expect(status).toBe(200)
      probabilitiesOf(body).forEach((got, digit) => expect(got).toBeCloseTo(probabilities[digit] ?? 9, 4))
    }
    const [first] = recordedDigits()
    const { body } = await predict('imported', png(first?.file ?? ''))
    expect(Object.entries(Object(body))[0]).toEqual([
      String(first?.label),
      expect.closeTo(first?.probabilities[first.label] ?? 9, 4),
    ])
    await server.cli.logged('Imported a PyTorch file')
  })

  test('gives the answers of a handler in TypeScript, and its refusals, with the classes of sconce/handler', async () => {
    expect(await predict('twice', '21')).toEqual({ status: 201, body: { twice: 42 } })
    const refused = await predict('twice', 'a word')
    expect(refused).toMatchObject({ status: 400, body: { message: 'A number above 0 was expected' } })
    expect((await predict('digits', 'no picture')).status).toBe(400)
  })

  test('lays a large graph out for the machine', async () => {
    await server.cli.logged('Optimised a graph for this machine')
    const { status, body } = await predict('heavy', JSON.stringify(Array.from({ length: 768 }, () => 0)))
    expect({ status, body }).toEqual({ status: 200, body: Array.from({ length: 768 }, () => 0) })
  })

  test('speaks gRPC', async () => {
    const { grpc } = await server.cli.logged('Sconce is up')
    const client = new GrpcClient(String(Reflect.get(Object(grpc), 'inference')))
    const input = { data: digitPng('digit_5_a.png') }
    const answer = await client.ask('org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions', {
      model_name: 'digits',
      input,
    })
    client.close()
    const { body } = await predict('digits', png('digit_5_a.png'))
    expect(JSON.parse(String(Reflect.get(Object(answer), 'prediction')))).toEqual(body)
  })

  test('has metrics, the documents of its API, and the page that shows them', async () => {
    expect(await page(`${server.metrics}/metrics`)).toMatch(
      /^ts_inference_requests_total\{model_name="digits",.*\} \d/m,
    )
    expect(JSON.parse(await page(`${server.inference}/openapi.json`))).toHaveProperty('openapi', '3.1.1')
    expect(await page(`${server.inference}/v2/models/digits/openapi.json`)).toContain(
      '/v2/models/digits/infer',
    )
    const files = [...(await page(`${server.inference}/docs`)).matchAll(/(?:href|src)="\.(\/\S+)"/g)]
    expect(files).toHaveLength(4)
    for (const [, file] of files) expect(await page(server.inference + file)).not.toBe('')
  })

  test('traces what it answers', async () => {
    await predict('digits', png('digit_5_a.png'))
    const spans = () => agent.packets.flatMap(readJaegerBatches).map(({ name }) => name)
    await agent.until(() => spans().includes('predict digits'))
    expect(spans()).toEqual(expect.arrayContaining(['queue', 'preprocess', 'inference', 'postprocess']))
  })

  test('takes a model that its commands have converted and packed, and more workers for it', async () => {
    const onnx = join(place, 'digits.onnx')
    expect(await command('sconce', 'convert', digitsPt, '-o', onnx, '--input', IMAGE)).toMatch(/^Wrote /m)
    const flags = ['--model-name', 'converted', '--version', '2.0', '--handler', 'image_classifier']
    const said = await command(
      'sconce',
      'archive',
      ...flags,
      '--serialized-file',
      onnx,
      '--export-path',
      store.dir,
    )
    expect(said).toMatch(/^Wrote \S+converted\.mar \(.*\)\n$/)
    const at = ['--management-address', server.management]
    await command('sconce', 'models', 'register', 'converted.mar', ...at)
    await command('sconce', 'models', 'scale', 'converted', '--min-workers', '2', ...at)
    const described = await command('sconce', 'models', 'describe', 'converted', '--json', ...at)
    expect(JSON.parse(described)).toMatchObject([{ modelVersion: '2.0', minWorkers: 2 }])
    expect((await predict('converted', png('digit_5_a.png'))).status).toBe(200)
  })

  test('ends on a signal with 0, and leaves nothing', async () => {
    const workers = workersOf(server.cli.pid)
    expect(workers).toHaveLength(6)
    server.cli.signal('SIGTERM')
    expect(await server.cli.ended).toEqual({ code: 0, signal: null })
    expect(server.cli.stderr).toBe('')
    expect(workers.filter(isAlive)).toEqual([])
    expect(await readdir(join(place, 'tmp'))).toEqual([])
  })
})

test('the built torchserve serves in the background, logs for a person, and stops', async () => {
  const flags = ['--start', '--model-store', store.dir, '--ncs', '--log-format', 'pretty', ...onFreePorts]
  const started = await command('torchserve', ...flags)
  expect(started).toMatch(/^Started with process id \d+/)
  expect(await command('torchserve', '--stop')).toBe('TorchServe has stopped.\n')
  expect(isAlive(Number(/\d+/.exec(started)?.[0]))).toBe(false)
  const log = await readFile(join(place, 'logs/sconce.log'), 'utf8')
  expect(log).toMatch(/^\[[\d:.]+\] INFO: Stopped$/m)
})

test.each([
  ['sconce', '--help', /^Usage: sconce COMMAND .*\n {2}swap-weights /s],
  ['sconce', '--version', /^Sconce \d+\.\d+\.\d+\n$/],
  ['torchserve', '--help', /^Usage: sconce start /],
  ['torchserve', '--version', /^TorchServe Version is \d+\.\d+\.\d+ \(Sconce\)\n$/],
  ['torch-model-archiver', '--help', /^Usage: sconce archive /],
])('the built %s answers %s', async (name, flag, said) => {
  expect(await command(name, flag)).toMatch(said)
})

describe('the built package', () => {
  test('has every file that package.json names, and its commands may be executed', async () => {
    const { bin, exports } = built.manifest
    const named = Object.values(exports).flatMap(entry =>
      typeof entry === 'string' ? entry : Object.values(entry),
    )
    expect(named).toContain('./dist/src/runtime/handler.d.ts')
    for (const file of named) await access(join(built.dir, file))
    for (const file of Object.values(bin)) await access(join(built.dir, file), constants.X_OK)
  })

  test('imports no package that is not among its dependencies', async () => {
    // Behind a quote it is text that ajv would write into code for files.
    const names = /^import .*"([^"]+)";$|(?<!['"`])\b(?:import|(?:__)?require(?:\$\d+)?)\("([^"]+)"\)/gm
    const imported = (await built.contents('.js'))
      .flatMap(text => [...text.matchAll(names)].map(([, one, other]) => one ?? other ?? ''))
      .filter(name => !name.startsWith('.') && !isBuiltin(name))
    const packages = imported.map(name => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '')
    expect(packages).toEqual(expect.arrayContaining(['onnxruntime-node', 'pino-pretty', 'sharp']))
    expect(packages.filter(name => !Object.hasOwn(built.manifest.dependencies, name))).toEqual([])
  })

  test('has the licence of every package whose code is in its files', async () => {
    // The bundler says above each module where it came from.
    const modules = (await built.contents('.js')).flatMap(text =>
      [...text.matchAll(/^\/\/ .*node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(([, name]) => name),
    )
    const text = await readFile(join(built.dir, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
    const [, ...sections] = text.split(`\n${'-'.repeat(80)}\n\n`)
    const licences = sections.map(section => /^(\S+) (\S+) \((.+)\)\n\n(.+)/s.exec(section) ?? [section])
    expect(licences.filter(({ length }) => length < 5)).toEqual([])
    expect([...new Set(licences.map(([, name]) => name))]).toEqual(
      expect.arrayContaining([...new Set(modules), 'fastify', 'yazl']),
    )
  })

  test('has the types of sconce/handler, whole', async () => {
    const consumer = join(place, 'consumer')
    await mkdir(join(consumer, 'node_modules'), { recursive: true })
    await symlink(built.dir, join(consumer, 'node_modules/sconce'))
    await writeFile(join(consumer, 'package.json'), '{ "type": "module" }')
    await writeFile(join(consumer, 'handler.ts'), HANDLER)
    const wrong = `import type { Tensor } from 'sconce/handler'
      // @ts-expect-error -- Types that are not there would be any.
      export const tensor: Tensor = { type: 'float31', dims: [], data: new Float32Array() }`
    await writeFile(join(consumer, 'wrong.ts'), wrong)
    const flags = [
      '--module',
      'nodenext',
      '--lib',
      'es2024',
      '--strict',
      '--noEmit',
      'handler.ts',
      'wrong.ts',
    ]
    const compiler = join(home, 'node_modules/typescript/bin/tsc')
    expect(await runToEnd(flags, { program: compiler, cwd: consumer })).toBe('')
  })
})
