/** Asks a real server everything that the table of cases holds. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serveFiles } from '../support/serve-files.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import type { Answer, ParityCase } from './case.ts'
import { groups } from './cases.ts'
import { makeParityStore } from './store.ts'

let server: TestServer
let plain: TestServer
let host: string
const ending: (() => Promise<void>)[] = []

beforeAll(async () => {
  const { store, remote } = await makeParityStore()
  const elsewhere = await serveFiles(remote)
  const flags = ['--load-models', '', '--disable-token-auth', '--ncs']
  host = elsewhere.origin
  const allowed = `${host.replaceAll('.', String.raw`\.`)}/.*`
  server = await startTestServer(store, [
    ...flags,
    '--default-workers-per-model=0',
    '--enable-model-api',
    `--allowed-urls=${allowed}`,
  ])
  plain = await startTestServer(store, flags)
  ending.push(
    () => server.stop(),
    () => plain.stop(),
    () => elsewhere.close(),
    () => store.remove(),
  )
})

afterAll(async () => {
  for (const end of ending) await end()
})

afterEach(async () => {
  const { registry } = server.server
  // The default version last: it cannot go while there are others.
  for (const model of registry.all().toSorted(one => (registry.isDefault(one) ? 1 : -1))) {
    const { status, body } = await ask({ request: `DELETE /models/${model.name}/${model.version}` })
    if (status !== 200) throw new Error(`${model.name} cannot be unregistered: ${body}`)
  }
})

describe.each(groups)('$title', ({ cases }) => {
  test.each(cases)('$about', async row => {
    for (const step of row.given ?? []) {
      const { status, body } = await ask({ request: step })
      expect({ step, body, isFine: status < 300 }).toMatchObject({ isFine: true })
    }
    expect(shown(await ask(row), row.answer)).toMatchObject(Object(matcher(row.answer)))
  })
})

test('every row that is not the same says what TorchServe does, and why', () => {
  const others = groups.flatMap(({ cases }) => cases).filter(({ verdict }) => verdict !== 'same')
  expect(others.filter(({ torchserve = '' }) => torchserve === '')).toEqual([])
})

interface Asked {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

async function ask({
  request,
  api = 'management',
  ...row
}: Pick<ParityCase, 'request' | 'api' | 'withoutModelApi' | 'headers' | 'body'>): Promise<Asked> {
  const asked = row.withoutModelApi ? plain : server
  const [method = '', path = ''] = request.replace('{host}', encodeURIComponent(host)).split(' ')
  // Text as bytes: fetch would give text a content type of its own.
  const body = typeof row.body === 'string' ? new TextEncoder().encode(row.body) : row.body
  const response = await fetch(asked[api] + path, {
    method,
    headers: row.headers ?? {},
    ...(body === undefined ? {} : { body }),
  })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** The answer in the form in which the table writes it, as far as the table says anything. */
function shown({ status, headers, body }: Asked, expected: Answer): Answer {
  const isJson = ['type', 'message', 'says', 'json'].some(key => key in expected)
  const json = isJson ? (JSON.parse(body) as Record<string, unknown>) : {}
  const parts: Record<string, unknown> = {
    status,
    type: json['type'],
    message: json['message'],
    says: json['status'],
    text: body,
    json,
    headers: Object.fromEntries(Object.keys(expected.headers ?? {}).map(name => [name, headers.get(name)])),
  }
  // The body says more than a status when they differ.
  if (status !== expected.status) return { status, text: body }
  return Object.fromEntries(Object.keys(expected).map(key => [key, parts[key]])) as unknown as Answer
}

/** The same value, in which a matcher stands for each pattern. */
function matcher(value: unknown): unknown {
  if (value instanceof RegExp) {
    return {
      asymmetricMatch: (text: unknown) => typeof text === 'string' && value.test(text),
      toString: () => `${value}`,
    }
  }
  if (Array.isArray(value)) return value.map(matcher)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, matcher(inner)]))
}
