import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

interface Known {
  readonly raw: readonly string[]
  readonly more: Readonly<Record<string, string>>
  readonly joined: Readonly<Record<string, string>>
}

/** Different ones that are kept: clients that call at the same time. */
const KNOWN = 8

/**
 * A request's headers as handlers get them, with some more. Clients repeat theirs: requests with the same lines get the
 * same object, which is then made once and crosses to the worker once for a batch.
 */
export class HeaderMemory {
  readonly #known: Known[] = []
  #oldest = 0

  /** `more` is told by identity: what stands in it once and for all. */
  join({ rawHeaders: raw, headers }: IncomingMessage, more: Known['more']): Known['joined'] {
    for (const known of this.#known) {
      if (known.more === more && isSame(known.raw, raw)) return known.joined
    }
    const joined = Object.freeze({ ...joinHeaders(headers), ...more })
    this.#known[this.#oldest] = { raw, more, joined }
    this.#oldest = (this.#oldest + 1) % KNOWN
    return joined
  }
}

const plain = new HeaderMemory()
const NOTHING_MORE = {}

/** A request's headers as handlers get them, and nothing more. */
export function plainHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  return plain.join(request, NOTHING_MORE)
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false
  return true
}

function joinHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}
