/** Milliseconds since the epoch, as a fraction. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now()
}

/** Seconds and nanoseconds. OpenTelemetry would take small numbers of milliseconds for times since the process began. */
export function toHrTime(ms: number): [seconds: number, nanoseconds: number] {
  const microseconds = Math.round(ms * 1_000)
  return [Math.floor(microseconds / 1e6), (microseconds % 1e6) * 1_000]
}
