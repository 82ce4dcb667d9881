import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { setImmediate as afterMessages } from 'node:timers/promises'
import type { Context, Handler, HandlerLogger, Sample } from '../runtime/handler.ts'
import { sampleBody, SampleInputs } from '../runtime/measure.ts'
import type { Answer, Item, LoadOrder, Tuned, Verb } from './protocol.ts'

interface WarmUp {
  readonly order: LoadOrder
  readonly handler: Handler
  readonly context: Context
  readonly tuned: Tuned | undefined
  readonly host: { run(verb: Verb, items: readonly Item[]): Promise<{ readonly answers: readonly Answer[] }> }
  readonly log: (level: keyof HandlerLogger, message: string, fields: Record<string, unknown>) => void
}

/** Requests that run before the first client's; of a fast model more follow as long as nobody asks for anything. */
const LEAST_REQUESTS = 3
const MOST_REQUESTS = 30
const REPEAT_MS = 100
const BUDGET_MS = 500

/** More requests of a warm-up, one after the other, as long as `goesOn` says so. Never rejects. */
export type Rest = (goesOn: () => boolean) => Promise<void>

/**
 * Takes made-up or recorded requests through session and handler, so that the first client does not wait for what is
 * loaded, compiled and allocated on first use. The result is what a worker may go on with while nobody asks: code is
 * compiled as it runs. Never throws: a sample that the model refuses is only told.
 */
export async function warmUp(given: WarmUp): Promise<Rest | undefined> {
  const { order, log } = given
  if (!order.isWarmedUp || order.config['warmup'] === false) return undefined
  const startedAt = performance.now()
  const isOver = () => performance.now() - startedAt > BUDGET_MS
  let rest: Rest | undefined
  try {
    const sample = await findSample(given)
    if (needsRows(given, sample)) await warmSession(given, isOver)
    if (sample !== undefined && !isOver()) rest = await warmHandler(given, sample, isOver)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log('warn', 'The warm-up failed; the first requests may take longer', { reason })
  }
  log('debug', 'Warmed up', { ms: performance.now() - startedAt })
  return rest
}

/** A measurement has run the session already, and a request of one row will. */
function needsRows({ order, tuned }: WarmUp, sample: Sample | undefined): boolean {
  if (order.modelFile === undefined || tuned !== undefined) return false
  return sample === undefined || order.batchLimit > 1
}

/** One row, and the batch that the queue will cut. */
async function warmSession({ order, context }: WarmUp, isOver: () => boolean): Promise<void> {
  const { session } = context
  const samples = await SampleInputs.find(session)
  if (samples === undefined || isOver()) return
  if (order.batchLimit > 1) await session.run(samples.make(order.batchLimit)).catch(() => {})
}

async function warmHandler(
  { order, host, log }: WarmUp,
  sample: Sample,
  isOver: () => boolean,
): Promise<Rest | undefined> {
  const item = toItem(sample)
  // Where batches do not pay, requests are long, and what is compiled for them is little beside that.
  const least = order.batchLimit > 1 ? LEAST_REQUESTS : 1
  const startedAt = performance.now()
  for (let request = 1; request <= least && !isOver(); request++) {
    const { answers } = await host.run('predict', [item])
    const [answer] = answers
    if (answer?.ok !== false) continue
    const reason = answer.code === 'BAD_REQUEST' ? String(answer.facts[0]) : answer.code
    log('warn', 'The model refuses the sample of its warm-up', { reason })
    return undefined
  }
  const leftMs = REPEAT_MS - (performance.now() - startedAt)
  return async goesOn => {
    const until = performance.now() + leftMs
    await afterMessages()
    try {
      for (let request = least; request < MOST_REQUESTS && performance.now() < until && goesOn(); request++)
        await host.run('predict', [item])
    } catch {
      // A client's request will say so.
    }
  }
}

function toItem({ body, contentType = '' }: Sample): Item {
  const value = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return { requestId: 'warm-up', headers: {}, parameters: [{ name: 'body', contentType, value }] }
}

/** The archive's own sample, else the handler's, else JSON of the right shape for handlers that read it by default. */
async function findSample({ order, handler, context }: WarmUp): Promise<Sample | undefined> {
  const recorded = recordedSample(order)
  if (recorded !== undefined) {
    const contentType = CONTENT_TYPES[extname(recorded)] ?? ''
    return { contentType, body: await readFile(join(order.dir, recorded)) }
  }
  if (handler.sample !== undefined) return handler.sample(context)
  const isPlain =
    handler.preprocess === undefined && handler.inference === undefined && handler.postprocess === undefined
  if (!isPlain || order.modelFile === undefined) return undefined
  const body = sampleBody(context.session.graph)
  return body === undefined ? undefined : { contentType: 'application/json', body }
}

const CONTENT_TYPES: Readonly<Record<string, string>> = { '.json': 'application/json', '.txt': 'text/plain' }

/** `warmup: { sample: file }` in model-config.yaml: a file of the archive's top folder. */
function recordedSample({ config }: LoadOrder): string | undefined {
  const section: unknown = config['warmup']
  const sample: unknown = Reflect.get(Object(section), 'sample')
  if (sample === undefined) return undefined
  if (typeof sample === 'string' && sample !== '' && basename(sample) === sample) return sample
  throw new Error('model-config.yaml: warmup.sample must be the name of a file of the archive')
}
