import { expect, test } from 'vitest'
import { parseAddress, parseHostAndPort } from '../../../src/config/address.ts'

const ports = { http: 8081, https: 8444 }
const tcp = (scheme: string, host: string, port: number, text: string) => ({
  kind: 'tcp',
  scheme,
  host,
  port,
  text,
})

test.each([
  ['http://127.0.0.1:9', tcp('http', '127.0.0.1', 9, 'http://127.0.0.1:9')],
  ['http://localhost', tcp('http', 'localhost', 8081, 'http://localhost:8081')],
  ['https://localhost', tcp('https', 'localhost', 8444, 'https://localhost:8444')],
  ['HTTP://Host:0', tcp('http', 'host', 0, 'http://host:0')],
  ['http://[::1]:8080', tcp('http', '::1', 8080, 'http://[::1]:8080')],
  ['http://[::]', tcp('http', '::', 8081, 'http://[::]:8081')],
  ['unix:/tmp/a b.sock', { kind: 'unix', path: '/tmp/a b.sock', text: 'unix:/tmp/a b.sock' }],
  ['UNIX:/tmp/A', { kind: 'unix', path: '/tmp/A', text: 'unix:/tmp/A' }],
])('%s is an address', (text, expected) => {
  expect(parseAddress(text, ports)).toEqual(expected)
})

test.each([
  '',
  'localhost:8080',
  'ftp://localhost',
  'http://',
  'http://:80',
  'http://a:65536',
  'http://a:-1',
  'http://a:b',
  'http://a/',
  'http://a:80/x',
  'http://user@a:80',
  'http://a b',
  'http://::1:80',
  'http://[::1',
  'http://[nope]:80',
  'http://[127.0.0.1]:80',
  'unix:tmp/x',
  'unix:',
  'unix:/a\0b',
  `unix:/${'x'.repeat(107)}`,
])('%j is not an address', text => {
  expect(parseAddress(text, ports)).toBeUndefined()
})

test('a host and port has a default port', () => {
  expect(parseHostAndPort('jaeger', 6832)).toEqual({ host: 'jaeger', port: 6832 })
  expect(parseHostAndPort('[::1]:1', 6832)).toEqual({ host: '::1', port: 1 })
  expect(parseHostAndPort('', 6832)).toBeUndefined()
})
