/** A bare ONNX Runtime session in a process of its own: `session.run` in a plain loop, always on the same tensor. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { answerOrders } from './child.ts'
import { quantile } from './statistics.ts'
import type { SessionOrder, SessionResult } from './session.ts'

const sessions = new Map<string, Promise<InferenceSession>>()

// The parent is a Child made by startBareSession: it sends nothing else.
answerOrders(order => runLoop(order as SessionOrder))

async function runLoop(order: SessionOrder): Promise<SessionResult> {
  const session = await openOnce(order.file)
  const tensor = new Tensor('float32', Float32Array.from(order.values), order.dims)
  const feeds = { [order.input]: tensor }
  const latenciesUs: number[] = []
  const until = performance.now() + order.durationMs
  for (let startedAt = performance.now(); startedAt < until;) {
    await session.run(feeds)
    const now = performance.now()
    latenciesUs.push((now - startedAt) * 1000)
    startedAt = now
  }
  return { runs: latenciesUs.length, p50Us: quantile(Float64Array.from(latenciesUs).toSorted(), 0.5) }
}

function openOnce(file: string): Promise<InferenceSession> {
  const open = sessions.get(file) ?? InferenceSession.create(file, OPTIONS)
  sessions.set(file, open)
  return open
}

/** One thread, as a worker has where there are as many workers as cores. */
const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
}
