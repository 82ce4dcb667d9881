/** A bare ONNX Runtime session in a process of its own: `session.run` in a plain loop, always on the same input. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { answerOrders } from './child.ts'
import { decodeJpeg } from './jpeg.ts'
import { quantile } from './statistics.ts'
import type { SessionOrder, SessionResult } from './session.ts'

const sessions = new Map<string, Promise<InferenceSession>>()

// The parent is a Child made by startBareSession: it sends nothing else.
answerOrders(order => runLoop(order as SessionOrder))

async function runLoop(order: SessionOrder): Promise<SessionResult> {
  const loadedAt = performance.now()
  const session = await openOnce(order)
  const latenciesUs: number[] = []
  const start = performance.now()
  const until = start + order.durationMs
  let now = start
  do {
    const startedAt = now
    const values = 'values' in order.content ? order.content.values : await decodeJpeg(order.content.jpeg)
    await session.run({ [order.input]: new Tensor('float32', values, order.dims) })
    now = performance.now()
    latenciesUs.push((now - startedAt) * 1000)
  } while (now < until)
  return {
    runs: latenciesUs.length,
    perSecond: latenciesUs.length / ((now - start) / 1000),
    p50Us: quantile(Float64Array.from(latenciesUs).toSorted(), 0.5),
    loadMs: start - loadedAt,
  }
}

function openOnce({ file, threads }: SessionOrder): Promise<InferenceSession> {
  const key = `${threads} ${file}`
  const open = sessions.get(key) ?? InferenceSession.create(file, optionsFor(threads))
  sessions.set(key, open)
  return open
}

/** As a worker has it by default. */
function optionsFor(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
}
