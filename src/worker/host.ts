import type { Context, HandlerLogger, Session } from '../runtime/handler.ts'
import { HandlerHost, type HostResult } from './handler-host.ts'
import { loadHandler } from './load-handler.ts'
import { misspelledVerbs } from './misspelled-verbs.ts'
import { openTuned } from './open-tuned.ts'
import type { FromWorker, GraphInfo, Item, LoadOrder, Verb } from './protocol.ts'
import { recordMetrics } from './record-metrics.ts'
import { warmUp, type Rest } from './warm-up.ts'

export type Log = (level: keyof HandlerLogger, message: string, fields: Record<string, unknown>) => void

export interface Host {
  readonly loaded: Omit<Extract<FromWorker, { type: 'loaded' }>, 'type'>
  run(verb: Verb, items: readonly Item[]): Promise<HostResult>
}

/** Opens the session, imports the handler and runs its `load`. Throws what either of them throws. */
export async function openHost(order: LoadOrder, log: Log): Promise<Host> {
  const startedAt = performance.now()
  const handler = await loadHandler(order.handlerFile)
  const misspelled = misspelledVerbs(handler)
  for (const warning of misspelled) log('warn', warning, {})
  // A handler with an inference of its own may run anything, or nothing: what would be measured says little of it.
  const measure = handler.inference === undefined ? order.measure : undefined
  const { session, tuned } = await openTuned({ ...order, measure }, log)
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
    const nothing = 'The archive holds no ONNX file, and its handler has no inference of its own.'
    throw new Error([nothing, ...misspelled].join(' '))
  }
  const host = new HandlerHost(handler, context, order, metrics.take)
  const loadMs = performance.now() - startedAt
  const rest = await warmUp({ order, handler, context, tuned, host, log })
  return {
    loaded: { graph: session?.graph, loadMs, tuned },
    run: rest === undefined ? (verb, items) => host.run(verb, items) : warmUntilAsked(host, rest),
  }
}

/** Goes on with the warm-up until something is asked for, which waits for the one request of it that is under way. */
function warmUntilAsked(host: HandlerHost, rest: Rest): Host['run'] {
  let isAsked = false
  let warming: Promise<void> | undefined = rest(() => !isAsked).finally(() => {
    warming = undefined
  })
  return (verb, items) => {
    isAsked = true
    return warming === undefined ? host.run(verb, items) : warming.then(() => host.run(verb, items))
  }
}

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
