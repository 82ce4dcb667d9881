import { expect, test } from 'vitest'
import {
  admitRedirect,
  admitUrl,
  archiveName,
  isHostNamed,
  isRemote,
  openPatterns,
} from '../../../src/archive/url-rules.ts'
import { thrown } from '../../support/thrown.ts'

const ANYTHING = ['file://.*|http(s)?://.*']

test.each([
  ['https://example.com/m.mar', true],
  ['HTTP:m.mar', true],
  ['File:///m.mar', true],
  ['m.mar', false],
  ['C:\\m.mar', false],
  ['s3://bucket/m.mar', false],
  ['httpd.mar', false],
])('%s is remote: %s', (url, remote) => {
  expect(isRemote(url)).toBe(remote)
})

test('without a pattern nothing is allowed, and the answer names the key', async () => {
  expect(await thrown(() => admitUrl('https://example.com/m.mar', []))).toMatchObject({
    message: 'Given URL https://example.com/m.mar does not match any allowed URL(s)',
    http: 404,
    type: 'ModelNotFoundException',
    reason: 'Remote archives are off: the key allowed_urls has no pattern.',
  })
})

test.each([
  'https://example.com/../m.mar',
  'https://example.com/a..b/m.mar',
  'https://example.com/m.mar?x=..',
  'https://example.com/%2e%2E/m.mar',
  'https://example.com/.%2e/m.mar',
  'https://example.com/%2e%2e%2fm.mar',
  'https://example.com/%252e%252e/m.mar',
  'https://example.com/%25252525252e./m.mar',
  'file:///models/..%5Cm.mar',
])('%s climbs', async url => {
  expect(await thrown(() => admitUrl(url, ANYTHING))).toMatchObject({
    message: `Relative path is not allowed in url: ${url}`,
    code: 'ARCHIVE_URL',
  })
})

test.each([
  ['https://example.com/a.mar', 'https://example.com/a.mar'],
  ['HTTPS://EXAMPLE.com:443/a.mar', 'https://example.com/a.mar'],
  ['https://example.com/./x//a.mar#b', 'https://example.com/x//a.mar'],
  ['https://example.com/%61%2Emar?q=%2F', 'https://example.com/a.mar?q=%2F'],
  ['https://example.com/b/o/models%2Fa.mar', 'https://example.com/b/o/models%2Fa.mar'],
  ['http://2130706433/a.mar', 'http://127.0.0.1/a.mar'],
  ['http://0x7f.1/a.mar', 'http://127.0.0.1/a.mar'],
  ['http://0177.0.0.1/a.mar', 'http://127.0.0.1/a.mar'],
  ['http://１２７.0.0.1./a.mar', 'http://127.0.0.1/a.mar'],
  ['http://[::ffff:127.0.0.1]/a.mar', 'http://[::ffff:7f00:1]/a.mar'],
  ['http:example.com/a.mar', 'http://example.com/a.mar'],
  ['file:/models/%61.mar?x#y', 'file:///models/a.mar'],
])('%s is compared and fetched as %s', (given, normal) => {
  expect(admitUrl(given, ANYTHING).url.href).toBe(normal)
})

test.each([
  ['https://user:secret@example.com/m.mar', 'user name or a password'],
  ['https://user@example.com/m.mar', 'user name or a password'],
  ['https:\\\\example.com\\m.mar', 'not a valid'],
  ['https://exam\nple.com/m.mar', 'not a valid'],
  ['https://example.com/m%0d%0a.mar', 'not a valid'],
  ['https://example.com/m%00.mar', 'not a valid'],
  ['https://[fe80::1%25eth0]/m.mar', 'not a valid'],
  ['http://256.1.1.1/m.mar', 'not a valid'],
  ['http://', 'not a valid'],
  ['file://server/share/m.mar', 'not a valid'],
  ['file:///models%2Fm.mar', 'not a valid'],
  [`https://example.com/${'x'.repeat(8192)}.mar`, 'not a valid'],
])('%j is refused although everything is allowed', async (url, reason) => {
  const failure = await thrown(() => admitUrl(url, ANYTHING))
  expect(failure).toMatchObject({ code: 'ARCHIVE_URL', reason: expect.stringContaining(reason) })
  expect(`${failure.message}${failure.reason}`).not.toContain('secret')
})

test('a pattern has to match the whole URL, whatever the case', () => {
  const patterns = ['https://Models\\.example/.*\\.mar', 'https://other\\.example/x\\.mar']
  expect(admitUrl('https://models.example/A.MAR', patterns).given).toBe('https://models.example/A.MAR')
  for (const url of [
    'https://models.example.evil.com/a.mar',
    'https://models.example@evil.com/a.mar',
    'https://evil.com/?https://models.example/a.mar',
    'https://models.example/a.zip#.mar',
    'https://models.example:8443/a.mar',
    'http://models.example/a.mar',
    'https://other.example/x.mar/../../m.mar',
  ]) {
    expect(() => admitUrl(url, patterns)).toThrow(url.includes('..') ? 'Relative path' : 'Given URL')
  }
})

test.each([
  ['https://example.com/models/a.mar?token=1', 'a.mar'],
  ['https://example.com/bucket/o/models%2Fa.mar', 'a.mar'],
  ['https://example.com/a.tar.gz', 'a.tar.gz'],
  ['https://example.com/A-1.0_b.ONNX', 'A-1.0_b.ONNX'],
])('%s is kept as %s', (url, name) => {
  expect(archiveName(admitUrl(url, ANYTHING))).toBe(name)
})

test.each([
  'https://example.com/',
  'https://example.com/a.mar/',
  'https://example.com/.mar',
  'https://example.com/.hidden.mar',
  'https://example.com/-rf.mar',
  'https://example.com/a%20b.mar',
  'https://example.com/models%5Ca.mar',
  'https://example.com/a.mar;x',
  'https://example.com/a.py',
  'https://example.com/a?b.mar',
  `https://example.com/${'x'.repeat(125)}.mar`,
])('%s does not end in the name of an archive', async url => {
  const remote = admitUrl(url, ANYTHING)
  expect(await thrown(() => archiveName(remote))).toMatchObject({
    message: `Failed to download archive from: ${url}`,
    type: 'DownloadArchiveException',
    http: 400,
    reason: expect.stringContaining('The path of the URL has to end in the name of an archive'),
  })
})

test('a file of torch.export is told to be one', async () => {
  const remote = admitUrl('https://example.com/a.pt2', ANYTHING)
  expect((await thrown(() => archiveName(remote))).reason).toContain('torch.onnx.export')
})

const from = new URL('https://models.example/releases/a.mar')
const redirect = (location: string, patterns: readonly string[] = ['https?://models\\.example/.*']) =>
  admitRedirect(admitUrl(from.href, patterns), from, location, patterns)

test('a redirect is resolved and has to be allowed like a URL', async () => {
  expect(redirect('/b').href).toBe('https://models.example/b')
  expect(redirect('../b').href).toBe('https://models.example/b')
  for (const [location, reason] of [
    [
      'https://evil.example/x?signature=secret',
      'It redirects to a URL at https://evil.example that no pattern',
    ],
    ['http://models.example/b', 'away from https'],
    ['file:///etc/x.mar', 'no http or https URL'],
    ['ftp://models.example/b', 'no http or https URL'],
    ['https://u:p@models.example/b', 'a user name or a password'],
    ['//evil.example/b', 'https://evil.example'],
  ] as const) {
    const failure = await thrown(() => redirect(location))
    expect(failure).toMatchObject({
      message: 'Given URL https://models.example/releases/a.mar does not match any allowed URL(s)',
      reason: expect.stringContaining(reason),
    })
    expect(failure.reason).not.toContain('secret')
  }
  expect(() => redirect('/%2e%2e%2fsecret')).toThrow('Relative path is not allowed in url')
  expect(() => redirect('file:///etc/x.mar', ANYTHING)).toThrow('does not match any allowed URL(s)')
})

test.each([
  ['http://127\\.0\\.0\\.1/.*', 'http://127.0.0.1/a.mar', true],
  ['http://127.0.0.1/.*', 'http://127.0.0.1/a.mar', true],
  ['http://127.0.0.1:8000/.*', 'http://127.0.0.1:8000/a.mar', true],
  ['http://LocalHost(:\\d+)?/.*', 'http://localhost:8000/a.mar', true],
  ['^https?:\\/\\/localhost\\/.*$', 'http://localhost/a.mar', true],
  ['http(s)?://minio.models.svc:9000/.*', 'http://minio.models.svc:9000/a.mar', true],
  ['(?:http|https)://\\[::1\\]:80{2}0/.*', 'http://[::1]:8000/a.mar', true],
  ['http://.*', 'http://127.0.0.1/a.mar', false],
  ['.*127.0.0.1.*', 'http://127.0.0.1/a.mar', false],
  ['http(s)?://.*', 'http://s/a.mar', false],
  ['http://10\\.0\\.0\\.\\d+/.*', 'http://10.0.0.1/a.mar', false],
  ['http://10.0.0.1+/.*', 'http://10.0.0.1/a.mar', false],
  ['http://localhost.*', 'http://localhost/a.mar', false],
  ['http://127.0.0.1/.*', 'http://127a0.0.1/a.mar', false],
  ['http://localhost/x|http://.*', 'http://localhost:22/a.mar', false],
  ['http://localhost/x\\.mar', 'http://localhost/a.mar', false],
  ['https://localhost/.*', 'http://localhost/a.mar', false],
  ['http://.*/169.254.169.254/.*', 'http://169.254.169.254/a/169.254.169.254/a.mar', false],
])('%s names the host of %s: %s', (pattern, url, named) => {
  const parsed = URL.parse(url)
  expect(parsed !== null && isHostNamed(parsed, [pattern])).toBe(named)
})

test('the patterns that allow any host or any file are found', () => {
  const safe = ['https://models\\.example/.*', 'file:///models/.*', 'https://[^/]+\\.example\\.com/.*']
  const wide = ['file://.*|http(s)?://.*', '.*', 'https?://.*\\.mar', 'file://.*']
  expect(openPatterns([...safe, ...wide])).toEqual(wide)
})
