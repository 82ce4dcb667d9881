import { createServer } from 'node:net'
import { once } from 'node:events'
import { access, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cli, startCliServer } from '../support/cli.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { isAlive } from '../support/processes.ts'
import { freePort, home, onFreePorts } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'
import { webServers } from '../support/web-server.ts'

const serve = webServers()

let store: ModelStore
/** TMPDIR of every server here: what they leave behind is left there. */
let tmp: string

beforeAll(async () => {
  store = await makeStore()
  await store.addDigits()
  tmp = await realpath(await mkdtemp(join(tmpdir(), 'sconce-e2e-')))
})
afterAll(async () => {
  await store.remove()
  await rm(tmp, { recursive: true, force: true })
})

const env = () => ({ TMPDIR: tmp })

async function runToEnd(args: readonly string[], program?: string) {
  const cli = new Cli(args, { env: env(), ...(program === undefined ? {} : { program }) })
  const { code } = await cli.ended
  return { code, stdout: cli.stdout, stderr: cli.stderr }
}

describe('a start that cannot be', () => {
  test('for a wrong flag exits with 1 and one clear text', async () => {
    const { code, stdout, stderr } = await runToEnd(['start', '--model-stor', store.dir])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^Unknown flag --model-stor; did you mean --model-store\?$/m)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test('for a port that is taken exits with 1, says so, and leaves nothing', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const address = `http://127.0.0.1:${port}`
    const args = ['start', '--model-store', store.dir, '--models', 'all', ...onFreePorts]
    const { code, stderr } = await runToEnd([...args, '--management-address', address])
    taken.close()
    expect(code).toBe(1)
    expect(stderr).toBe(`Cannot listen on ${address}: something listens there already.\n`)
    expect(await readdir(tmp)).toEqual([])
  })

  test('for want of such a command exits with 1 and shows those there are', async () => {
    const { code, stderr } = await runToEnd(['frobnicate'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^There is no command "frobnicate"\.\n\nUsage: sconce COMMAND/)
  })
})

test('torchserve --version is answered', async () => {
  const { code, stdout } = await runToEnd(['--version'], 'torchserve.ts')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^TorchServe Version is \d+\.\d+\.\d+ \(Sconce\)\n$/)
})

describe('a start', () => {
  test('with a broken archive in the store serves the others and says what it left out', async () => {
    const mixed = await makeStore()
    await mixed.addDigits()
    await mixed.addFile('broken.mar', 'no zip')
    const { cli, inference } = await startCliServer(mixed.dir, [], { env: env() })
    expect(cli.log.find(({ msg }) => msg === 'Failed to load model: broken.mar')).toMatchObject({
      reason: expect.stringContaining('Archive broken.mar is refused') as unknown,
    })
    expect((await fetch(`${inference}/predictions/digits`)).status).toBe(400)
    cli.signal('SIGTERM')
    expect(await cli.ended).toEqual({ code: 0, signal: null })
    await mixed.remove()
  })

  test('logs JSON lines only, with what a person needs to know, and ends without leftovers', async () => {
    const { cli, inference } = await startCliServer(store.dir, [], { env: env() })
    await fetch(`${inference}/ping`)
    cli.signal('SIGTERM')
    await cli.ended
    const lines = cli.stdout.trimEnd().split('\n')
    expect(cli.log).toHaveLength(lines.length)
    expect(cli.log.find(({ msg }) => msg === 'Sconce is up')).toMatchObject({
      addresses: { inference },
      cpu: { cores: expect.any(Number) as unknown, workersPerModel: 1 },
      models: [{ name: 'digits', version: '1.0', workers: 1, state: 'ready' }],
    })
    expect(cli.log.some(({ msg }) => msg === 'Model server started.')).toBe(true)
    expect(cli.log.find(({ msg }) => msg === 'access')).toMatchObject({
      method: 'GET',
      url: '/ping',
      status: 200,
    })
    expect(await readdir(tmp)).toEqual([])
  })

  test('prints a banner for a person, with a line to paste', async () => {
    const args = ['start', '--model-store', store.dir, '--models', 'all', ...onFreePorts]
    const cli = new Cli([...args, '--log-format', 'pretty'], { env: env() })
    await waitFor('the banner', () => cli.stdout.includes('Model server started.'))
    cli.signal('SIGTERM')
    expect(await cli.ended).toEqual({ code: 0, signal: null })
    expect(cli.stdout).toMatch(/^Sconce \d+\.\d+\.\d+ on Node\.js v24/m)
    expect(cli.stdout).toMatch(/^ {2}inference +http:\/\/127\.0\.0\.1:\d+$/m)
    expect(cli.stdout).toMatch(/^ {2}digits 1\.0 +ready, 1 worker$/m)
    expect(cli.stdout).toMatch(/curl -T \S+ http:\/\/127\.0\.0\.1:\d+\/predictions\/digits/)
  })

  test('is ended by a signal while a model still loads', async () => {
    const slow = await makeStore()
    await slow.addHandler('slow', {
      handler: 'export default { load: () => new Promise(() => setInterval(() => {}, 1e3)) }',
    })
    const args = ['start', '--model-store', slow.dir, '--models', 'all', ...onFreePorts]
    const cli = new Cli([...args, '--log-level', 'debug'], { env: env() })
    await cli.logged('Worker is starting')
    cli.signal('SIGTERM')
    expect(await cli.ended).toEqual({ code: 0, signal: null })
    await slow.remove()
  })
})

test('a start is ended by a signal while it downloads a model', async () => {
  const { origin, pattern, requests } = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('PK')
  })
  const empty = await makeStore()
  const models = ['--models', `slow=${origin}/slow.mar`, '--allowed-urls', pattern]
  const cli = new Cli(['start', '--model-store', empty.dir, ...models, ...onFreePorts], { env: env() })
  await waitFor('the download', () => requests.length > 0)
  cli.signal('SIGTERM')
  expect(await cli.ended).toEqual({ code: 0, signal: null })
  expect(cli.log.some(({ msg }) => msg.startsWith('Stopping on SIGTERM'))).toBe(true)
  expect([...(await readdir(empty.dir)), ...(await readdir(tmp))]).toEqual([])
  await empty.remove()
})

describe('in the background', () => {
  test.each([
    ['sconce.ts', ['start', '--background']],
    ['torchserve.ts', ['--start']],
  ])('%s %j starts, refuses a second one, and stops', async (program, args) => {
    const logs = await mkdtemp(join(tmp, 'logs-'))
    const options = { program, env: { ...env(), LOG_LOCATION: logs } }
    const stop = program === 'sconce.ts' ? ['start', '--stop'] : ['--stop']
    const address = `http://127.0.0.1:${await freePort()}`
    const flags = ['--model-store', store.dir, ...onFreePorts, '--inference-address', address]
    const started = new Cli([...args, ...flags], options)
    expect(await started.ended).toEqual({ code: 0, signal: null })
    expect(started.stdout).toMatch(
      /^Started with process id \d+; it logs to .*sconce\.log\. Stop it with --stop\.\n$/,
    )
    const pid = Number(/\d+/.exec(started.stdout)?.[0])
    try {
      expect((await fetch(`${address}/ping`)).status).toBe(200)
      const second = new Cli([...args, ...flags], options)
      expect(await second.ended).toEqual({ code: 1, signal: null })
      expect(second.stderr).toMatch(/^TorchServe is already running/)
    } finally {
      const stopped = new Cli(stop, options)
      expect(await stopped.ended).toEqual({ code: 0, signal: null })
      expect(stopped.stdout).toBe('TorchServe has stopped.\n')
    }
    expect(isAlive(pid)).toBe(false)
    await access(join(logs, 'sconce.log'))
    const again = new Cli(stop, options)
    expect(await again.ended).toEqual({ code: 0, signal: null })
    expect(again.stdout).toBe('TorchServe is not currently running.\n')
    await rm(logs, { recursive: true })
    expect(await readdir(tmp)).toEqual([])
  })

  test('a start that fails shows the end of the log and exits with 1', async () => {
    const logs = await mkdtemp(join(tmp, 'logs-'))
    const args = [
      'start',
      '--background',
      '--model-store',
      store.dir,
      '--inference-address',
      'http://256.1.1.1:80',
    ]
    const cli = new Cli(args, { env: { ...env(), LOG_LOCATION: logs }, cwd: home })
    expect(await cli.ended).toEqual({ code: 1, signal: null })
    expect(cli.stderr).toMatch(/^The server did not start\. The end of .*sconce\.log:\n/)
    await rm(logs, { recursive: true })
  })
})
