/** Opens the server's end of a worker: a process of its own, or in this one for a debugger. */
import type { Config } from './config/config.ts'
import { failure } from './errors.ts'
import type { RegisterDeps } from './models/register.ts'
import { InlinePort } from './pool/inline-port.ts'
import type { LogMessage, WorkerPort } from './pool/port.ts'
import { ProcessPort } from './pool/process-port.ts'
import { totalMemoryBytes, workerProgram } from './pool/worker-program.ts'
import type { Logger } from './telemetry/logger.ts'

export interface WorkerPortsOptions {
  readonly config: Config
  readonly logger: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

type OpenPort = RegisterDeps['openPort']

/** A worker that takes more than this share of all memory is killed before the kernel kills anything. */
const WORKER_MEMORY_SHARE = 0.8

/** The workers that run, whichever model they belong to. */
export class WorkerPorts {
  readonly #open: OpenPort
  readonly #running = new Set<WorkerPort>()
  readonly #first = Promise.withResolvers<void>()
  #isClosed = false

  constructor(options: WorkerPortsOptions) {
    this.#open = options.config.workers.isDebug ? inlinePorts(options) : processPorts(options)
  }

  /** Starts a worker. Throws SHUTTING_DOWN after `kill`. */
  readonly open: OpenPort = (...worker) => {
    if (this.#isClosed) throw failure('SHUTTING_DOWN')
    const port = this.#open(...worker)
    this.#running.add(port)
    this.#first.resolve()
    void port.ended.then(() => this.#running.delete(port))
    return port
  }

  /** Resolves when the first one has been started. */
  get first(): Promise<void> {
    return this.#first.promise
  }

  /** Ends them all at once, whatever they do, and lets no further one start. The result is how many there were. */
  kill(reason: string): number {
    this.#isClosed = true
    for (const port of this.#running) port.kill(reason)
    return this.#running.size
  }
}

/** A process per worker, fenced in by Node's permission model. */
function processPorts({ config, logger, env }: WorkerPortsOptions): OpenPort {
  const { program, readable, env: passed } = workerProgram(env, config.workers.hiddenVariables)
  const limitMb = config.workers.memoryLimitMb
  const memoryLimitBytes = limitMb > 0 ? limitMb * 1024 ** 2 : totalMemoryBytes() * WORKER_MEMORY_SHARE
  return (order, files, worker): WorkerPort =>
    new ProcessPort({
      program,
      readable: [...readable, ...files],
      env: passed,
      memoryLimitBytes,
      onLog: logWorker(logger.child({ model: order.name, version: order.version, worker })),
    })
}

/** `debug=true`: the handler runs in this process, where a debugger can stop in it. */
function inlinePorts({ logger }: WorkerPortsOptions): OpenPort {
  return (order, _files, worker) => {
    const log = logWorker(logger.child({ model: order.name, version: order.version, worker }))
    return new InlinePort(async loading => {
      const { openHost } = await import('./worker/host.ts')
      return openHost(loading, (level, message, fields) => log({ type: 'log', level, message, fields }))
    })
  }
}

function logWorker(logger: Logger): (message: LogMessage) => void {
  return ({ level, message, fields }) => logger[level](message, fields)
}
