import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Length } from './bench.ts'
import { freePort } from './free-port.ts'
import { endWithUs, makeFolder, removeFolder } from './interruption.ts'
import { FILES } from './models.ts'
import { programOf, ROOT } from './program.ts'

export interface RunningServer {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** Sconce, with the doors that only it has. */
export interface RunningSconce extends RunningServer {
  readonly management: string
  /** Address of gRPC as clients take it. */
  readonly grpc: string
}

/** Files or folders for a model store, under the name that they get there. */
export interface StoreEntry {
  readonly path: string
  readonly name: string
}

/** A server that does not come up must not hold the benchmark for ever. */
const START_TIMEOUT_MS = 60_000
const POLL_MS = 20

/** What a Sconce is started with: files in its model store, and lines of its config.properties. */
export interface SconceSetup {
  readonly store: readonly StoreEntry[]
  readonly settings: readonly string[]
  /** A quick run has one worker per model: it shows that it works, and is up sooner. */
  readonly length: Length
}

/**
 * Sconce as a user gets it, with every default but two: the queue takes as many requests as the load generator has
 * in flight, and `fraud_batched` is the fraud model again, in batches of up to 32.
 */
export function startSconce(length: Length): Promise<RunningSconce> {
  return startSconceWith({
    length,
    store: [FILES.digitsArchive, FILES.fraudModel],
    settings: [
      'load_models=digits.mar,fraud.onnx,fraud_batched=fraud.onnx',
      'models={"fraud_batched":{"1.0":{"batchSize":32}}}',
      'job_queue_size=1000',
    ],
  })
}

/** Sconce with this setup beside the settings of every bench. */
export async function startSconceWith(setup: SconceSetup): Promise<RunningSconce> {
  const { child, cleanUp } = await spawnSconce(setup)
  const { pid, stop, found } = await untilUp(child, () => firstLine(child, addressesOfSconce), cleanUp)
  return { pid, port: portOf(found.inference), management: found.management, grpc: found.grpc, stop }
}

/** The same where the log says nothing: the server is known by its port, and up when it says that it is ready. */
export async function startQuietSconce(setup: SconceSetup): Promise<RunningServer> {
  const port = await freePort()
  const settings = [...setup.settings, `inference_address=http://127.0.0.1:${port}`, 'log_level=warn']
  const { child, cleanUp } = await spawnSconce({ ...setup, settings })
  const { pid, stop } = await untilUp(child, () => untilReady(child, port), cleanUp)
  child.stdout?.resume()
  return { pid, port, stop }
}

async function spawnSconce({ store, settings, length }: SconceSetup) {
  const folder = await makeFolder()
  for (const { path, name } of store) await cp(path, join(folder, name), { recursive: true })
  const lines = [
    `model_store=${folder}`,
    ...['inference', 'management', 'metrics'].map(api => `${api}_address=http://127.0.0.1:0`),
    'grpc_inference_port=0',
    'grpc_management_port=0',
    'log_format=json',
    ...(length === 'quick' ? ['default_workers_per_model=1'] : []),
    ...settings, // The last line of a key counts.
  ]
  const config = join(folder, 'config.properties')
  await writeFile(config, lines.join('\n'))
  const child = start([programOf(length), 'start', '--ncs', '--ts-config', config])
  return { child, cleanUp: () => removeFolder(folder) }
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/v2/health/ready`
  while (child.exitCode === null && child.signalCode === null) {
    const isReady = await fetch(url).then(
      ({ ok }) => ok,
      () => false, // It does not listen yet.
    )
    if (isReady) return
    await sleep(POLL_MS)
  }
  throw new Error(`A server ended before it was up, or was not within ${START_TIMEOUT_MS / 1000} s`)
}

/** A bare Fastify that sends back the bytes it gets. */
export function startByteEcho(): Promise<RunningServer> {
  return startProgram(new URL('byte-echo-program.ts', import.meta.url))
}

/** A bare grpc-js that sends back the bytes it gets. */
export function startGrpcEcho(): Promise<RunningServer> {
  return startProgram(new URL('grpc-echo-program.ts', import.meta.url))
}

/** A collector of spans that says yes to everything. */
export function startCollector(): Promise<RunningServer> {
  return startProgram(new URL('collector-program.ts', import.meta.url))
}

/** The reference. `answers` is by path. */
export function startEcho(answers: Readonly<Record<string, string>>): Promise<RunningServer> {
  return startProgram(new URL('echo-program.ts', import.meta.url), JSON.stringify(answers))
}

/** A program of ours whose first line is its address. */
async function startProgram(program: URL, ...args: string[]): Promise<RunningServer> {
  const child = start([fileURLToPath(program), ...args])
  const { pid, found, stop } = await untilUp(
    child,
    () => firstLine(child, line => line),
    async () => {},
  )
  return { pid, port: portOf(found), stop }
}

function portOf(address: string): number {
  return Number(new URL(address).port)
}

function start(args: string[]): ChildProcess {
  return endWithUs(spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] }))
}

/** The line that says that all models are up has the addresses. */
function addressesOfSconce(line: string) {
  if (!line.includes('"Sconce is up"')) return undefined
  const { addresses, grpc, models } = JSON.parse(line) as {
    addresses: { inference: string; management: string }
    grpc: { inference: string }
    models: { name: string; state: string; reason: string }[]
  }
  const broken = models.find(({ state }) => state !== 'ready')
  if (broken !== undefined) throw new Error(`Model ${broken.name} is ${broken.state}: ${broken.reason}`)
  return { ...addresses, grpc: grpc.inference }
}

/** What `find` makes of the first line that it makes something of. Later output is read and forgotten. */
async function firstLine<T>(child: ChildProcess, find: (line: string) => T | undefined): Promise<T> {
  const { stdout } = child
  if (stdout === null) throw new Error('The server was started with a pipe for its standard output')
  const lines = createInterface({ input: stdout })
  try {
    for await (const line of lines) {
      const found = find(line)
      if (found !== undefined) return found
    }
  } finally {
    lines.close()
    stdout.resume()
  }
  throw new Error(`A server ended before it was up, or was not within ${START_TIMEOUT_MS / 1000} s`)
}

/** Waits until `look` has found the server up; where it does not, nothing of the server is left. */
async function untilUp<T>(
  child: ChildProcess,
  look: () => Promise<T>,
  cleanUp: () => Promise<void>,
): Promise<{ readonly pid: number; readonly found: T; readonly stop: () => Promise<void> }> {
  const { pid } = child
  const onEarlyExit = (code: number | null, signal: string | null): void =>
    console.error(`A server that is measured ended by itself: ${signal ?? `exit code ${code}`}`)
  child.once('exit', onEarlyExit)
  const stop = async (): Promise<void> => {
    child.removeListener('exit', onEarlyExit)
    if (pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    await cleanUp()
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
  try {
    const found = await look()
    if (pid === undefined) throw new Error('A server that gave its address has a process')
    return { pid, found, stop }
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
