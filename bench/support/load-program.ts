/** The load generator's process: plain sockets, with as little work per request as can be. */
import { answerOrders } from './child.ts'
import { runClosed } from './closed-loop.ts'
import { runOpen } from './open-loop.ts'
import { Tally } from './tally.ts'
import type { LoadOrder, LoadResult } from './load.ts'

// The parent is a Child made by startLoadGenerator: it sends nothing else.
answerOrders(order => runLoad(order as LoadOrder))

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { request, arrivals, durationMs, isTolerant = false } = order
  const tally = new Tally({ isTolerant, deadlineMs: order.deadlineMs ?? Infinity })
  const usage = process.cpuUsage()
  const startedAt = performance.now()
  if (arrivals.kind === 'closed') await runClosed({ request, tally, durationMs, ...arrivals })
  else await runOpen({ request, tally, durationMs, ...arrivals })
  const { user, system } = process.cpuUsage(usage)
  const ms = performance.now() - startedAt
  if (!isTolerant && tally.firstFailure !== '') {
    const { host = '127.0.0.1', port, path } = request
    throw new Error(`POST http://${host}:${port}${path}: ${tally.firstFailure}`)
  }
  // What an open loop sent by its end may be answered later; the rate is that of the time in which it sent.
  return tally.result(arrivals.kind === 'closed' ? ms : durationMs, (user + system) / 1000 / ms)
}
