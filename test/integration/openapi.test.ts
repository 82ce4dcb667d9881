/** The OpenAPI documents say what is served, all of it and nothing else; the page shows them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fraudOnnx, makeStore, type ModelStore } from '../support/model-store.ts'
import { complaints, operationsOf, type OpenApi } from '../support/openapi.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

interface Route {
  readonly methods: readonly string[]
  readonly url: string
}

/** Every route that any of the server's apps registers, each as it was registered. */
const routes: Route[] = []
const watch = (message: unknown) => {
  const { fastify } = message as { fastify: { addHook(name: 'onRoute', hook: (route: never) => void): void } }
  fastify.addHook('onRoute', ({ method, url }: { method: string | string[]; url: string }) => {
    routes.push({ methods: [method].flat(), url })
  })
}

let store: ModelStore
let server: TestServer
beforeAll(async () => {
  store = await makeStore()
  await store.addOnnx('fraud', fraudOnnx)
  subscribe('fastify.initialization', watch)
  const flags = ['--enable-model-api', '--disable-token-auth=false', '--key-file', `${store.dir}/keys.json`]
  const guarded = await startTestServer(store, flags)
  await guarded.stop()
  server = await startTestServer(store, ['--enable-model-api'])
  unsubscribe('fastify.initialization', watch)
})
afterAll(async () => {
  await server.stop()
  await store.remove()
})

/** What is wrong with a document by the schema of OpenAPI. */
async function faults(document: OpenApi): Promise<unknown> {
  const { valid, errors } = await new Validator().validate({ ...document })
  return valid ? [] : errors
}

const at = async <T = OpenApi>(url: string) => (await (await fetch(url)).json()) as T
const normalised = (url: string) => url.replaceAll(/:\w+|\*/g, '{}')

describe('the document of the server', () => {
  test('is valid, and valid at each address', async () => {
    for (const origin of [server.inference, server.management, server.metrics]) {
      expect(await faults(await at(`${origin}/openapi.json`))).toEqual([])
    }
  })

  test('has no operation that is not registered, and each id once', async () => {
    const document = await at(`${server.inference}/openapi.json`)
    const registered = new Set(
      routes.flatMap(({ methods, url }) => methods.map(method => `${method} ${normalised(url)}`)),
    )
    expect(operationsOf(document).filter(operation => !registered.has(operation))).toEqual([])
    const ids = Object.values(document.paths).flatMap(item =>
      Object.values(item).flatMap(({ operationId }) => operationId ?? []),
    )
    expect(ids.length).toBe(new Set(ids).size)
  })

  test('has every route, but for those that only refuse', async () => {
    const guarded = new Set(['GET /token'])
    const documented = new Set([...operationsOf(await at(`${server.inference}/openapi.json`)), ...guarded])
    const silent = routes.filter(
      ({ methods, url }) => !methods.some(method => documented.has(`${method} ${normalised(url)}`)),
    )
    for (const { methods, url } of silent) {
      const path = url.replaceAll(/:version|\*/g, '1.0').replaceAll(/:\w+/g, 'fraud')
      for (const method of methods) {
        const replies = [server.inference, server.management].map(origin => fetch(origin + path, { method }))
        const statuses = (await Promise.all(replies)).map(({ status }) => status)
        expect([`${method} ${path}`, statuses.every(status => [404, 405].includes(status))]).toEqual([
          `${method} ${path}`,
          true,
        ])
      }
    }
  })

  test('says where else a path is served, where it is not here', async () => {
    const document = await at(`${server.inference}/openapi.json`)
    expect(document.paths['/models']).toMatchObject({ servers: [{ url: server.management }] })
    expect(document.paths['/metrics']).toMatchObject({ servers: [{ url: server.metrics }] })
    expect(document.paths['/ping']).not.toHaveProperty('servers')
    expect((await at(`${server.management}/openapi.json`)).paths['/models']).not.toHaveProperty('servers')
  })

  test.each([
    ['inference', '/ping'],
    ['inference', '/health/live'],
    ['inference', '/health/ready'],
    ['inference', '/v2'],
    ['inference', '/v2/health/live'],
    ['inference', '/v2/health/ready'],
    ['inference', '/v2/models'],
    ['inference', '/v2/models/stats'],
    ['inference', '/v2/models/{model_name}'],
    ['inference', '/v2/models/{model_name}/ready'],
    ['inference', '/v2/models/{model_name}/config'],
    ['inference', '/v2/models/{model_name}/stats'],
    ['inference', '/v1/models/{model_name}'],
    ['management', '/models'],
    ['management', '/models/{model_name}'],
    ['management', '/v2/logging'],
    ['management', '/v2/trace/setting'],
  ] as const)('describes what %s %s answers', async (api, path) => {
    const document = await at(`${server.inference}/openapi.json`)
    const url = server[api] + path.replace('{model_name}', 'fraud')
    const content = document.paths[path]?.['get']?.responses['200']?.content?.['application/json']
    expect(complaints(document, content?.schema, await at<unknown>(url))).toEqual([])
  })

  test.each([
    '/predictions/{model_name}',
    '/v1/models/{model_name}:predict',
    '/v2/models/{model_name}/infer',
  ])('says that %s takes a deadline and a priority', async path => {
    const document = await at(`${server.inference}/openapi.json`)
    const post = document.paths[path]?.['post']
    const names = ['x-request-timeout-ms', 'x-request-priority']
    expect(post?.parameters).toEqual(
      expect.arrayContaining(names.map(name => expect.objectContaining({ in: 'header', name }) as unknown)),
    )
    expect(post?.responses).toHaveProperty('504')
  })

  test('describes what is answered when something is wrong', async () => {
    const document = await at(`${server.inference}/openapi.json`)
    const own = await at<unknown>(`${server.inference}/predictions/nobody`)
    expect(complaints(document, document.components.schemas['Failure'], own)).toEqual([])
    const kserve = await at<unknown>(`${server.inference}/v2/models/nobody`)
    expect(complaints(document, document.components.schemas['KserveFailure'], kserve)).toEqual([])
    expect(complaints(document, document.components.schemas['KserveFailure'], { message: '' })).not.toEqual(
      [],
    )
  })
})

describe('the document of a model', () => {
  const documentOf = (path: string) => at(`${server.inference}/v2/models/${path}/openapi.json`)

  test.each(['fraud', 'fraud/versions/1.0'])('of %s is valid and has its own tensors', async path => {
    const document = await documentOf(path)
    expect(await faults(document)).toEqual([])
    expect(document.info).toMatchObject({ title: 'fraud', version: '1.0' })
    expect(JSON.stringify(document.components.schemas['InferRequest'])).toContain('"const":"FP32"')
  })

  test('has an example that can be sent, and whose answer is as it says', async () => {
    const document = await documentOf('fraud')
    const { requestBody, responses } = document.paths['/v2/models/fraud/infer']?.['post'] ?? {}
    const { schema, example } = requestBody?.content['application/json'] ?? {}
    expect(complaints(document, schema, example)).toEqual([])
    const reply = await fetch(`${server.inference}/v2/models/fraud/infer`, {
      method: 'POST',
      body: JSON.stringify(example),
    })
    expect(reply.status).toBe(200)
    const said = responses?.['200']?.content?.['application/json']?.schema
    expect(complaints(document, said, await reply.json())).toEqual([])
  })

  test('refuses by its schema what the model would refuse', async () => {
    const document = await documentOf('fraud')
    const { schema, example } =
      document.paths['/v2/models/fraud/infer']?.['post']?.requestBody?.content['application/json'] ?? {}
    const [input] = (example as { inputs: object[] }).inputs
    for (const wrong of [{ name: 'other' }, { datatype: 'INT8' }, { shape: [1] }]) {
      expect(complaints(document, schema, { inputs: [{ ...input, ...wrong }] })).not.toEqual([])
    }
    expect(complaints(document, schema, { inputs: [] })).not.toEqual([])
  })

  test('is there for models only', async () => {
    const reply = await fetch(`${server.inference}/v2/models/nobody/openapi.json`)
    expect(reply.status).toBe(404)
  })
})

describe('the page', () => {
  test('comes with all its parts from here, and lets nothing else in', async () => {
    const page = await fetch(`${server.inference}/docs`)
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const parts = [...html.matchAll(/(?:src|href)="(\.[^"]+)"/g)].map(([, part = '']) => part)
    expect(parts).toHaveLength(4)
    for (const base of [`${server.inference}/docs`, `${server.management}/docs`]) {
      const statuses = parts.map(async part => (await fetch(new URL(part, base))).status)
      expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200])
    }
    expect(html).not.toMatch(/https?:/)
    expect(await (await fetch(`${server.inference}/docs/`)).text()).toContain('src="./page.js"')
  })

  test('is not there beside metrics alone', async () => {
    expect((await fetch(`${server.metrics}/docs`)).status).toBe(404)
  })

  test.each([
    ['--inference-address=http://127.0.0.1:0', 'auto', 200],
    ['--inference-address=http://127.0.0.1:0', 'false', 404],
    ['--inference-address=http://0.0.0.0:0', 'auto', 404],
    ['--inference-address=http://0.0.0.0:0', 'true', 200],
  ])('%s with enable_docs_page=%s: %d', async (address, isOn, status) => {
    const other = await startTestServer(store, [address, '--enable-docs-page', isOn])
    const origin = other.inference.replace('0.0.0.0', '127.0.0.1')
    expect((await fetch(`${origin}/docs`)).status).toBe(status)
    const operations = operationsOf(await at(`${origin}/openapi.json`))
    // Management is on loopback each time.
    expect(operations.includes('GET /docs')).toBe(isOn !== 'false')
    await other.stop()
  })
})

test('operations that need a key say so, and the documents do not', async () => {
  const flags = ['--disable-token-auth=false', '--key-file', `${store.dir}/keys.json`]
  const guarded = await startTestServer(store, flags)
  const document = await at(`${guarded.inference}/openapi.json`)
  expect(await faults(document)).toEqual([])
  expect(document.paths['/ping']?.['get']?.security).toEqual([{ key: [] }])
  for (const open of ['/openapi.json', '/health/ready']) {
    expect(document.paths[open]?.['get']?.security).toBeUndefined()
  }
  expect(operationsOf(document)).toContain('GET /token')
  expect((await fetch(`${guarded.inference}/docs`)).status).toBe(200)
  expect((await fetch(`${guarded.inference}/v2/models/fraud/openapi.json`)).status).toBe(400)
  await guarded.stop()
})
