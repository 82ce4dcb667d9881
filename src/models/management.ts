import { failure, restoreFailure } from '../errors.ts'
import { describeModel } from './describe-model.ts'
import type { Model } from './model.ts'
import type { ModelOperations } from './operations.ts'
import type { Registry } from './registry.ts'
import { MAX_TIMEOUT_S } from './settings.ts'

export interface RegisterCall {
  readonly url: string | undefined
  readonly modelName: string | undefined
  readonly handler: string | undefined
  readonly runtime: string | undefined
  readonly s3SseKms: boolean
  readonly initialWorkers: number | undefined
  readonly batchSize: number | undefined
  /** Milliseconds. */
  readonly maxBatchDelay: number | undefined
  /** Seconds. */
  readonly responseTimeout: number | undefined
  /** Seconds. */
  readonly startupTimeout: number | undefined
  /** Whether the answer waits for the workers. */
  readonly synchronous: boolean
}

export interface ScaleCall {
  readonly name: string
  readonly version: string | undefined
  readonly minWorkers: number | undefined
  readonly maxWorkers: number | undefined
  readonly synchronous: boolean
}

/** TorchServe's sentence about what was done, or is being done. */
export interface Said {
  readonly status: string
  readonly isDone: boolean
}

const MAX_PAGE = 100
/** More processes than this for one model are a slip of the finger. */
const MAX_WORKERS = 1024
const PROCESSING: Said = { status: 'Processing worker updates...', isDone: false }

/** TorchServe's management calls, for every protocol: https://github.com/pytorch/serve/blob/master/docs/management_api.md */
export class Management {
  readonly #registry: Registry
  readonly #operations: ModelOperations

  constructor(registry: Registry, operations: ModelOperations) {
    this.#registry = registry
    this.#operations = operations
  }

  async register(call: RegisterCall): Promise<Said> {
    if (call.url === undefined) throw failure('MISSING_PARAMETER', 'url')
    checkRuntime(call.runtime)
    if (call.s3SseKms) {
      throw failure(
        'BAD_REQUEST',
        's3_sse_kms is not supported yet: archives come from the model store, http(s) or file URLs.',
      )
    }
    const { model, ready } = await this.#operations.register({
      url: call.url,
      name: call.modelName || undefined,
      handler: call.handler || undefined,
      atStartup: false,
      settings: {
        minWorkers: initialWorkers(call.initialWorkers),
        batchSize: atLeast(1, 'batch_size', call.batchSize),
        maxBatchDelay: atLeast(0, 'max_batch_delay', call.maxBatchDelay),
        responseTimeout: timeoutOf('response_timeout', call.responseTimeout),
        startupTimeout: timeoutOf('startup_timeout', call.startupTimeout),
      },
    })
    const workers = model.settings.minWorkers
    const said = `Model "${model.name}" Version: ${model.version} registered with ${workers} initial workers`
    if (workers === 0) return done(`${said}. Use scale workers API to add workers for the model.`)
    if (!call.synchronous) return PROCESSING
    await ready
    return done(said)
  }

  async scale({ name, version, synchronous, ...given }: ScaleCall): Promise<Said> {
    const minWorkers = countOf('min_worker', given.minWorkers) ?? 1
    const maxWorkers = given.maxWorkers ?? minWorkers
    if (maxWorkers < minWorkers) throw failure('BAD_REQUEST', 'max_worker cannot be less than min_worker.')
    const scaling = this.#operations.scale({ name, version, minWorkers, maxWorkers })
    if (!synchronous) return PROCESSING
    await scaling.done
    const said = `Workers scaled to ${minWorkers} for model: ${name}`
    return done(version === undefined ? said : `${said}, version: ${version}`)
  }

  async unregister(name: string, version: string | undefined): Promise<Said> {
    await this.#operations.unregister(name, version)
    return done(`Model "${name}" unregistered`)
  }

  async setDefault(name: string, version: string): Promise<Said> {
    await this.#operations.setDefault(name, version)
    return done(`Default version successfully updated for model "${name}" to "${version}"`)
  }

  /** One version, the default one, or `all`; `customized` asks the model's handler what it has to say. */
  async describe(
    name: string,
    asked: string | undefined,
    { customized, requestId }: { customized: boolean; requestId: string },
  ): Promise<unknown[]> {
    if (asked === 'all') {
      this.#registry.resolve(name, undefined)
      return this.#registry
        .all()
        .filter(model => model.name === name)
        .map(describeModel)
    }
    const model = this.#registry.resolve(name, asked)
    const metadata = customized ? { customizedMetadata: await askHandler(model, requestId) } : {}
    return [{ ...describeModel(model), ...metadata }]
  }

  /** One page of the default versions, by TorchServe's rules for `limit` and `next_page_token`. */
  list(limit = MAX_PAGE, token = 0): Record<string, unknown> {
    const count = limit < 0 || limit > MAX_PAGE ? MAX_PAGE : limit
    const start = Math.max(0, token)
    const models = this.#registry.defaults()
    const end = start + count
    return {
      // Present also where the page ends exactly at the last model: TorchServe's clients count on it.
      ...(end <= models.length ? { nextPageToken: String(end) } : {}),
      models: models
        .slice(start, end)
        .map(model => ({ modelName: model.name, modelUrl: model.archive.file })),
    }
  }
}

const done = (status: string): Said => ({ status, isDone: true })

/** What the model's handler says of itself; undefined where it says nothing. */
async function askHandler(model: Model, requestId: string): Promise<unknown> {
  if (!model.pool.canServe) throw failure('NO_WORKER_TO_DESCRIBE', model.name)
  const job = { verb: 'describe', item: { requestId, headers: {}, parameters: [] } } as const
  const terms = { isGone: () => false, deadline: Infinity, priority: 'normal' } as const
  const { answer } = await model.submit(job, undefined, terms)
  if (!answer.ok) {
    const { code, facts, status, detail } = answer
    throw restoreFailure(code, facts, { cause: detail, ...(status === undefined ? {} : { status }) })
  }
  const text = new TextDecoder().decode(answer.body)
  try {
    const value: unknown = JSON.parse(text)
    return value ?? undefined
  } catch {
    return text
  }
}

/** TorchServe's runtimes; none of them changes anything here. */
function checkRuntime(runtime: string | undefined): void {
  if (runtime === undefined || ['python', 'python3', 'LSP'].includes(runtime)) return
  throw failure('BAD_REQUEST', `Invalid RuntimeType value: ${runtime}`)
}

/** A negative number asks for none, as in TorchServe. */
function initialWorkers(given: number | undefined): number | undefined {
  return (given ?? 0) < 0 ? 0 : countOf('initial_workers', given)
}

/** A number of workers. */
function countOf(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && value < 0) throw failure('NEGATIVE_COUNT', name, value)
  if (value !== undefined && value > MAX_WORKERS) {
    throw failure('BAD_REQUEST', `${name} is ${value}; expected ${MAX_WORKERS} at most.`)
  }
  return value
}

/** Seconds, as many as a timer can wait. */
function timeoutOf(name: string, given: number | undefined): number | undefined {
  const value = atLeast(0, name, given)
  if (value === undefined || value <= MAX_TIMEOUT_S) return value
  throw failure('BAD_REQUEST', `${name} is ${value}; expected ${MAX_TIMEOUT_S} at most.`)
}

function atLeast(least: number, name: string, value: number | undefined): number | undefined {
  if (value === undefined || value >= least) return value
  throw failure('BAD_REQUEST', `${name} is ${value}; expected ${least} or more.`)
}
