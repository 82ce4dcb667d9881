import type { HandlerLogger } from '../runtime/handler.ts'
import { hasRows, SampleInputs, timeRow, timeSizes, timeTurns } from '../runtime/measure.ts'
import type { ModelSession } from '../runtime/session.ts'
import { choosePayingSize, shareThreads, TINY_MS, type RunTime, type Shares } from '../runtime/tuning.ts'
import { openModel } from './open-model.ts'
import type { LoadOrder, Tuned } from './protocol.ts'

type Log = (level: keyof HandlerLogger, message: string, fields: Record<string, unknown>) => void

/** How long sizes may be tried; a run that is under way is not cut short. */
const BUDGET_MS = 1000
/** A net whose first run takes longer, times the threads it is to have, is not measured. */
const MOST_RUN_MS = 1000

interface TunedSession {
  readonly session: ModelSession | undefined
  readonly tuned: Tuned | undefined
}

/**
 * The session of a model, and what was measured with it where the order asks for that: the threads it is left with, and
 * how large a batch pays. What cannot be measured is left as the order says.
 */
export async function openTuned(order: LoadOrder, log: Log): Promise<TunedSession> {
  const { measure } = order
  if (measure === undefined) return { session: await openModel(order, log), tuned: undefined }
  // A tiny model keeps it.
  const session = await openModel({ ...order, threads: 1 }, log)
  if (session === undefined) return { session, tuned: undefined }
  const startedAt = performance.now()
  const samples = await SampleInputs.find(session)
  if (samples === undefined || performance.now() - startedAt > MOST_RUN_MS * order.threads) {
    if (order.threads === 1) return { session, tuned: undefined }
    await session.close()
    return { session: await openModel(order, log), tuned: undefined }
  }
  const shared = await tuneThreads({ order, measure, session, samples, log })
  const times = await timeBatches(shared.session, samples, measure.mostRows)
  const { threads, workers } = shared.shares
  const tuned: Tuned = { threads, workers, batchLimit: choosePayingSize(times), runMs: roundTimes(times) }
  log('info', 'Measured the model on this machine', { ...tuned, ms: performance.now() - startedAt })
  return { session: shared.session, tuned }
}

interface Tuning {
  readonly order: LoadOrder
  readonly measure: NonNullable<LoadOrder['measure']>
  /** Has one thread. */
  readonly session: ModelSession
  readonly samples: SampleInputs
  readonly log: Log
}

/** Measures one thread against all of them, and goes on with a session that has the threads which were found. */
async function tuneThreads({ order, measure, session, samples, log }: Tuning): Promise<{
  session: ModelSession
  shares: Shares
}> {
  const { mostThreads, areWorkersFree } = measure
  const sessions = new Map([[1, session]])
  const withThreads = async (count: number): Promise<ModelSession> => {
    const opened = sessions.get(count) ?? (await openModel({ ...order, threads: count }, log)) ?? session
    sessions.set(count, opened)
    return opened
  }
  const rowMs = await timeRow(session, samples)
  const isCompared = mostThreads > 1 && rowMs >= TINY_MS
  const [oneThreadMs = rowMs, allThreadsMs = oneThreadMs] = isCompared
    ? await timeTurns([session, await withThreads(mostThreads)], samples)
    : []
  const shares = shareThreads({ threads: mostThreads, oneThreadMs, allThreadsMs, areWorkersFree })
  const chosen = await withThreads(shares.threads)
  for (const other of new Set(sessions.values())) if (other !== chosen) await other.close()
  return { session: chosen, shares }
}

async function timeBatches(
  session: ModelSession,
  samples: SampleInputs,
  mostRows: number,
): Promise<RunTime[]> {
  if (mostRows < 2 || !hasRows(session.graph)) return []
  return timeSizes(session, samples, { most: mostRows, budgetMs: BUDGET_MS })
}

/** Microseconds are enough. */
function roundTimes(times: readonly RunTime[]): RunTime[] {
  return times.map(({ size, ms }) => ({ size, ms: Math.round(ms * 1000) / 1000 }))
}
