import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import type { LogMessage } from '../../../src/pool/port.ts'
import { ProcessPort, type ProcessPortOptions } from '../../../src/pool/process-port.ts'
import { home, itemOf, orderFor } from '../../support/load-order.ts'
import { isAlive } from '../../support/processes.ts'
import { waitFor } from '../../support/wait-for.ts'
import { portSuite } from './port.suite.ts'

const options = (dir: string, more: Partial<ProcessPortOptions> = {}): ProcessPortOptions => ({
  program: join(home, 'src/worker/main.ts'),
  readable: [home, dir],
  env: {},
  memoryLimitBytes: 2 ** 32,
  onLog: () => {},
  ...more,
})

portSuite('a worker in a process of its own', ({ dir }, onLog) => new ProcessPort(options(dir, { onLog })))

describe('a process', () => {
  const opened: { port: ProcessPort; dir: string }[] = []
  afterEach(async () => {
    for (const { port, dir } of opened.splice(0)) {
      port.kill('was left over by a test')
      await port.ended
      await rm(dir, { recursive: true, force: true })
    }
  })

  /** A loaded worker whose handler runs `statement` in its inference. */
  async function load(statement: string, more: Partial<ProcessPortOptions> = {}) {
    const order = await orderFor(`
      import * as fs from 'node:fs'
      export default {
        preprocess: input => ({ text: input.data }),
        async inference(batch, { model }) { ${statement}; return batch },
        postprocess: output => output.text,
      }`)
    const log: LogMessage[] = []
    const port = new ProcessPort(options(order.dir, { onLog: message => log.push(message), ...more }))
    opened.push({ port, dir: order.dir })
    await port.load(order)
    return { port, log, run: () => port.run('predict', [itemOf('a')]) }
  }

  const endOf = (run: Promise<unknown>) =>
    run.then(
      () => ({ message: 'it was answered' }),
      (error: unknown) => error,
    )

  test('has an id and a size, and none once it is gone', async () => {
    const { port } = await load('')
    const { pid } = port
    expect(isAlive(pid ?? 0)).toBe(true)
    expect(port.memoryBytes()).toBeGreaterThan(20_000_000)
    port.stop()
    await port.ended
    expect(isAlive(pid ?? 0)).toBe(false)
    expect(port.memoryBytes()).toBeUndefined()
  })

  test.each([
    ['exits', 'process.exit(3)', 'exited with code 3'],
    ['kills itself', 'process.kill(process.pid, "SIGKILL")', 'was ended by SIGKILL'],
    ['aborts', 'process.abort()', 'was ended by SIGABRT'],
    [
      'throws where nobody catches',
      'setTimeout(() => { throw new Error("later") }); await new Promise(() => setTimeout(() => {}, 9e6))',
      'exited with code 1',
    ],
    [
      'writes garbage to the wire',
      'fs.writeSync(3, "garbage ".repeat(1000)); await new Promise(() => setTimeout(() => {}, 9e6))',
      /^sent what is not a message/,
    ],
    [
      'closes the wire',
      'fs.closeSync(3); await new Promise(() => setTimeout(() => {}, 9e6))',
      'closed its connection to the server',
    ],
  ])('that %s is gone, and its batch is told why', async (_case, statement, message) => {
    const { port, run } = await load(statement)
    expect(await endOf(run())).toMatchObject({
      name: 'WorkerEnded',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    })
    expect(isAlive(port.pid ?? 0)).toBe(false)
  })

  test('that answers a batch which it was not given is ended', async () => {
    const frame = JSON.stringify({ type: 'done', batch: 999, answers: [], metrics: [] })
    const { run } = await load(`
      const head = Buffer.from(${JSON.stringify(frame)})
      const prefix = Buffer.alloc(8)
      prefix.writeUInt32LE(head.length + 4, 0)
      prefix.writeUInt32LE(head.length, 4)
      fs.writeSync(3, Buffer.concat([prefix, head]))
      await new Promise(() => setTimeout(() => {}, 9e6))`)
    expect(await endOf(run())).toMatchObject({ message: expect.stringContaining('0 answers to batch 999') })
  })

  test.each([
    ['Buffers', 'const all = []; for (;;) all.push(Buffer.alloc(4e6, 1))'],
    ['the heap', 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length))'],
  ])('that fills %s is ended at its limit', async (_case, statement) => {
    const { run } = await load(statement, { memoryLimitBytes: 300 * 2 ** 20 })
    expect(await endOf(run())).toMatchObject({
      outOfMemory: true,
      message: expect.stringMatching(
        /^held \d+ MB of memory; its limit \(worker_memory_limit_mb\) is 300 MB$/,
      ),
    })
  })

  test('that runs out of heap before its limit is known by its last words', async () => {
    const { run } = await load('const all = []; for (;;) all.push(new Array(1e4).fill(all.length))', {
      env: { NODE_OPTIONS: '--max-old-space-size=60' },
    })
    expect(await endOf(run())).toMatchObject({ outOfMemory: true })
  })

  test.each([
    ['read outside its folder', 'fs.readFileSync("/etc/passwd")', '--allow-fs-read'],
    ['write into its folder', 'fs.writeFileSync(model.dir + "/new", "")', '--allow-fs-write'],
    ['write to the temporary folder', 'fs.writeFileSync("/tmp/new", "")', '--allow-fs-write'],
    ['start a process', '(await import("node:child_process")).spawnSync("id")', '--allow-child-process'],
    [
      'start a thread',
      'new (await import("node:worker_threads")).Worker("1", { eval: true })',
      '--allow-worker',
    ],
  ])('may not %s', async (_case, statement, permission) => {
    const { run } = await load(statement)
    const { answers } = await run()
    const detail: unknown = expect.stringContaining(
      `Access to this API has been restricted. Use ${permission}`,
    )
    expect(answers).toMatchObject([{ ok: false, code: 'PREDICTION_FAILED', facts: [], detail }])
  })

  test('says what it prints in the log, and a flood does not stop it', async () => {
    const { log, run } = await load(`
      console.error('to standard error')
      for (let i = 0; i < 100_000; i++) console.log('line ' + i)`)
    const { answers } = await run()
    expect(answers).toMatchObject([{ ok: true }])
    await waitFor('both outputs', () => log.some(({ level }) => level === 'warn') && log.length > 100)
    expect(log).toContainEqual({ type: 'log', level: 'warn', message: 'to standard error', fields: {} })
    expect(log.length).toBeLessThan(3000)
  })

  test('that cannot be started is told', async () => {
    const port = new ProcessPort(options('/', { program: '/no/such/program.ts' }))
    const ended = await port.ended
    expect(ended.message).toBe('exited with code 1')
    expect(ended.lastWords).toContain('Cannot find module')
  })

  test('whose Node.js is not there any more is told, and closes its payload file once', async () => {
    startWith('/no/such/node')
    const closed = new Promise<void>(resolve => {
      const listen = (message: unknown) => {
        unsubscribe('child_process', listen)
        const { process: child } = message as { process: ChildProcess }
        child.once('close', () => resolve())
      }
      subscribe('child_process', listen)
    })
    const { message } = await new ProcessPort(options('/')).ended
    expect(message).toBe('could not be started: spawn /no/such/node ENOENT')
    const next = openSync('/dev/null', 'r') // It gets the number that has become free.
    await closed
    closeSync(next)
  })

  test('that is refused at once leaves no payload file open', () => {
    startWith('no\0de')
    const before = payloadFiles()
    expect(() => new ProcessPort(options('/'))).toThrow('null bytes')
    expect(payloadFiles()).toBe(before)
  })
})

/** Until the test is over, processes are started with this in place of Node.js. */
function startWith(node: string): void {
  const { execPath } = process
  onTestFinished(() => void (process.execPath = execPath))
  process.execPath = node
}

/** How many payload files this process has open. */
function payloadFiles(): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('/dev/shm/sconce-')
    } catch {
      return false // It was that of reading the folder.
    }
  }).length
}
