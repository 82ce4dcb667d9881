import type { onRequestHookHandler } from 'fastify'
import type { Arrival, Predictor } from '../inference/predictor.ts'
import type { Registry } from '../models/registry.ts'
import { plainHeaders } from './header-memory.ts'

/** A smaller body is there with its header, or soon after it. */
const LARGE_BYTES = 64 * 1024

export interface EarlyRefusal {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly verb: Arrival['verb']
}

interface Path {
  readonly model: string
  readonly version?: string
}

/**
 * Refuses a request with a large body before the body is read, where there is no room or no time for it: reading what is
 * thrown away takes a server that is full the time for others.
 */
export function refuseEarly({ predictor, registry, verb }: EarlyRefusal): onRequestHookHandler {
  return (request, _reply, done) => {
    if (!(Number(request.headers['content-length']) > LARGE_BYTES)) return done()
    const { model: name, version } = request.params as Path
    const model = registry.find(name, version)
    if (model === undefined) return done() // Its error is for the route to say.
    try {
      predictor.admit(model, { version, verb, requestId: request.id, headers: plainHeaders(request.raw) })
    } catch (error) {
      return done(error instanceof Error ? error : new Error(String(error)))
    }
    done()
  }
}
