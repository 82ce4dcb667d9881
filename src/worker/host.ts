import {
  InvalidInput,
  type Context,
  type Handler,
  type HandlerLogger,
  type Input,
  type Session,
  type Tensors,
} from '../runtime/handler.ts'
import { defaultVerbs } from '../runtime/default-verbs.ts'
import { checkInputs } from '../runtime/session.ts'
import { printAnswer, printTensors } from './answer.ts'
import { openItem } from './envelope.ts'
import { NoExplain, toWorkerFailure } from './failures.ts'
import { inferTensors, readTensors, writeTensors } from './infer.ts'
import { loadHandler } from './load-handler.ts'
import { openModel } from './open-model.ts'
import type {
  Answer,
  FromWorker,
  GraphInfo,
  Item,
  LoadOrder,
  MetricSample,
  Timings,
  Verb,
  WorkerFailure,
} from './protocol.ts'
import { recordMetrics } from './record-metrics.ts'

export type Log = (level: keyof HandlerLogger, message: string, fields: Record<string, unknown>) => void

export interface Host {
  readonly loaded: { readonly graph: GraphInfo | undefined; readonly loadMs: number }
  run(verb: Verb, items: readonly Item[]): Promise<HostResult>
}

type HostResult = Omit<Extract<FromWorker, { type: 'done' }>, 'type' | 'batch'>

type Answered = Pick<HostResult, 'answers' | 'timings'>
/** What a verb of the handler gave for each input, or that it failed. */
type Values = { readonly values: readonly unknown[]; readonly timings: Timings }

/** Something that failed alone, among neighbours that go on. */
class Failed {
  readonly failure: WorkerFailure
  constructor(error: unknown) {
    this.failure = toWorkerFailure(error)
  }
}

/** Opens the session, imports the handler and runs its `load`. Throws what either of them throws. */
export async function openHost(order: LoadOrder, log: Log): Promise<Host> {
  const startedAt = performance.now()
  const session = await openModel(order, log)
  const handler = await loadHandler(order.handlerFile)
  const metrics = recordMetrics()
  const context: Context = {
    model: { name: order.name, version: order.version, dir: order.dir },
    manifest: order.manifest,
    config: order.config,
    session: session ?? noSession(order),
    logger: makeLogger(log),
    metrics: metrics.recorder,
    limits: { limitImagePixels: order.limitImagePixels },
  }
  await handler.load?.(context)
  if (session === undefined && handler.inference === undefined) {
    throw new Error('The archive holds no ONNX file, and its handler has no inference of its own.')
  }
  const host = new HandlerHost(handler, context, order, metrics.take)
  return {
    loaded: { graph: session?.graph, loadMs: performance.now() - startedAt },
    run: (verb, items) => host.run(verb, items),
  }
}

/** Takes a batch through a handler. An item that fails before or after the session fails alone. */
class HandlerHost {
  readonly #handler: Handler
  readonly #verbs: Verbs
  readonly #context: Context
  readonly #order: LoadOrder
  readonly #takeMetrics: () => MetricSample[]

  constructor(handler: Handler, context: Context, order: LoadOrder, takeMetrics: () => MetricSample[]) {
    this.#handler = handler
    this.#verbs = withDefaults(handler)
    this.#context = context
    this.#order = order
    this.#takeMetrics = takeMetrics
  }

  async run(verb: Verb, items: readonly Item[]): Promise<HostResult> {
    const { answers, timings } = await (verb === 'infer'
      ? this.#runTensors(items)
      : this.#runHandler(verb, items))
    return { answers, timings, metrics: this.#takeMetrics() }
  }

  /** The handler gets what is in the requests' envelopes, all of it at once. */
  async #runHandler(verb: Verb, items: readonly Item[]): Promise<Answered> {
    const facts = { verb, model: this.#context.model, isDecoded: this.#order.decodeInput }
    const opened = await Promise.all(items.map(item => attempt(() => openItem(item, facts))))
    const inputs = opened.flatMap(one => (one instanceof Failed ? [] : one.inputs))
    const { values, timings } = await this.#runVerb(verb, inputs)
    let next = 0
    const answers = opened.map(async one => {
      if (one instanceof Failed) return toAnswer(one)
      const own = values.slice(next, (next += one.inputs.length))
      const failed = own.find(value => value instanceof Failed)
      if (failed !== undefined) return toAnswer(failed)
      return toAnswer(await attempt(() => this.#print(one.close(own))))
    })
    const [startMs] = timings.postprocess
    return { answers: await Promise.all(answers), timings: { ...timings, postprocess: [startMs, now()] } }
  }

  /** No code of the handler's: tensors to the session and back. */
  async #runTensors(items: readonly Item[]): Promise<Answered> {
    const { session, model } = this.#context
    const at = [now()]
    const read = items.map(item =>
      attempt(() => {
        if (this.#order.modelFile === undefined) throw new InvalidInput(NO_GRAPH)
        return readTensors(item, session, model.name)
      }),
    )
    const prepared = await Promise.all(read)
    at.push(now())
    const outputs = await spread(prepared, good => attempt(() => inferTensors(session, good)))
    at.push(now())
    const answers = outputs.map((output, index) => {
      const item = items[index]
      if (output instanceof Failed) return toAnswer(output)
      if (item === undefined) return toAnswer(undefined)
      return printTensors(writeTensors(output, item), this.#order.maxResponseSize)
    })
    at.push(now())
    return { answers, timings: toTimings(at) }
  }

  async #predict(inputs: readonly Input[]): Promise<Values> {
    const at = [now()]
    const prepared = await Promise.all(inputs.map(input => attempt(() => this.#preprocess(input))))
    at.push(now())
    const outputs = await spread(prepared, good => this.#infer(good))
    at.push(now())
    const values = await Promise.all(
      inputs.map(async (input, index) => {
        const output = outputs[index]
        if (output === undefined || output instanceof Failed) return output ?? new Failed(undefined)
        return attempt(() => this.#verbs.postprocess(output, input, this.#context))
      }),
    )
    at.push(now())
    return { values, timings: toTimings(at) }
  }

  #runVerb(verb: Verb, inputs: readonly Input[]): Promise<Values> {
    if (verb === 'predict') return this.#predict(inputs)
    const handler = this.#handler
    const context = this.#context
    if (verb === 'describe') return this.#each(inputs, () => handler.describe?.(context) ?? null)
    return this.#each(inputs, input => {
      if (handler.explain === undefined) throw new NoExplain()
      return handler.explain(input, context)
    })
  }

  /** One call of the handler per request; all of it counts as inference. */
  async #each(inputs: readonly Input[], answer: (input: Input) => unknown): Promise<Values> {
    const startMs = now()
    const values: unknown[] = []
    for (const input of inputs) values.push(await attempt(() => answer(input)))
    const endMs = now()
    return { values, timings: toTimings([startMs, startMs, endMs, endMs]) }
  }

  async #preprocess(input: Input): Promise<Tensors> {
    const tensors = await this.#verbs.preprocess(input, this.#context)
    // A handler with an inference of its own may hand it whatever it likes.
    if (this.#handler.inference === undefined) checkInputs(this.#context.session.graph, tensors)
    return tensors
  }

  async #infer(good: readonly Tensors[]): Promise<readonly (Tensors | Error)[] | Failed> {
    const results = await attempt<unknown>(() => this.#verbs.inference(good, this.#context))
    if (results instanceof Failed) return results
    if (!Array.isArray(results)) return batchFailed('NOT_A_BATCH', results)
    if (results.length !== good.length) return batchFailed('WRONG_BATCH_SIZE', results)
    return results as (Tensors | Error)[]
  }

  #print(value: unknown): Answer {
    return printAnswer(value, this.#order.maxResponseSize)
  }
}

/**
 * One output per entry of `prepared`, from those that `run` gives for the good ones: what failed before stays failed, an
 * error fails its entry, a failed run all that were left.
 */
async function spread(
  prepared: readonly (Tensors | Failed)[],
  run: (good: readonly Tensors[]) => Promise<readonly (Tensors | Error)[] | Failed>,
): Promise<(Tensors | Failed)[]> {
  const good = prepared.filter(entry => !(entry instanceof Failed)) as Tensors[]
  const results = good.length === 0 ? [] : await run(good)
  let next = 0
  return prepared.map(entry => {
    if (entry instanceof Failed) return entry
    if (results instanceof Failed) return results
    const result = results[next++]
    return result === undefined || result instanceof Error ? new Failed(result) : result
  })
}

type Verbs = Required<Pick<Handler, 'preprocess' | 'inference' | 'postprocess'>>

/** The handler's verbs, and the default of each that it leaves out. */
function withDefaults(handler: Handler): Verbs {
  return {
    preprocess: (...given) =>
      handler.preprocess ? handler.preprocess(...given) : defaultVerbs.preprocess(...given),
    inference: (...given) =>
      handler.inference ? handler.inference(...given) : defaultVerbs.inference(...given),
    postprocess: (...given) =>
      handler.postprocess ? handler.postprocess(...given) : defaultVerbs.postprocess(given[0], given[1]),
  }
}

const NO_GRAPH = "The model has a handler and no graph: send one BYTES input named 'data' with one element."

function noSession({ name }: LoadOrder): Session {
  const refuse = (): never => {
    throw new Error(`The archive of model ${name} holds no ONNX file, so there is no session to use.`)
  }
  return {
    get graph(): GraphInfo {
      return refuse()
    },
    run: refuse,
  }
}

function makeLogger(log: Log): HandlerLogger {
  const at =
    (level: keyof HandlerLogger) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      log(level, message, fields)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

async function attempt<T>(work: () => T | Promise<T>): Promise<T | Failed> {
  try {
    return await work()
  } catch (error) {
    return new Failed(error)
  }
}

function batchFailed(code: 'NOT_A_BATCH' | 'WRONG_BATCH_SIZE', results: unknown): Failed {
  const got = Array.isArray(results) ? `${results.length} results` : typeof results
  const failed = new Failed(new Error(`The handler's inference gave ${got}.`))
  return Object.assign(failed, { failure: { ...failed.failure, code } })
}

function toAnswer(result: Answer | Failed | undefined): Answer {
  if (result === undefined || result instanceof Failed) {
    return { ok: false, ...(result ?? new Failed(undefined)).failure }
  }
  return result
}

/** The three stages from the four times between them. */
function toTimings([start = 0, prepared = 0, inferred = 0, end = 0]: readonly number[]): Timings {
  return { preprocess: [start, prepared], inference: [prepared, inferred], postprocess: [inferred, end] }
}

/** Milliseconds since the epoch, with fractions. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
