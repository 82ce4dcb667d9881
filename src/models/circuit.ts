/** Whether a model takes requests although its workers die, and since when not. */
export interface Circuit {
  /** Batches in a row under which a worker died, without one that was answered in between; retries do not count. */
  readonly deaths: number
  /** `performance.now()` of the first of them. */
  readonly since: number
  /** What the last worker died of: completes "The worker ...". */
  readonly why: string
  /** Undefined while it is closed: requests are let in. */
  readonly open?: { readonly pauseMs: number; readonly nextTryAt: number }
}

export const closedCircuit: Circuit = { deaths: 0, since: 0, why: '' }

/** So many deaths in a row open it: more than one bad input makes among good ones. */
export const MAX_DEATHS_IN_A_ROW = 5
/** Deaths that are further apart have nothing to do with each other. */
const WINDOW_MS = 60_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000

/** What is known of a worker's death under a batch. */
export interface CircuitDeath {
  readonly now: number
  /** Completes "The worker ...". */
  readonly why: string
  /** Whether the batch had come back from a worker that died before: that says nothing new. */
  readonly isRetry: boolean
}

export function afterDeath(circuit: Circuit, { now, why, isRetry }: CircuitDeath): Circuit {
  const { open } = circuit
  if (open !== undefined) {
    const pauseMs = isRetry ? open.pauseMs : Math.min(2 * open.pauseMs, LONGEST_PAUSE_MS)
    const deaths = circuit.deaths + (isRetry ? 0 : 1)
    return { ...circuit, why, deaths, open: { pauseMs, nextTryAt: now + pauseMs } }
  }
  if (isRetry) return circuit
  const isFirst = circuit.deaths === 0 || now - circuit.since > WINDOW_MS
  const next = isFirst ? { deaths: 1, since: now, why } : { ...circuit, deaths: circuit.deaths + 1, why }
  if (next.deaths < MAX_DEATHS_IN_A_ROW) return next
  return { ...next, open: { pauseMs: FIRST_PAUSE_MS, nextTryAt: now + FIRST_PAUSE_MS } }
}

/** Whether a request is let in, and the circuit from then on: one that is open lets one in after each pause, to see. */
export function admit(circuit: Circuit, now: number): { isLetIn: boolean; circuit: Circuit } {
  const { open } = circuit
  if (open === undefined) return { isLetIn: true, circuit }
  if (now < open.nextTryAt) return { isLetIn: false, circuit }
  return { isLetIn: true, circuit: { ...circuit, open: { ...open, nextTryAt: now + open.pauseMs } } }
}

/** Why requests are refused, as a sentence; '' while it is closed. */
export function sayOpen({ deaths, why, open }: Circuit): string {
  if (open === undefined) return ''
  return `Its workers died under ${deaths} batches in a row; the last one ${why}.`
}
