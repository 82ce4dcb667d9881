import type { Entry } from '../batching/queue.ts'
import { failureWith, type Failure } from '../errors.ts'
import type { Answer, Item, Verb } from '../worker/protocol.ts'
import { killAfter } from './kill-after.ts'
import { sayWhy, WorkerEnded, type BatchResult, type WorkerPort } from './port.ts'

/** One job in the queue: what a worker gets, and which verb it is for. */
export interface Job {
  readonly verb: Verb
  readonly item: Item
}

/** What a job's promise resolves to: its answer and the batch it came with. */
export interface Outcome {
  readonly answer: Answer
  readonly batch: BatchReport
  /** Milliseconds between push and cut. */
  readonly queueMs: number
}

/** What is known of a batch that ran; one object for all its jobs. */
export interface BatchReport {
  readonly worker: string
  readonly size: number
  /** Round trip as the server saw it, milliseconds. */
  readonly workerMs: number
  readonly timings: BatchResult['timings']
  readonly metrics: BatchResult['metrics']
}

export interface BatchOptions {
  /** The worker's id. */
  readonly worker: string
  /** Milliseconds until a worker that has not answered is killed; Infinity waits for ever. */
  readonly responseTimeoutMs: number
  onBatch(batch: BatchReport): void
}

/** Runs one batch and settles each of its jobs; false once the worker is gone. Never throws. */
export async function runBatch(
  port: WorkerPort,
  batch: readonly Entry<Job, Outcome>[],
  options: BatchOptions,
): Promise<boolean> {
  let alive = true
  for (const jobs of groupByVerb(batch)) {
    const cutAt = performance.now()
    const timer = killAfter(port, options.responseTimeoutMs, 'did not answer within')
    try {
      const items = jobs.map(job => job.item.item)
      settle(jobs, await port.run(jobs[0]?.item.verb ?? 'predict', items), cutAt, options)
    } catch (error) {
      alive = false
      // A worker whose answer made no sense is still there.
      port.kill('gave an answer that could not be used')
      const gone = workerDied(error)
      for (const job of jobs) job.reject(gone)
    } finally {
      clearTimeout(timer)
    }
  }
  return alive
}

function settle(
  jobs: readonly Entry<Job, Outcome>[],
  { answers, timings, metrics }: BatchResult,
  cutAt: number,
  options: BatchOptions,
): void {
  const workerMs = performance.now() - cutAt
  const batch: BatchReport = { worker: options.worker, size: jobs.length, workerMs, timings, metrics }
  options.onBatch(batch)
  jobs.forEach((job, index) => {
    const answer = answers[index]
    if (answer === undefined) throw new Error('A port gives one answer per item.')
    job.resolve({ answer, batch, queueMs: cutAt - job.queuedAt })
  })
}

/** The failure that the clients of a batch get whose worker ended. */
function workerDied(error: unknown): Failure {
  const ended = error instanceof WorkerEnded ? error : undefined
  const status = ended?.outOfMemory === true ? { status: 507 } : {}
  return failureWith({ ...status, cause: error, reason: `The worker ${sayWhy(error)}.` }, 'WORKER_DIED')
}

/** A batch may hold jobs of several verbs; the handler gets those of one at a time. */
function groupByVerb(batch: readonly Entry<Job, Outcome>[]): (readonly Entry<Job, Outcome>[])[] {
  const verb = batch[0]?.item.verb
  if (batch.every(job => job.item.verb === verb)) return [batch]
  return [...Map.groupBy(batch, job => job.item.verb).values()]
}
