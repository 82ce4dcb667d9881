import type { Entry, Unwanted } from '../batching/entry.ts'
import type { CutBy } from '../batching/policy.ts'
import type { Batch, Queue } from '../batching/queue.ts'
import { failureWith, type Failure } from '../errors.ts'
import type { Answer, Item, Verb } from '../worker/protocol.ts'
import { afterDeath } from './after-death.ts'
import { sayWhy, WorkerEnded, type BatchResult } from './port.ts'
import type { Ran, Runner } from './runner.ts'

/** One job in the queue: what a worker gets, and which verb it is for. */
export interface Job {
  readonly verb: Verb
  readonly item: Item
}

/** What a job's promise resolves to: its answer and the batch it came with. */
export interface Outcome {
  readonly answer: Answer
  readonly batch: BatchReport
  /** Milliseconds between push and the turn of its batch. */
  readonly queueMs: number
}

/** What is known of a batch that ran; one object for all its jobs. */
export interface BatchReport {
  readonly worker: string
  readonly size: number
  readonly cutBy: CutBy
  /** From its turn to its answers as the server saw it, milliseconds. */
  readonly workerMs: number
  readonly timings: BatchResult['timings']
  readonly metrics: BatchResult['metrics']
}

/** Who wants to know what becomes of batches. Decides nothing. */
export interface BatchObserver {
  onBatch(batch: BatchReport): void
  /** An answer came that nobody wanted any more. */
  onDiscarded(cause: Unwanted): void
  onDeath(death: DeathReport): void
}

/** What is known of a batch whose worker is gone. */
export interface DeathReport {
  readonly worker: string
  /** Jobs that somebody still waited for. */
  readonly size: number
  /** Whether the jobs run again, or have failed. */
  readonly isRetried: boolean
  /** Whether they had come back from a worker that died before. */
  readonly isRetry: boolean
  /** Completes "The worker ...". */
  readonly why: string
}

type JobEntry = Entry<Job, Outcome>

export interface BatchOptions {
  /** The worker's id. */
  readonly worker: string
  readonly runner: Runner
  /** Where jobs go back to. */
  readonly queue: Queue<Job, Outcome>
  /** Whether a job may run again after a worker died with it. */
  readonly mayRetry: boolean
  readonly observer: BatchObserver
}

/** What a run has shown of its worker, and its jobs, which are settled by whoever has handed the worker its next batch. */
export interface Finished {
  /** False once the worker is gone. */
  readonly isWell: boolean
  /** Settles each job, or gives it back. To be called once. */
  settle(): void
}

/** Runs one batch, the jobs of one verb after those of another. Never throws. */
export async function runBatch(batch: Batch<Job, Outcome>, options: BatchOptions): Promise<Finished> {
  let last: Finished = NOTHING_RAN
  for (const jobs of groupByVerb(batch.entries)) {
    last.settle()
    const wasWell = last.isWell
    const next = await runGroup(jobs, batch.cutBy, options)
    last = wasWell ? next : { isWell: false, settle: () => next.settle() }
  }
  return last
}

const NOTHING_RAN: Finished = { isWell: true, settle: () => {} }

async function runGroup(jobs: readonly JobEntry[], cutBy: CutBy, options: BatchOptions): Promise<Finished> {
  const items = jobs.map(job => job.item.item)
  const ran = await options.runner.run(jobs[0]?.item.verb ?? 'predict', items)
  return {
    isWell: ran.ok,
    settle: () => (ran.ok ? settle(jobs, ran, cutBy, options) : bury({ entries: jobs, cutBy }, ran, options)),
  }
}

function settle(
  jobs: readonly JobEntry[],
  { result, startedAt, ms: workerMs }: Extract<Ran, { ok: true }>,
  cutBy: CutBy,
  { worker, queue, observer }: BatchOptions,
): void {
  const { answers, timings, metrics } = result
  const batch: BatchReport = { worker, size: jobs.length, cutBy, workerMs, timings, metrics }
  queue.pace.ran(jobs.length, workerMs)
  observer.onBatch(batch)
  jobs.forEach((job, index) => {
    const answer = answers[index]
    if (answer === undefined) throw new Error('A runner gives one answer per item.')
    const unwanted = job.resolve({ answer, batch, queueMs: startedAt - job.queuedAt })
    if (unwanted !== undefined) observer.onDiscarded(unwanted)
  })
}

/** What becomes of a batch whose worker is gone. */
function bury(
  { entries: jobs, cutBy }: Batch<Job, Outcome>,
  ran: Extract<Ran, { ok: false }>,
  { worker, queue, mayRetry, observer }: BatchOptions,
): void {
  const groups = mayRetry && !ran.isLate ? groupAgain(jobs, ran) : undefined
  if (ran.wasRunning || groups === undefined) {
    const size = jobs.filter(job => !job.isSettled).length
    const report = { worker, size, isRetried: groups !== undefined, isRetry: cutBy === 'retry' }
    observer.onDeath({ ...report, why: sayWhy(ran.error) })
  }
  if (groups !== undefined) return queue.giveBack(groups)
  const gone = workerDied(ran.error)
  for (const job of jobs) job.reject(gone)
}

/** The groups in which jobs run again, each by itself; undefined: they have failed. */
function groupAgain(
  jobs: readonly JobEntry[],
  { error, wasRunning }: Extract<Ran, { ok: false }>,
): (readonly JobEntry[])[] | undefined {
  // It had not begun; but who knows what the worker did with it: it runs by itself, too.
  if (!wasRunning) return [jobs]
  for (const job of jobs) job.deaths += 1
  const deaths = Math.max(...jobs.map(job => job.deaths))
  const isKilled = error instanceof WorkerEnded && error.isKilled
  const next = afterDeath({ size: jobs.length, deaths, isKilled })
  if (next === 'fail') return undefined
  if (next === 'again') return [jobs]
  const middle = Math.ceil(jobs.length / 2)
  return [jobs.slice(0, middle), jobs.slice(middle)]
}

/** The failure that the clients of a batch get whose worker ended. */
function workerDied(error: unknown): Failure {
  const ended = error instanceof WorkerEnded ? error : undefined
  const status = ended?.outOfMemory === true ? { status: 507 } : {}
  return failureWith({ ...status, cause: error, reason: `The worker ${sayWhy(error)}.` }, 'WORKER_DIED')
}

/** A batch may hold jobs of several verbs; the handler gets those of one at a time. */
function groupByVerb(batch: readonly JobEntry[]): (readonly JobEntry[])[] {
  const verb = batch[0]?.item.verb
  if (batch.every(job => job.item.verb === verb)) return [batch]
  return [...Map.groupBy(batch, job => job.item.verb).values()]
}
