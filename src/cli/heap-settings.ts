import { setFlagsFromString } from 'node:v8'

/**
 * Bodies lie outside of V8's heap, and by default a few dozen of them make V8 search its whole heap for garbage: at 40
 * requests of 600 kB a second that took more processor time than all else in the server. With these settings they count
 * with the heap, which may grow to three times what was in use before it is searched
 * (docs/decisions/0061-garbage-of-large-bodies.md). To be called first.
 */
export function allowForBodies(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--heap-growing-percent=200')
}
