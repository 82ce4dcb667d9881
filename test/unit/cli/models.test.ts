import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { models } from '../../../src/cli/models.ts'
import { fileIn, freshFolders } from '../../support/archive-fixtures.ts'
import { listenScripted, type Script, type ScriptedServer } from '../../support/scripted-server.ts'

const fresh = freshFolders()
const servers: ScriptedServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function run(...args: string[]) {
  const said = { out: '', err: '' }
  const code = await models.run(args, {
    out: text => void (said.out += text),
    err: text => void (said.err += text),
  })
  return { code, ...said }
}

/** A server with a script, and a way to run an action against it. */
async function serving(script: Script, socket?: string) {
  const server = await listenScripted(script, socket)
  servers.push(server)
  const act = (...args: string[]) => run(...args, '--management-address', server.address)
  return { act, asked: server.asked }
}

const worker = { id: '9000', status: 'READY', pid: 12, memoryUsage: 42_000_000, state: 'ready' }
const net = (version: string, more: object = {}) => ({
  modelName: 'net',
  modelVersion: version,
  modelUrl: 'net.mar',
  minWorkers: 2,
  batchSize: 4,
  state: 'ready',
  useVenv: false,
  workers: [worker],
  inputs: [{ name: 'image', type: 'float32', shape: ['N', 3, 224, 224] }],
  ...more,
})

const twoVersions: Script = {
  'GET /models?next_page_token=0': { models: [{ modelName: 'net' }], nextPageToken: '1' },
  'GET /models?next_page_token=1': { models: [] },
  'GET /models/net': [200, [net('2.0')]],
  'GET /models/net/all': [200, [net('1.0', { state: 'idle', workers: [] }), net('2.0')]],
}

describe('list', () => {
  test('shows every version of every page, the default one marked', async () => {
    const { act } = await serving(twoVersions)
    const { code, out, err } = await act('list')
    expect(out).toBe(
      [
        'MODEL  VERSION  DEFAULT  STATE  WORKERS  BATCH  ARCHIVE',
        'net    1.0               idle   0/2      4      net.mar',
        'net    2.0      yes      ready  1/2      4      net.mar',
        '',
      ].join('\n'),
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  test('gives the same as JSON', async () => {
    const { act } = await serving(twoVersions)
    const { out } = await act('list', '--json')
    expect(JSON.parse(out)).toMatchObject([
      { modelVersion: '1.0', isDefault: false },
      { modelVersion: '2.0', isDefault: true },
    ])
  })

  test('leaves out what was unregistered meanwhile, and says when there is nothing', async () => {
    const { act } = await serving({ 'GET /models?next_page_token=0': { models: [{ modelName: 'gone' }] } })
    expect(await act('list')).toMatchObject({ code: 0, out: 'No models are registered.\n' })
  })

  test('shows what a terminal would obey as text', async () => {
    const { act } = await serving({ ...twoVersions, 'GET /models/net/all': [200, [net('1\u001b[2J\n2')]] })
    expect((await act('list')).out).toContain('1\\u001b[2J\\u000a2')
  })
})

test('describe shows the fields, the inputs and the workers', async () => {
  const { act } = await serving({ 'GET /models/net/2.0': [200, [net('2.0', { reason: 'all is well' })]] })
  const { code, out } = await act('describe', 'net', '2.0')
  expect(code).toBe(0)
  expect(out).toContain('net 2.0  ready\n')
  expect(out).toMatch(/ {2}reason +all is well\n/)
  expect(out).toContain('  image  float32  ["N",3,224,224]\n')
  expect(out).toMatch(/ {2}9000 +ready +READY +12 +42 MB\n/)
  expect(out).not.toContain('useVenv')
})

const ok = { status: 'done' }
test.each<[string[], string]>([
  [['describe', 'net', '--all'], 'GET /models/net/all'],
  [['describe', 'net', '--customized'], 'GET /models/net?customized=true'],
  [['register', 'net.mar'], 'POST /models?url=net.mar&initial_workers=1&synchronous=true'],
  [
    ['register', 'http://x/a b.mar?c=d', '--name', 'n', '--handler', 'base_handler', '--no-wait'],
    'POST /models?url=http%3A%2F%2Fx%2Fa+b.mar%3Fc%3Dd&model_name=n&handler=base_handler&initial_workers=1&synchronous=false',
  ],
  [
    'register a.mar --initial-workers 0 --batch-size 8 --max-batch-delay 5 --response-timeout 1 --startup-timeout 2'.split(
      ' ',
    ),
    'POST /models?url=a.mar&initial_workers=0&batch_size=8&max_batch_delay=5&response_timeout=1&startup_timeout=2&synchronous=true',
  ],
  [['scale', 'net'], 'PUT /models/net?min_worker=1&synchronous=true'],
  [
    ['scale', 'net', '1.0', '--min-workers', '2', '--max-workers=3', '--no-wait'],
    'PUT /models/net/1.0?min_worker=2&max_worker=3&synchronous=false',
  ],
  [['default', 'net', '2/0 ü'], 'PUT /models/net/2%2F0%20%C3%BC/set-default'],
  [['rm', 'net'], 'DELETE /models/net'],
  [['rm', 'net', '1.0'], 'DELETE /models/net/1.0'],
])('%j asks for %s', async (args, line) => {
  const { act, asked } = await serving({ [line]: ok })
  expect(await act(...args, '--json')).toEqual({ code: 0, out: '{\n  "status": "done"\n}\n', err: '' })
  expect(asked.map(request => request.line)).toEqual([line])
})

test('what the server did is one sentence', async () => {
  const { act } = await serving({ 'DELETE /models/net': { status: 'Model "net" unregistered' } })
  expect((await act('rm', 'net')).out).toBe('Model "net" unregistered\n')
})

test('a refusal is told in the server’s words, also the reason, with exit code 1', async () => {
  const body = {
    code: 500,
    type: 'InternalServerException',
    message: 'Failed to start workers',
    reason: 'No such op.',
  }
  const { act } = await serving({ 'PUT /models/net?min_worker=1&synchronous=true': [500, body] })
  expect(await act('scale', 'net')).toEqual({
    code: 1,
    out: '',
    err: '500 Failed to start workers No such op.\n',
  })
})

test.each(['<html>', 'null', '"text"', ''])('%j is no answer of a management API', async text => {
  const { act } = await serving({ 'DELETE /models/net': text })
  const { code, err } = await act('rm', 'net')
  expect(code).toBe(1)
  expect(err).toContain('does not answer as a management API')
})

describe('the server', () => {
  test('is found at a Unix socket', async () => {
    const { act } = await serving({ 'DELETE /models/net': ok }, join(await fresh(), 'm.sock'))
    expect((await act('rm', 'net')).code).toBe(0)
  })

  test('gets the key that is given, or the management key of a key file', async () => {
    const { act, asked } = await serving({ 'DELETE /models/net': ok })
    const keys = { management: { key: 'm-key' }, inference: { key: 'i-key' }, API: { key: 'a-key' } }
    const file = await fileIn(await fresh(), 'key_file.json', JSON.stringify(keys))
    await act('rm', 'net')
    await act('rm', 'net', '--token', 'mine')
    await act('rm', 'net', '--token-file', file)
    expect(asked.map(({ authorization }) => authorization)).toEqual([
      undefined,
      'Bearer mine',
      'Bearer m-key',
    ])
  })

  test.each(['http://127.0.0.1:1', 'unix:/nowhere/m.sock'])('that is not at %s is told', async address => {
    const { code, err } = await run('list', '--management-address', address)
    expect(code).toBe(1)
    expect(err).toContain(`No server answers at ${address}`)
  })

  test('is not asked at an address that is none', async () => {
    const { code, err } = await run('list', '--management-address', 'ftp://x')
    expect(code).toBe(1)
    expect(err).toContain('--management-address is ftp://x; expected http://host[:port]')
  })
})

describe('wrong arguments', () => {
  test.each([
    [['lsit'], 'There is no action lsit; did you mean list?'],
    [['__proto__'], 'There is no action __proto__'],
    [['describe'], 'Expected: sconce models describe MODEL [VERSION]'],
    [['rm', 'a', 'b', 'c'], 'Expected: sconce models rm MODEL [VERSION]'],
    [['rm', ''], 'Expected: sconce models rm MODEL [VERSION]'],
    [['default', 'a'], 'Expected: sconce models default MODEL VERSION'],
    [['list', '--bogus'], 'There is no flag --bogus'],
    [['scale', 'a', '--min-worker', '1'], 'There is no flag --min-worker; did you mean --min-workers?'],
    [['list', '--min-workers', '1'], 'There is no flag --min-workers'],
    [['scale', 'a', '--min-workers', 'many'], '--min-workers is many; expected a whole number'],
    [['scale', 'a', '--min-workers=-1'], '--min-workers is -1; expected a whole number'],
    [['list', '--token', 'a\r\nb: c'], '--token holds what no key holds'],
    [['list', '--token-file', 'nowhere.json'], '--token-file nowhere.json is not a key file'],
  ])('%j exits with 2 and says why', async (args, message) => {
    const { code, out, err } = await run(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })

  test('no action at all shows how it is used', async () => {
    const { code, err } = await run()
    expect(code).toBe(2)
    expect(err).toContain('Usage: sconce models ACTION')
  })

  test.each([['--help'], ['-h'], ['help'], ['scale', '-h']])(
    '%j explains every action and flag',
    async (...args) => {
      const { code, out } = await run(...args)
      expect(code).toBe(0)
      for (const word of [
        'list',
        'describe MODEL',
        'register ARCHIVE',
        '--token-file FILE',
        '--min-workers N',
      ]) {
        expect(out).toContain(word)
      }
    },
  )
})
