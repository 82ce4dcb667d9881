import { isIPv6 } from 'node:net'

/** Where a listener binds. `text` is the address written one way only, so equal addresses have equal texts. */
export type Address =
  | {
      readonly kind: 'tcp'
      readonly scheme: 'http' | 'https'
      /** A name or an IP address; IPv6 without its brackets, as `listen()` takes it. */
      readonly host: string
      /** 0 to 65535; 0 is any free port. */
      readonly port: number
      readonly text: string
    }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string }

/** The port of an address that names none. */
export interface DefaultPorts {
  readonly http: number
  readonly https: number
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

const HIGHEST_PORT = 65_535

/** What a socket path may have, in bytes, on Linux (`sun_path` less its closing zero). */
const LONGEST_SOCKET_PATH = 107

/** Reads `(http|https)://host[:port]` or `unix:/absolute/path`; undefined when the text is neither. */
export function parseAddress(text: string, ports: DefaultPorts): Address | undefined {
  const unix = /^unix:(\/.*)$/i.exec(text)?.[1]
  if (unix !== undefined) return unixAddress(unix)
  const [, schemeText, rest] = /^(https?):\/\/(.*)$/i.exec(text) ?? []
  if (schemeText === undefined || rest === undefined) return undefined
  const scheme = schemeText.toLowerCase() === 'https' ? 'https' : 'http'
  const place = parseHostAndPort(rest, ports[scheme])
  return place && { kind: 'tcp', scheme, ...place, text: `${scheme}://${formatHostAndPort(place)}` }
}

/** Reads `host[:port]`, an IPv6 address in brackets; undefined when the text is not that or the port is out of range. */
export function parseHostAndPort(text: string, defaultPort: number): HostAndPort | undefined {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) return undefined
  const port = portText === undefined ? defaultPort : Number(portText)
  return port > HIGHEST_PORT ? undefined : { host: host.toLowerCase(), port }
}

const formatHostAndPort = ({ host, port }: HostAndPort) => `${isIPv6(host) ? `[${host}]` : host}:${port}`

function unixAddress(path: string): Address | undefined {
  if (path.includes('\0') || Buffer.byteLength(path) > LONGEST_SOCKET_PATH) return undefined
  return { kind: 'unix', path, text: `unix:${path}` }
}
