/** The parameters of the Open Inference Protocol that mean something to the server, whichever edge they come by. */
import { PRIORITIES, type Priority } from '../batching/priority.ts'
import { failure } from '../errors.ts'
import { clip } from './infer-input.ts'

/** By name; the values are of any kind that the edge's format has. */
export type Parameters = Readonly<Record<string, unknown>>

const US_PER_MS = 1000
const MAX_CLASSES = 1_000_000

/** Names that are the server's own, and what it does not serve. `transport` is for the text. */
export function refuseReserved(parameters: Parameters, transport: 'HTTP' | 'gRPC'): void {
  const own = Object.keys(parameters).find(name => name.startsWith('triton_'))
  if (own !== undefined) {
    throw failure('BAD_REQUEST', `parameter '${clip(own)}' is reserved and cannot be sent over ${transport}`)
  }
  const { sequence_id: sequence } = parameters
  if (sequence === undefined || NO_SEQUENCE.has(sequence)) return
  throw failure('NOT_SERVED', 'sequences are not served')
}

const NO_SEQUENCE: ReadonlySet<unknown> = new Set([0, 0n, ''])

/** Of an input or an output. */
export function refuseSharedMemory(parameters: Parameters): void {
  if (parameters['shared_memory_region'] === undefined) return
  throw failure('NOT_SERVED', 'shared memory is not served')
}

/** The client's own limit, which it says in microseconds; undefined: none. */
export function readTimeoutMs(parameters: Parameters): number | undefined {
  const us = toNumber(parameters['timeout'])
  if (us === undefined || us === 0) return undefined
  if (typeof us === 'number' && us > 0) return us / US_PER_MS
  throw failure('BAD_REQUEST', "Unable to parse 'timeout': expected microseconds >= 0")
}

/** The request's place among others: 1 is the highest, 0 what there is without it. */
export function readPriority(parameters: Parameters): Priority | undefined {
  const level = toNumber(parameters['priority'])
  if (level === undefined || level === 0) return undefined
  if (typeof level !== 'number' || !Number.isInteger(level) || level < 0) {
    throw failure('BAD_REQUEST', "Unable to parse 'priority': expected a whole number >= 0")
  }
  return PRIORITIES[level - 1] ?? 'low'
}

/** How many of its best classes an output is to become; undefined: it stays as it is. */
export function readClasses(parameters: Parameters, output: string): number | undefined {
  const count = toNumber(parameters['classification'])
  if (count === undefined || count === 0) return undefined
  const isCount = typeof count === 'number' && Number.isInteger(count) && count > 0
  if (isCount && count <= MAX_CLASSES) return count
  throw failure(
    'BAD_REQUEST',
    `classification of output '${clip(output)}' must be a whole number from 0 to ${MAX_CLASSES}: what is above exceeds ` +
      'the maximum allowed',
  )
}

/** What is too large to be a number exactly is too large for any of these. */
function toNumber(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
