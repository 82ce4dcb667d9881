import { once } from 'node:events'
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request, type RequestOptions } from 'node:https'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { App } from '../../../src/http/app.ts'
import { listen } from '../../../src/http/listen.ts'
import { readTlsKeys, type TlsFiles } from '../../../src/http/tls.ts'
import { quietApp } from '../../support/app.ts'
import { waitFor } from '../../support/wait-for.ts'

const fixture = (name: string) => join(import.meta.dirname, '../../fixtures/tls', name)
const ca = await readFile(fixture('cert.pem'))

/** What the configuration has where nothing is set. */
const nothing: TlsFiles = {
  keystore: { file: undefined, password: 'changeit', kind: 'PKCS12' },
  certificateFile: undefined,
  privateKeyFile: undefined,
}
const pem = (key = 'key.pem', certificate = 'cert.pem'): TlsFiles => ({
  ...nothing,
  certificateFile: fixture(certificate),
  privateKeyFile: fixture(key),
})
const store = (file: string, more: Partial<TlsFiles['keystore']> = {}): TlsFiles => ({
  ...nothing,
  keystore: { file: fixture(file), password: 'changeit', kind: 'PKCS12', ...more },
})

interface Listening {
  readonly app: App
  readonly address: string
  readonly port: number
}

async function serve(files: TlsFiles = pem(), addRoutes: (app: App) => void = () => {}): Promise<Listening> {
  const app = quietApp({ tls: await readTlsKeys(files) })
  onTestFinished(() => app.close())
  app.get('/ping', () => 'pong')
  app.post('/echo', incoming => incoming.body)
  addRoutes(app)
  const address = await listen(app, { kind: 'tcp', scheme: 'https', host: '127.0.0.1', port: 0 })
  // Listening on TCP, the address is an object.
  return { app, address, port: (app.server.address() as AddressInfo).port }
}

interface Reply {
  readonly status: number | undefined
  readonly body: string
  readonly socket: Socket
}

async function send(
  port: number,
  { body, ...options }: RequestOptions & { body?: string } = {},
): Promise<Reply> {
  const sent = request({ host: '127.0.0.1', port, path: '/ping', ca, agent: false, ...options })
  sent.end(body)
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: reply.statusCode, body: await text(reply), socket: reply.socket }
}

/** Everything that comes back for what is written on a bare connection. */
async function writeRaw(port: number, ...chunks: (string | Buffer)[]): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1')
  await once(socket, 'connect')
  for (const chunk of chunks) socket.write(chunk)
  return text(socket)
}

/** The version that a client and the server agree on. */
async function protocolOf(port: number, options: ConnectionOptions): Promise<string | null> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket.getProtocol()
}

describe('key and certificate', () => {
  test.each([
    ['PEM with PKCS#8', pem('key.pem')],
    ['PEM with PKCS#1', pem('key-pkcs1.pem')],
    ['PKCS12', store('keystore.p12')],
    ['PKCS12, its type in lower case', store('keystore.p12', { kind: 'pkcs12' })],
    [
      'PKCS12 beside PEM files that are wrong',
      { ...pem('other-key.pem'), ...store('keystore.p12'), certificateFile: '/nowhere' },
    ],
  ])('as %s serve a client that checks them', async (_what, files) => {
    const { port, address } = await serve(files)
    expect(address).toBe(`https://127.0.0.1:${port}`)
    expect(await send(port)).toMatchObject({ status: 200, body: 'pong' })
  })

  test.each([
    ['nothing at all', nothing, 'set certificate_file and private_key_file (PEM), or keystore'],
    [
      'a certificate without its key',
      { ...pem(), privateKeyFile: undefined },
      'needs a key: set certificate_file',
    ],
    ['a file that is not there', pem('none.pem'), 'private_key_file cannot be read: ENOENT'],
    ['a folder', pem('.'), 'private_key_file cannot be read: EISDIR'],
    ['the key of another certificate', pem('other-key.pem'), 'does not belong to the certificate'],
    ['a key with a password', pem('key-encrypted.pem'), 'is encrypted, and there is no key for its password'],
    [
      'key and certificate in the place of the other',
      pem('cert.pem', 'key.pem'),
      'is not a certificate in PEM form',
    ],
    ['a certificate in the place of the key', pem('cert.pem'), 'is not a private key in PEM form'],
    ['text in the place of the certificate', pem('key.pem', 'README.md'), 'is not a certificate in PEM form'],
    ['a wrong password', store('keystore.p12', { password: 'nope' }), 'keystore_pass is not its password'],
    ['a store of a kind of Java', store('keystore.p12', { kind: 'JKS' }), 'keytool -importkeystore'],
    ['a store that is encrypted as of old', store('keystore-legacy.p12'), 'openssl pkcs12 -legacy'],
    ['a store without a key', store('keystore-without-key.p12'), 'it has no private key'],
    ['a store that is PEM', store('key.pem'), 'it is not a PKCS12 store'],
    ['a store that is not there', store('none.p12'), 'keystore cannot be read: ENOENT'],
  ])('%s is refused with what to do', async (_what, files, message) => {
    await expect(readTlsKeys(files)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(message),
    })
  })

  test('a Java key store is told by its first bytes, and an empty file is none', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tls-'))
    onTestFinished(() => rm(dir, { recursive: true }))
    const file = join(dir, 'keystore.p12')
    await writeFile(file, Buffer.from('feedfeed00000002', 'hex'))
    await expect(readTlsKeys(store('', { file }))).rejects.toThrow('it is a JKS store. To convert: keytool')
    await writeFile(file, '')
    await expect(readTlsKeys(store('', { file }))).rejects.toThrow('it is not a PKCS12 store')
    await expect(readTlsKeys({ ...pem(), certificateFile: file })).rejects.toThrow('is not a certificate')
  })
})

describe('TLS', () => {
  test('1.2 and 1.3 are spoken', async () => {
    const { port } = await serve()
    expect(await protocolOf(port, {})).toBe('TLSv1.3')
    expect(await protocolOf(port, { maxVersion: 'TLSv1.2' })).toBe('TLSv1.2')
    expect(await protocolOf(port, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' })).toBe(
      'TLSv1.2',
    )
  })

  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async version => {
    const { port } = await serve()
    // Clients of today send such a hello only when they are made to.
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
    await expect(protocolOf(port, old)).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    })
  })

  test('carries many requests over one connection, large bodies too', async () => {
    const { port } = await serve()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const first = await send(port, { agent })
    const body = 'x'.repeat(900_000)
    const second = await send(port, {
      agent,
      method: 'POST',
      path: '/echo',
      body,
      headers: { 'content-type': 'a/b' },
    })
    expect(second.body).toBe(body)
    expect((await send(port, { agent })).socket).toBe(first.socket)
  })

  test('takes a hello that comes byte by byte', async () => {
    const { port } = await serve()
    // The relay cuts what the client sends into single bytes.
    const relay = createServer(client => {
      const server = connectTcp(port, '127.0.0.1')
      server.setNoDelay(true)
      client.on('data', chunk => {
        for (const byte of chunk) server.write(Buffer.of(byte))
      })
      server.pipe(client)
      client.on('error', () => server.destroy())
      client.on('close', () => server.destroy())
    })
    relay.listen(0, '127.0.0.1')
    await once(relay, 'listening')
    onTestFinished(() => void relay.close())
    expect(await send((relay.address() as AddressInfo).port)).toMatchObject({ body: 'pong' })
  })
})

describe('what is not TLS', () => {
  const REFUSAL = '{\n  "status": "This TorchServe instance only accepts HTTPS requests"\n}\n'

  test.each([
    ['a request', ['GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n']],
    ['a request that comes in pieces', ['G', 'ET /ping HTTP/1.1\r\n', 'Host: localhost\r\n\r\n']],
    [
      'the beginning of a large upload',
      [`PUT /x HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n${'x'.repeat(200_000)}`],
    ],
    ['HTTP/2 without TLS', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']],
    ['one byte of nothing', ['\0']],
  ])('%s gets the 403 of TorchServe', async (_what, chunks) => {
    const { port } = await serve()
    const answer = await writeRaw(port, ...chunks)
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\ncontent-type: application\/json\r\n/)
    expect(answer.split('\r\n\r\n')[1]).toBe(REFUSAL)
  })

  test('a fetch reads it', async () => {
    const { port } = await serve()
    const answer = await fetch(`http://127.0.0.1:${port}/ping`)
    expect(answer.status).toBe(403)
    expect(await answer.text()).toBe(REFUSAL)
  })

  test('a false hello ends the connection, and the next client is served', async () => {
    const { port } = await serve()
    const noise = Buffer.concat([Buffer.from([0x16, 3, 1, 0xff, 0xff]), Buffer.alloc(2000, 0x41)])
    expect(await writeRaw(port, noise)).not.toContain('HTTP')
    expect(await send(port)).toMatchObject({ body: 'pong' })
  })

  test('connections that are cut before and in the handshake harm nobody', async () => {
    const { port } = await serve()
    for (let i = 0; i < 20; i++) {
      const socket = connectTcp(port, '127.0.0.1')
      await once(socket, 'connect')
      if (i % 2 === 0) socket.write(Buffer.from([0x16, 3, 1]))
      socket.resetAndDestroy()
    }
    expect(await send(port)).toMatchObject({ body: 'pong' })
  })
})

describe('closing', () => {
  test('does not wait for connections that never said a word', async () => {
    const { app, port } = await serve()
    const socket = connectTcp(port, '127.0.0.1')
    const ended = once(socket, 'close')
    socket.on('error', () => {})
    await once(socket, 'connect')
    await waitFor('the connection', () => send(port).then(({ status }) => status === 200))
    await app.close()
    await ended
    expect(app.server.listening).toBe(false)
  })

  test('does not wait for idle keep-alive connections', async () => {
    const { app, port } = await serve()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    await send(port, { agent })
    await app.close()
    expect(app.server.listening).toBe(false)
  })

  test('waits for the request in flight, which is answered', async () => {
    const gate = Promise.withResolvers<string>()
    const started = Promise.withResolvers<void>()
    const { app, port } = await serve(pem(), open =>
      open.get('/slow', () => {
        started.resolve()
        return gate.promise
      }),
    )
    const reply = send(port, { path: '/slow' })
    await started.promise
    const closed = app.close()
    gate.resolve('done')
    expect(await reply).toMatchObject({ status: 200, body: 'done' })
    await closed
  })
})
