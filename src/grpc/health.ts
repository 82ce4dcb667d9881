import { setTimeout as pause } from 'node:timers/promises'
import { failure } from '../errors.ts'
import type { Call } from './call.ts'
import type { Implementation } from './service.ts'
import { SERVING_STATUS, type Health } from './services-standard.ts'

export interface HealthParts {
  /** Full names of the services here. */
  readonly services: readonly string[]
  /** Whether requests can be answered; false while models load, and once the server is about to stop. */
  readonly isReady: () => boolean
  /** Aborted when the server is about to stop: whoever watches is told so, and let go. */
  readonly stopping: AbortSignal
}

/** How often a watched state is looked at. */
const LOOK_MS = 500

/**
 * gRPC's own health service, which needs no key: https://grpc.io/docs/guides/health-checking/. The empty name is the
 * whole server.
 */
export function healthService({ services, isReady, stopping }: HealthParts): Implementation<typeof Health> {
  const names = ['', ...services]
  const look = (service: string) => {
    if (!names.includes(service)) return SERVING_STATUS.SERVICE_UNKNOWN
    return isReady() && !stopping.aborted ? SERVING_STATUS.SERVING : SERVING_STATUS.NOT_SERVING
  }
  return {
    Check: ({ service }) => {
      const status = look(service)
      if (status === SERVING_STATUS.SERVICE_UNKNOWN) throw failure('SERVICE_NOT_FOUND', service)
      return { status }
    },
    List: () => ({ statuses: new Map(names.map(name => [name, { status: look(name) }])) }),
    Watch: ({ service }, call) => watch(() => look(service), call, stopping),
  }
}

/** The state now, and again each time it has become another. */
async function* watch(
  look: () => number,
  { signal }: Call,
  stopping: AbortSignal,
): AsyncGenerator<{ status: number }> {
  const either = AbortSignal.any([signal, stopping])
  let last: number | undefined
  while (!signal.aborted) {
    const status = look()
    if (status !== last) yield { status }
    last = status
    if (stopping.aborted) return
    await pause(LOOK_MS, undefined, { signal: either }).catch(() => {})
  }
}
