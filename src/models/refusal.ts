import type { Refusal } from '../batching/queue.ts'
import { failure, failureWith, type Failure } from '../errors.ts'
import type { Item } from '../worker/protocol.ts'
import type { ModelSettings } from './settings.ts'

const LONGEST_RETRY_S = 60

/** What is known where a queue lets nothing more in. */
export interface RefusalFacts {
  readonly model: string
  /** The version as the client named it: TorchServe's text depends on it. */
  readonly asked: string | undefined
  readonly waiting: number
  readonly settings: ModelSettings
}

/** The failure that a client gets whose request the queue did not let in. */
export function toFailure({ refused, waitMs }: Refusal, facts: RefusalFacts): Failure {
  if (refused === 'deadline') return failure('DEADLINE_PASSED')
  const { jobQueueSize, jobQueueBytes } = facts.settings
  const reason = {
    queue_full: `${facts.waiting} requests wait and jobQueueSize is ${jobQueueSize}.`,
    queue_bytes: `The requests that wait and this one have more bytes than jobQueueBytes, which is ${jobQueueBytes}.`,
    expected_wait: `It would wait for about ${Math.ceil(waitMs)} ms, which is longer than it may.`,
  }[refused]
  return failureWith({ retryAfterS: retryAfterS(waitMs), reason }, 'QUEUE_FULL', facts.model, facts.asked)
}

/** Whole seconds after which a retry is worth it. */
export function retryAfterS(ms: number): number {
  return Math.min(Math.max(1, Math.ceil(ms / 1000)), LONGEST_RETRY_S)
}

/** What a request takes in memory while it waits. */
export function bytesOf({ parameters, tensors = [] }: Item): number {
  let bytes = 0
  for (const { value } of parameters) bytes += value.byteLength
  for (const { data } of tensors) bytes += data.byteLength
  return bytes
}
