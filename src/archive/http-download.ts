/** Opens the answer to a download over http or https: checks every step of the way, and connects only where it looked. */
import { lookup } from 'node:dns/promises'
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isReachable, kindOf } from './address-rules.ts'
import { downloadFailure, type Download } from './download.ts'
import { admitRedirect, isHostNamed, notAllowed, type Remote } from './url-rules.ts'

const MAX_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308])

export interface Address {
  readonly address: string
  /** 4 or 6. */
  readonly family: number
}

/** All addresses of a host name. */
export type Lookup = (hostname: string) => Promise<readonly Address[]>

export interface HttpOptions {
  /** The key allowed_urls. */
  readonly patterns: readonly string[]
  /** Ends the download at any point. */
  readonly signal: AbortSignal
  readonly lookup?: Lookup | undefined
}

/** The system's resolver, with its hosts file. */
const systemLookup: Lookup = hostname => lookup(hostname, { all: true })

/**
 * Follows redirects to the body of a 200. Throws ARCHIVE_URL for a step that is not allowed, DOWNLOAD_FAILED for an
 * answer of another kind; errors of the connection come as they are.
 */
export async function openHttp(remote: Remote, options: HttpOptions): Promise<Download> {
  let url = remote.url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await get(url, await addressesOf(url, remote, options), options.signal)
    if (response.statusCode === 200) return toDownload(response)
    response.destroy()
    if (!REDIRECTS.has(response.statusCode)) {
      throw downloadFailure(remote, `The server answered with status ${response.statusCode}.`)
    }
    const { location } = response.headers
    if (location === undefined) throw downloadFailure(remote, 'The server redirects without saying where to.')
    url = admitRedirect(remote, url, location, options.patterns)
  }
  throw downloadFailure(remote, `The server redirects more than ${MAX_REDIRECTS} times.`)
}

function toDownload(response: IncomingMessage): Download {
  const length = response.headers['content-length']
  return {
    total: length === undefined ? undefined : Number(length),
    chunks: response,
    close: async () => {
      response.destroy()
    },
  }
}

/** The addresses of the URL's host, each of which may be connected to: one asks only once, and then for all of them. */
async function addressesOf(url: URL, remote: Remote, options: HttpOptions): Promise<readonly Address[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(host)
  const addresses = family === 0 ? await resolve(host, options) : [{ address: host, family }]
  const destination = { host, isNamed: isHostNamed(url, options.patterns) }
  const forbidden = addresses.find(({ address }) => !isReachable(address, destination))
  if (forbidden !== undefined) {
    const where = family === 0 ? 'Its host leads to' : 'Its host is'
    const via = url === remote.url ? '' : ' (after a redirect)'
    throw notAllowed(
      remote.given,
      `${where} an address of the kind "${kindOf(forbidden.address)}"${via}; such a host is allowed only by a pattern ` +
        'of the key allowed_urls that spells it out.',
    )
  }
  return addresses
}

async function resolve(
  host: string,
  { signal, lookup: find = systemLookup }: HttpOptions,
): Promise<readonly Address[]> {
  signal.throwIfAborted()
  // The resolver cannot be interrupted; its answer is then dropped.
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([find(host), aborted])
}

function get(url: URL, addresses: readonly Address[], signal: AbortSignal): Promise<IncomingMessage> {
  const isEncrypted = url.protocol === 'https:'
  const request = isEncrypted ? requestHttps : requestHttp
  // An agent of its own: no connection is shared, and the proxies of the environment count only for the global one.
  const agent = isEncrypted ? new HttpsAgent() : new HttpAgent()
  return new Promise((respond, reject) => {
    const outgoing = request(url, {
      agent,
      signal,
      lookup: pinned(addresses),
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'sconce' },
    })
    outgoing.on('response', respond)
    // Stays for good: an aborted download fails here once more after its response did.
    outgoing.on('error', reject)
    outgoing.on('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Error('The server switches to a protocol that nobody asked for.'))
    })
    outgoing.end()
  })
}

/** Answers with the addresses that were checked: asking again could give others. */
function pinned(addresses: readonly Address[]): LookupFunction {
  return (_hostname, { all }, done) => {
    const [first] = addresses
    if (first === undefined) done(new Error('The name of the host has no address.'), '')
    else if (all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  }
}
