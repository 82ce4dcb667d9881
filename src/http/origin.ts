import { isIPv4 } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { failure, type Failure } from '../errors.ts'
import type { Binding } from './listen.ts'

export interface OriginRules {
  /** The host that the listener binds to. */
  readonly host: string
  /** Further names in `Host` that are ours, in lower case: those of a proxy that keeps what its client sent. */
  readonly allowedHosts: readonly string[]
  /** An origin whose pages may send requests, or `*`; undefined: only pages of this machine may. */
  readonly allowedOrigin: string | undefined
}

/** Whether only programs of this machine reach a listener. A name other than localhost is not looked up: it is not. */
export function isLocal(binding: Binding): boolean {
  return binding.kind === 'unix' || isLoopback(binding.host)
}

/**
 * A hook for a listener on a loopback address, which has no key to protect it. Programs of this machine reach it, and
 * so does its browser on behalf of any web page: by a form or `fetch` (told by `Origin`), or by a name of the page's
 * own that it lets point to 127.0.0.1 (DNS rebinding, told by `Host`).
 */
export function refuseForeign({ host, allowedHosts, allowedOrigin }: OriginRules): onRequestHookHandler {
  const isOurs = (name: string | undefined) =>
    name !== undefined && (isLoopback(name) || name === host || allowedHosts.includes(name))
  // Clients repeat theirs.
  let lastOurs: string | undefined
  return (request, _reply, done) => {
    const { host: named, origin } = request.headers
    // Without Host it is HTTP/1.0, which no browser speaks.
    if (named !== undefined && named !== lastOurs) {
      if (!isOurs(hostOf(named))) throw foreignHost(named)
      lastOurs = named
    }
    const isAllowed = allowedOrigin === '*' || origin === allowedOrigin
    if (origin !== undefined && !isAllowed && !isOurs(hostOf(withoutScheme(origin)))) {
      throw foreignOrigin(origin)
    }
    done()
  }
}

/** Whether a host, an IPv6 address without its brackets, is this machine and nothing else. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** The host of `host[:port]` in lower case; undefined where it is none. */
function hostOf(authority: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([\w.-]+?)\.?)(?::\d*)?$/i.exec(authority) ?? []
  return (bracketed ?? plain)?.toLowerCase()
}

/** An origin without its scheme; that of a sandboxed page or a file is `null`, which is nobody's host. */
function withoutScheme(origin: string): string {
  return /^https?:\/\/(.+)$/i.exec(origin)?.[1] ?? ''
}

function foreignHost(host: string): Failure {
  return failure(
    'FOREIGN_REQUEST',
    `Host "${shorten(host)}" is not a name of this server, which is for this machine only: expected localhost, ` +
      '127.0.0.1 or [::1]. Other names, such as that of a proxy in front, belong into allowed_hosts.',
  )
}

function foreignOrigin(origin: string): Failure {
  return failure('FOREIGN_REQUEST', `Requests from pages of ${shorten(origin)} are not allowed.`)
}

const LONGEST_SHOWN = 100
const shorten = (text: string) => (text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text)
