import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
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

/** Requests that run before the first client's: some, and more of a fast model, whose code is compiled as it runs. */
const LEAST_REQUESTS = 3
const MOST_REQUESTS = 30
const REPEAT_MS = 100
const BUDGET_MS = 500

/**
 * Takes made-up or recorded requests through session and handler, so that the first client does not wait for what is
 * loaded, compiled and allocated on first use. Never throws: a sample that the model refuses is only told.
 */
export async function warmUp(given: WarmUp): Promise<void> {
  const { order, log } = given
  if (!order.isWarmedUp || order.config['warmup'] === false) return
  const startedAt = performance.now()
  const isOver = () => performance.now() - startedAt > BUDGET_MS
  try {
    await warmSession(given, isOver)
    if (!isOver()) await warmHandler(given, isOver)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log('warn', 'The warm-up failed; the first requests may take longer', { reason })
  }
  log('debug', 'Warmed up', { ms: performance.now() - startedAt })
}

/** One row, and the batch that the queue will cut. */
async function warmSession({ order, context, tuned }: WarmUp, isOver: () => boolean): Promise<void> {
  if (order.modelFile === undefined) return
  const { session } = context
  if (tuned !== undefined) return // Its measurement has run it.
  const samples = await SampleInputs.find(session)
  if (samples === undefined || isOver()) return
  if (order.batchLimit > 1) await session.run(samples.make(order.batchLimit)).catch(() => {})
}

async function warmHandler(given: WarmUp, isOver: () => boolean): Promise<void> {
  const sample = await findSample(given)
  if (sample === undefined) return
  const item = toItem(sample)
  const startedAt = performance.now()
  for (let request = 1; request <= MOST_REQUESTS && !isOver(); request++) {
    if (request > LEAST_REQUESTS && performance.now() - startedAt > REPEAT_MS) return
    const { answers } = await given.host.run('predict', [item])
    const [answer] = answers
    if (answer?.ok !== false) continue
    const reason = answer.code === 'BAD_REQUEST' ? String(answer.facts[0]) : answer.code
    return given.log('warn', 'The model refuses the sample of its warm-up', { reason })
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
