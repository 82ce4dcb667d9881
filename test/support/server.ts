import { once } from 'node:events'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { startServer, type Server } from '../../src/server.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { ModelStore } from './model-store.ts'
import { workersOf } from './processes.ts'
import { waitFor } from './wait-for.ts'

export const home = join(import.meta.dirname, '../..')

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string }

export interface TestServer {
  readonly server: Server
  /** Origins, as http://127.0.0.1:40001. */
  readonly inference: string
  readonly management: string
  readonly metrics: string
  readonly log: readonly LogLine[]
  /** The only model of a name as `GET /models/{name}` shows it. */
  describe(model: string): Promise<Description>
  stop(): Promise<void>
}

export interface Description {
  readonly state: string
  readonly reason?: string
  readonly workers: readonly { id: string; pid: number; state: string; reason?: string; status: string }[]
  readonly jobQueueStatus: { remainingCapacity: number; pendingRequests: number }
}

/** Flags that put each API on a free port; one worker for each model. */
export const onFreePorts: readonly string[] = [
  '--inference-address=http://127.0.0.1:0',
  '--management-address=http://127.0.0.1:0',
  '--metrics-address=http://127.0.0.1:0',
  '--grpc-inference-port=0',
  '--grpc-management-port=0',
  '--default-workers-per-model=1',
]

/** Starts the real server in this process with everything in the store, its workers being real processes. */
export async function startTestServer(store: ModelStore, flags: readonly string[] = []): Promise<TestServer> {
  const { config } = await loadConfig({
    argv: ['--model-store', store.dir, '--models', 'all', ...onFreePorts, ...flags],
    env: {},
    cwd: store.dir,
  })
  const log: LogLine[] = []
  const stream = { write: (text: string, written?: () => void) => (collect(log, text), written?.()) }
  const logger = createLogger({ format: 'json', level: config.logging.level, stream })
  const server = await startServer({ config, logger, version: '0.1.0', env: process.env })
  await server.settled
  const { inference, management, metrics = '' } = server.addresses
  return {
    server,
    inference,
    management,
    metrics,
    log,
    describe: async model => {
      const response = await fetch(`${management}/models/${model}`)
      const [only] = (await response.json()) as [Description]
      return only
    },
    stop: () => server.stop(),
  }
}

/** Waits for a line of the log. */
export function logged(
  { log }: Pick<TestServer, 'log'>,
  what: string,
  matches: (line: LogLine) => boolean,
): Promise<LogLine> {
  return waitFor(`a line in the log: ${what}`, () => log.find(matches))
}

function collect(log: LogLine[], text: string): void {
  for (const line of text.split('\n')) if (line !== '') log.push(JSON.parse(line) as LogLine)
}

/** What servers of this process have left behind: worker processes and folders in the temporary folder. */
export async function leftovers(): Promise<string[]> {
  const folders = (await readdir(tmpdir())).filter(name => name.startsWith(`sconce-${process.pid}-`))
  return [...folders, ...workersOf(process.pid).map(pid => `worker ${pid}`)]
}

/** Points this process's temporary folder at a fresh one; the result puts it back and removes it. */
export async function freshTmpdir(): Promise<{ dir: string; remove(): Promise<void> }> {
  const before = process.env['TMPDIR']
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sconce-tmp-')))
  process.env['TMPDIR'] = dir
  return {
    dir,
    remove: async () => {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A port of 127.0.0.1 that nobody listens on: for what has to know its port before it starts. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A TCP server's address is an object; a string only for pipes.
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
