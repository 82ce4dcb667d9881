import { expect, test } from 'vitest'
import { isReachable, kindOf } from '../../../src/archive/address-rules.ts'

test.each([
  ['8.8.8.8', 'public'],
  ['172.15.255.255', 'public'],
  ['172.32.0.0', 'public'],
  ['2606:4700::6810:84e5', 'public'],
  ['::ffff:8.8.8.8', 'public'],
  ['64:ff9b::808:808', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['::ffff:10.1.2.3', 'private'],
  ['fec0::1', 'private'],
  ['100.64.0.1', 'shared'],
  ['fc00::1', 'unique-local'],
  ['fdff::1', 'unique-local'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['224.0.0.1', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['203.0.113.1', 'reserved'],
  ['::127.0.0.1', 'reserved'],
  ['::ffff:0:127.0.0.1', 'reserved'],
  ['64:ff9b:1::7f00:1', 'reserved'],
  ['2002:7f00:1::', 'reserved'],
  ['2001:0:7f00:1::', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['localhost', 'reserved'],
  ['', 'reserved'],
])('%s is %s', (address, kind) => {
  expect(kindOf(address)).toBe(kind)
})

test('a host that only a wide pattern allows may lie at public addresses alone', () => {
  const wide = { host: 'models.example', isNamed: false }
  expect(isReachable('8.8.8.8', wide)).toBe(true)
  expect(isReachable('127.0.0.1', wide)).toBe(false)
  expect(isReachable('fe80::1', wide)).toBe(false)
})

test('a host with its name in a pattern may lie in the own network, but not where no server has a name', () => {
  const named = { host: 'minio.models.svc', isNamed: true }
  expect(
    ['127.0.0.1', '10.0.0.1', '100.64.0.1', 'fd12::1'].filter(address => !isReachable(address, named)),
  ).toEqual([])
  expect(
    ['169.254.169.254', '169.254.1.1', 'fd00:ec2::254', '0.0.0.0', '224.0.0.1', 'fe80::1'].filter(address =>
      isReachable(address, named),
    ),
  ).toEqual([])
})

test('an address that stands in a pattern may be connected to, whatever it is', () => {
  expect(isReachable('169.254.169.254', { host: '169.254.169.254', isNamed: true })).toBe(true)
})
