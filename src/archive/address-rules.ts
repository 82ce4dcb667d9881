/** Which addresses an archive may be fetched from when only a pattern, and nobody by name, allowed it. */
import { BlockList, isIP } from 'node:net'

/** `public`: an ordinary address of the Internet. Everything else leads to this machine or into its surroundings. */
export type AddressKind =
  | 'public'
  | 'loopback'
  | 'private'
  | 'shared'
  | 'unique-local'
  | 'link-local'
  | 'metadata'
  | 'unspecified'
  | 'multicast'
  | 'reserved'

/** https://www.iana.org/assignments/iana-ipv4-special-registry; the first range that holds an address counts. */
const IPV4: readonly (readonly [AddressKind, string, number])[] = [
  // Where clouds keep the machine's own credentials: AWS, Azure, GCP and others, Alibaba, Oracle.
  ['metadata', '169.254.169.254', 32],
  ['metadata', '169.254.170.2', 32],
  ['metadata', '100.100.100.200', 32],
  ['metadata', '192.0.0.192', 32],
  ['unspecified', '0.0.0.0', 8],
  ['private', '10.0.0.0', 8],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['shared', '100.64.0.0', 10],
  ['loopback', '127.0.0.0', 8],
  ['link-local', '169.254.0.0', 16],
  ['reserved', '192.0.0.0', 24],
  ['reserved', '192.0.2.0', 24],
  ['reserved', '192.88.99.0', 24],
  ['reserved', '198.18.0.0', 15],
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['multicast', '224.0.0.0', 4],
  ['reserved', '240.0.0.0', 4],
]

/** https://www.iana.org/assignments/iana-ipv6-special-registry */
const IPV6: readonly (readonly [AddressKind, string, number])[] = [
  ['metadata', 'fd00:ec2::254', 128],
  ['unspecified', '::', 128],
  ['loopback', '::1', 128],
  ['unique-local', 'fc00::', 7],
  ['link-local', 'fe80::', 10],
  ['private', 'fec0::', 10],
  ['multicast', 'ff00::', 8],
  // Teredo, benchmarks, ORCHID; documentation; 6to4, which holds an IPv4 address of anybody's choice.
  ['reserved', '2001::', 23],
  ['reserved', '2001:db8::', 32],
  ['reserved', '2002::', 16],
  ['reserved', '3fff::', 20],
]

/** The prefix under which networks without IPv4 show it: https://www.rfc-editor.org/rfc/rfc6052 */
const NAT64 = '64:ff9b::'
const IPV4_OFFSET = 96

function ranges(): { kind: AddressKind; list: BlockList }[] {
  const ofIpv4 = IPV4.map(([kind, network, bits]) => {
    const list = new BlockList()
    // Holds for the IPv4-mapped form, ::ffff:127.0.0.1, too.
    list.addSubnet(network, bits, 'ipv4')
    list.addSubnet(`${NAT64}${network}`, IPV4_OFFSET + bits, 'ipv6')
    return { kind, list }
  })
  const ofIpv6 = IPV6.map(([kind, network, bits]) => {
    const list = new BlockList()
    list.addSubnet(network, bits, 'ipv6')
    return { kind, list }
  })
  return [...ofIpv4, ...ofIpv6]
}

const special = ranges()

/** All of IPv6 that is given out, and the two forms in which an IPv4 address (looked at before) may stand. */
const ordinary = new BlockList()
ordinary.addSubnet('2000::', 3, 'ipv6')
ordinary.addSubnet('::ffff:0:0', IPV4_OFFSET, 'ipv6')
ordinary.addSubnet(NAT64, IPV4_OFFSET, 'ipv6')

/** The kind of an address as text, with or without a zone (`fe80::1%eth0`). What is no address is `reserved`. */
export function kindOf(address: string): AddressKind {
  const [bare = ''] = address.split('%')
  const version = isIP(bare)
  if (version === 0) return 'reserved'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const found = special.find(({ list }) => list.check(bare, family))
  if (found !== undefined) return found.kind
  return version === 4 || ordinary.check(bare, family) ? 'public' : 'reserved'
}

/** A name in a pattern says "this service of ours"; it does not say "whatever else its DNS may point to". */
const REACHABLE_BY_NAME: ReadonlySet<AddressKind> = new Set(['loopback', 'private', 'shared', 'unique-local'])

export interface Destination {
  /** The host of the URL in its normal form; IPv6 without brackets. */
  readonly host: string
  /** Whether a pattern that matches the URL spells the host out. */
  readonly isNamed: boolean
}

/** Whether one may connect to `address` for that destination. */
export function isReachable(address: string, { host, isNamed }: Destination): boolean {
  const kind = kindOf(address)
  if (kind === 'public') return true
  return isNamed && (isIP(host) !== 0 || REACHABLE_BY_NAME.has(kind))
}
