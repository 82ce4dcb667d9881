import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FILES } from './models.ts'

export interface RunningServer {
  readonly pid: number
  readonly port: number
  /** Of the inference services, where the server has them. */
  readonly grpcPort?: number
  stop(): Promise<void>
}

/** A server that does not come up must not hold the benchmark for ever. */
const START_TIMEOUT_MS = 60_000

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Sconce as a user gets it, with every default but two: the queue takes as many requests as the load generator has
 * in flight, and `fraud_batched` is the fraud model again, in batches of up to 32.
 */
export async function startSconce(): Promise<RunningServer> {
  return startSconceWith(
    [FILES.digitsArchive, FILES.fraudModel],
    [
      'load_models=digits.mar,fraud.onnx,fraud_batched=fraud.onnx',
      'models={"fraud_batched":{"1.0":{"batchSize":32}}}',
    ],
  )
}

/** Sconce with these files in its model store, and these lines in its config.properties beside those of every bench. */
export async function startSconceWith(
  files: readonly { readonly path: string; readonly name: string }[],
  more: readonly string[],
): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sconce-bench-'))
  for (const file of files) await copyFile(file.path, join(folder, file.name))
  const settings = [
    `model_store=${folder}`,
    ...more,
    'job_queue_size=1000',
    'inference_address=http://127.0.0.1:0',
    'grpc_inference_port=0',
    'grpc_management_port=0',
    ...['management', 'metrics'].map(api => `${api}_address=unix:${join(folder, api)}`),
    'log_format=json',
  ]
  const config = join(folder, 'config.properties')
  await writeFile(config, settings.join('\n'))
  const child = start([join(ROOT, 'src/cli/sconce.ts'), 'start', '--ts-config', config])
  return untilUp(child, addressOfSconce, () => rm(folder, { recursive: true, force: true }))
}

/** A bare Fastify that sends back the bytes it gets. */
export async function startByteEcho(): Promise<RunningServer> {
  const program = fileURLToPath(new URL('byte-echo-program.ts', import.meta.url))
  return untilUp(start([program]), toAddresses, async () => {})
}

/** A bare grpc-js that sends back the bytes of a message. */
export async function startGrpcEcho(): Promise<RunningServer> {
  const program = fileURLToPath(new URL('grpc-echo-program.ts', import.meta.url))
  return untilUp(start([program]), toAddresses, async () => {})
}

/** The reference. `answers` is by path. */
export async function startEcho(answers: Readonly<Record<string, string>>): Promise<RunningServer> {
  const program = fileURLToPath(new URL('echo-program.ts', import.meta.url))
  const child = start([program, JSON.stringify(answers)])
  return untilUp(child, toAddresses, async () => {})
}

function start(args: string[]): ChildProcess {
  return spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
}

interface Addresses {
  readonly inference: string
  /** `127.0.0.1:7070` */
  readonly grpc?: string
}

/** The echo servers print nothing else. */
const toAddresses = (line: string): Addresses => ({ inference: line })

/** The line that says that all models are up has the addresses. */
function addressOfSconce(line: string): Addresses | undefined {
  if (!line.includes('"Sconce is up"')) return undefined
  const { addresses, grpc, models } = JSON.parse(line) as {
    addresses: { inference: string }
    grpc?: { inference: string }
    models: { name: string; state: string; reason: string }[]
  }
  const broken = models.find(({ state }) => state !== 'ready')
  if (broken !== undefined) throw new Error(`Model ${broken.name} is ${broken.state}: ${broken.reason}`)
  return { inference: addresses.inference, ...(grpc === undefined ? {} : { grpc: grpc.inference }) }
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

/** Waits for the server's address; where it does not come, nothing of the server is left. */
async function untilUp(
  child: ChildProcess,
  findAddresses: (line: string) => Addresses | undefined,
  cleanUp: () => Promise<void>,
): Promise<RunningServer> {
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
    const { inference, grpc } = await firstLine(child, findAddresses)
    if (pid === undefined) throw new Error('A server that gave its address has a process')
    const port = portOf(inference)
    return { pid, port, ...(grpc === undefined ? {} : { grpcPort: portOf(`http://${grpc}`) }), stop }
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const portOf = (url: string) => Number(new URL(url).port)
