import { defaultVerbs } from '../runtime/default-verbs.ts'
import { checkInputs } from '../runtime/check-inputs.ts'
import { InvalidInput, type Context, type Handler, type Input, type Tensors } from '../runtime/handler.ts'
import { printAnswer, printTensors } from './answer.ts'
import { all, attempt, attemptNow, Failed, isPromise } from './attempt.ts'
import { openItem } from './envelope.ts'
import { NoExplain } from './failures.ts'
import { inferTensors, readTensors, writeTensors } from './infer.ts'
import type { Answer, FromWorker, Item, LoadOrder, MetricSample, Timings, Verb } from './protocol.ts'

export type HostResult = Omit<Extract<FromWorker, { type: 'done' }>, 'type' | 'batch'>

type Answered = Pick<HostResult, 'answers' | 'timings'>
/** What a verb of the handler gave for each input, or that it failed. */
type Values = { readonly values: readonly unknown[]; readonly timings: Timings }

/**
 * Takes batches through a handler. An item that fails before or after the session fails alone. One batch at a time has
 * the session, in the order in which they came; what comes before the session is done as soon as a batch is there, so
 * that images are decoded while the batch before is computed.
 */
export class HandlerHost {
  readonly #handler: Handler
  readonly #verbs: Verbs
  readonly #context: Context
  readonly #order: LoadOrder
  readonly #takeMetrics: () => MetricSample[]
  /** Settles when the last batch that came has left the session. */
  #turn: Promise<void> = Promise.resolve()

  constructor(handler: Handler, context: Context, order: LoadOrder, takeMetrics: () => MetricSample[]) {
    this.#handler = handler
    this.#verbs = withDefaults(handler)
    this.#context = context
    this.#order = order
    this.#takeMetrics = takeMetrics
  }

  async run(verb: Verb, items: readonly Item[]): Promise<HostResult> {
    const turn = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    try {
      const { answers, timings } = await (verb === 'infer'
        ? this.#runTensors(items, turn)
        : this.#runHandler(verb, items, turn))
      return { answers, timings, metrics: this.#takeMetrics() }
    } finally {
      resolve()
    }
  }

  /** The handler gets what is in the requests' envelopes, all of it at once. */
  async #runHandler(verb: Verb, items: readonly Item[], turn: Promise<void>): Promise<Answered> {
    const facts = { verb, model: this.#context.model, isDecoded: this.#order.decodeInput }
    const opened = items.map(item => attemptNow(() => openItem(item, facts)))
    const inputs = opened.flatMap(one => (one instanceof Failed ? [] : one.inputs))
    const { values, timings } = await this.#runVerb(verb, inputs, turn)
    let next = 0
    const answers = opened.map(one => {
      if (one instanceof Failed) return toAnswer(one)
      const own = values.slice(next, (next += one.inputs.length))
      const failed = own.find(value => value instanceof Failed)
      return toAnswer(failed ?? attemptNow(() => this.#print(one.close(own))))
    })
    const [startMs] = timings.postprocess
    return { answers, timings: { ...timings, postprocess: [startMs, now()] } }
  }

  /** No code of the handler's: tensors to the session and back. */
  async #runTensors(items: readonly Item[], turn: Promise<void>): Promise<Answered> {
    const { session, model } = this.#context
    const startMs = now()
    const prepared = items.map(item =>
      attemptNow(() => {
        if (this.#order.modelFile === undefined) throw new InvalidInput(NO_GRAPH)
        return readTensors(item, session, model.name)
      }),
    )
    const preparedMs = now()
    await turn
    const beganMs = now()
    const outputs = await spread(prepared, good => attempt(() => inferTensors(session, good)))
    const inferredMs = now()
    const answers = outputs.map((output, index) => {
      const item = items[index]
      if (output instanceof Failed) return toAnswer(output)
      if (item === undefined) throw new Error('A run gives one result per item.')
      return printTensors(writeTensors(output, item, session.graph), this.#order.maxResponseSize)
    })
    const timings: Timings = {
      preprocess: [startMs, preparedMs],
      inference: [beganMs, inferredMs],
      postprocess: [inferredMs, now()],
    }
    return { answers, timings }
  }

  async #predict(inputs: readonly Input[], turn: Promise<void>): Promise<Values> {
    const startMs = now()
    const prepared = await all(inputs.map(input => attempt(() => this.#preprocess(input))))
    const preparedMs = now()
    await turn
    const beganMs = now()
    const outputs = await spread(prepared, good => this.#infer(good))
    const inferredMs = now()
    const values = await all(
      inputs.map((input, index): unknown => {
        const output = outputs[index]
        if (output === undefined || output instanceof Failed) return output ?? new Failed(undefined)
        return attempt<unknown>(() => this.#verbs.postprocess(output, input, this.#context))
      }),
    )
    const timings: Timings = {
      preprocess: [startMs, preparedMs],
      inference: [beganMs, inferredMs],
      postprocess: [inferredMs, now()],
    }
    return { values, timings }
  }

  async #runVerb(verb: Verb, inputs: readonly Input[], turn: Promise<void>): Promise<Values> {
    if (verb === 'predict') return this.#predict(inputs, turn)
    await turn
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
    const timings: Timings = {
      preprocess: [startMs, startMs],
      inference: [startMs, endMs],
      postprocess: [endMs, endMs],
    }
    return { values, timings }
  }

  #preprocess(input: Input): Tensors | Promise<Tensors> {
    const given = this.#verbs.preprocess(input, this.#context)
    // A handler with an inference of its own may hand it whatever it likes.
    if (this.#handler.inference !== undefined) return given
    const check = (tensors: Tensors): Tensors => {
      checkInputs(this.#context.session.graph, tensors)
      return tensors
    }
    return isPromise(given) ? given.then(check) : check(given)
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

const NO_GRAPH = "The model has a handler and no graph: send one BYTES input named 'data' with one element."

/**
 * One output per entry of `prepared`, from those that `run` gives for the good ones: what failed before stays failed, an
 * error fails its entry, a failed run all that were left.
 */
async function spread(
  prepared: readonly (Tensors | Failed)[],
  run: (
    good: readonly Tensors[],
  ) => readonly (Tensors | Error)[] | Failed | Promise<readonly (Tensors | Error)[] | Failed>,
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

function batchFailed(code: 'NOT_A_BATCH' | 'WRONG_BATCH_SIZE', results: unknown): Failed {
  const got = Array.isArray(results) ? `${results.length} results` : typeof results
  const failed = new Failed(new Error(`The handler's inference gave ${got}.`))
  return Object.assign(failed, { failure: { ...failed.failure, code } })
}

function toAnswer(result: Answer | Failed): Answer {
  return result instanceof Failed ? { ok: false, ...result.failure } : result
}

/** Milliseconds since the epoch, with fractions. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
