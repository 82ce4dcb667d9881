import { setTimeout as pause } from 'node:timers/promises'
import { failure } from '../errors.ts'
import type { Readiness } from '../inference/readiness.ts'
import type { Call } from './call.ts'
import type { Implementation } from './service.ts'
import { SERVING_STATUS, type Health } from './services-standard.ts'

export interface HealthParts {
  /** Full names of the services here. */
  readonly services: readonly string[]
  readonly readiness: Pick<Readiness, 'isReady' | 'draining'>
  /** Aborted when the doors close: whoever watches is let go. */
  readonly stopping: AbortSignal
}

/** How often a watched state is looked at. */
const LOOK_MS = 500

/**
 * gRPC's own health service, which needs no key: https://grpc.io/docs/guides/health-checking/. The empty name is the
 * whole server.
 */
export function healthService({ services, readiness, stopping }: HealthParts): Implementation<typeof Health> {
  const names = ['', ...services]
  const look = (service: string) => {
    if (!names.includes(service)) return SERVING_STATUS.SERVICE_UNKNOWN
    return readiness.isReady() && !stopping.aborted ? SERVING_STATUS.SERVING : SERVING_STATUS.NOT_SERVING
  }
  return {
    Check: ({ service }) => {
      const status = look(service)
      if (status === SERVING_STATUS.SERVICE_UNKNOWN) throw failure('SERVICE_NOT_FOUND', service)
      return { status }
    },
    List: () => ({ statuses: new Map(names.map(name => [name, { status: look(name) }])) }),
    Watch: ({ service }, call) =>
      watch(() => look(service), call, { stopping, draining: readiness.draining }),
  }
}

interface Ends {
  readonly stopping: AbortSignal
  readonly draining: AbortSignal
}

/** The state now, and again each time it has become another; that the server drains is told at once. */
async function* watch(
  look: () => number,
  { signal }: Call,
  { stopping, draining }: Ends,
): AsyncGenerator<{ status: number }> {
  const gone = AbortSignal.any([signal, stopping])
  const any = AbortSignal.any([signal, stopping, draining])
  let last: number | undefined
  while (!signal.aborted) {
    const status = look()
    if (status !== last) yield { status }
    last = status
    if (stopping.aborted) return
    await pause(LOOK_MS, undefined, { signal: draining.aborted ? gone : any }).catch(() => {})
  }
}
