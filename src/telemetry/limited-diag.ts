import type { DiagLogger } from '@opentelemetry/api'
import type { Logger } from './logger.ts'

const ignore = () => {}
const ONE_WARNING_PER_MS = 60_000

/**
 * OpenTelemetry's own troubles, such as a collector that is down: one warning a minute, with the number of those left
 * out. `now` counts milliseconds.
 */
export function limitedDiag(logger: Logger, now: () => number = () => performance.now()): DiagLogger {
  let warnedAt = -Infinity
  let omitted = 0
  const warn = (message: string) => {
    if (now() - warnedAt < ONE_WARNING_PER_MS) {
      omitted++
      return
    }
    warnedAt = now()
    logger.warn('Traces are in trouble', {
      reason: message.slice(0, 500),
      ...(omitted > 0 ? { omitted } : {}),
    })
    omitted = 0
  }
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore }
}
