import type { IncomingHttpHeaders } from 'node:http2'

/** grpc-js counts in 32 bits, as timers do: what is beyond them would be over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}
const TIMEOUT = /^(\d{1,8})([HMSmun])$/

/** Takes a deadline out of a call's headers that no timer reaches, 24.8 days and more: it is none in practice. */
export function dropEndlessTimeout(headers: IncomingHttpHeaders): void {
  const timeout = headers['grpc-timeout']
  const [, count, unit = ''] = (typeof timeout === 'string' && TIMEOUT.exec(timeout)) || []
  if (Number(count) * (UNITS_MS[unit] ?? 0) > LONGEST_TIMER_MS) delete headers['grpc-timeout']
}
