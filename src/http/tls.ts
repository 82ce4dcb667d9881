import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls'
import { failureWith } from '../errors.ts'

export interface TlsFiles {
  /** A PKCS12 store, which wins over the PEM files. */
  readonly keystore: { readonly file: string | undefined; readonly password: string; readonly kind: string }
  readonly certificateFile: string | undefined
  readonly privateKeyFile: string | undefined
}

export type TlsKeys = Pick<SecureContextOptions, 'pfx' | 'passphrase' | 'cert' | 'key'>

/** What a connection gets to say its first byte and then to agree on keys. */
const HANDSHAKE_MS = 10_000
/** What a client gets to read a refusal. */
const REFUSAL_MS = 2000
const TLS_HANDSHAKE = 0x16

/** Reads the key and certificate of the https listeners. Throws BAD_CONFIG, which says what to do, for what is wrong. */
export async function readTlsKeys({ keystore, certificateFile, privateKeyFile }: TlsFiles): Promise<TlsKeys> {
  if (keystore.file !== undefined) return readKeystore({ ...keystore, file: keystore.file })
  if (certificateFile !== undefined && privateKeyFile !== undefined) {
    return readPem(certificateFile, privateKeyFile)
  }
  throw refusal(
    'An address with https:// needs a key: set certificate_file and private_key_file (PEM), or keystore and ' +
      'keystore_pass (PKCS12). To make a self-signed pair for a try: openssl req -x509 -newkey rsa:2048 -nodes ' +
      '-days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem',
  )
}

/** Options of an https server: TLS 1.2 and 1.3, whatever flags Node.js was started with. */
export function tlsOptions(keys: TlsKeys): TlsOptions {
  return { ...keys, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_MS }
}

/**
 * Lets an https server answer plain HTTP with TorchServe's 403 instead of a broken connection. A TLS client speaks
 * first, and its first byte is always the same; only what begins with it gets to the server's own listener. The result
 * ends connections that have not said anything: call it when the server is about to close, which waits for them.
 */
export function answerPlainHttp(server: Server): () => void {
  const silent = new Set<Socket>()
  const shakeHands = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
    const forget = () => {
      silent.delete(socket)
      clearTimeout(timer)
    }
    socket.on('error', () => socket.destroy())
    socket.once('close', forget)
    socket.once('data', (chunk: Buffer) => {
      forget()
      if (chunk[0] !== TLS_HANDSHAKE) return refusePlainHttp(socket)
      socket.pause()
      socket.unshift(chunk)
      for (const listener of shakeHands) listener.call(server, socket)
    })
  })
  // Node.js leaves a connection whose handshake fails to this event's listeners.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return () => {
    for (const socket of silent) socket.destroy()
  }
}

/** The bytes are written as they are: nothing that came before was read as HTTP. */
function refusePlainHttp(socket: Socket): void {
  const body = `${JSON.stringify({ status: 'This TorchServe instance only accepts HTTPS requests' }, null, 2)}\n`
  const head = [
    'HTTP/1.1 403 Forbidden',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.resume() // What is unread would make the system cut the connection, and the answer with it.
  setTimeout(() => socket.destroy(), REFUSAL_MS).unref()
}

interface Keystore {
  readonly file: string
  readonly password: string
  readonly kind: string
}

async function readKeystore({ file, password, kind }: Keystore): Promise<TlsKeys> {
  if (kind.toUpperCase() !== 'PKCS12') {
    throw refusal(
      `keystore_type=${kind}: only PKCS12 can be read. To convert: keytool -importkeystore -srckeystore ${file} ` +
        '-destkeystore keystore.p12 -deststoretype PKCS12',
    )
  }
  const pfx = await readKeyFile('keystore', file)
  const keys = { pfx, passphrase: password }
  try {
    createSecureContext(keys)
  } catch (error) {
    throw refusal(`keystore ${file}: ${explainKeystore(error, pfx)}`, error)
  }
  return keys
}

/** The first bytes of Java's own kind of key store. */
const JKS_MAGIC = 'feedfeed'

function explainKeystore(error: unknown, pfx: Buffer): string {
  const why = error instanceof Error ? error.message : String(error)
  if (pfx.subarray(0, 4).toString('hex') === JKS_MAGIC) {
    return 'it is a JKS store. To convert: keytool -importkeystore -srckeystore FILE -destkeystore keystore.p12 -deststoretype PKCS12'
  }
  if (/mac verify/i.test(why)) return 'keystore_pass is not its password'
  if (/unsupported/i.test(why)) {
    return (
      'it is encrypted in a way that is no longer read. To convert: openssl pkcs12 -legacy -in FILE -nodes -out all.pem, ' +
      'then openssl pkcs12 -export -in all.pem -out keystore.p12'
    )
  }
  if (/private key/i.test(why)) return 'it has no private key'
  return `it is not a PKCS12 store (${why})`
}

/** Reads a pair of PEM files and checks that they belong together. Throws BAD_CONFIG. */
export async function readPem(certificateFile: string, privateKeyFile: string) {
  const cert = await readKeyFile('certificate_file', certificateFile)
  const key = await readKeyFile('private_key_file', privateKeyFile)
  const certificate = parse(
    () => (createSecureContext({ cert }), new X509Certificate(cert)),
    `certificate_file ${certificateFile} is not a certificate in PEM form`,
  )
  // In both forms of a PEM key the word stands above the key.
  if (key.includes('ENCRYPTED')) {
    throw refusal(
      `private_key_file ${privateKeyFile} is encrypted, and there is no key for its password. ` +
        'To decrypt: openssl pkey -in FILE -out key.pem',
    )
  }
  const privateKey = parse(
    () => createPrivateKey(key),
    `private_key_file ${privateKeyFile} is not a private key in PEM form`,
  )
  if (!certificate.checkPrivateKey(privateKey)) {
    throw refusal(
      `private_key_file ${privateKeyFile} does not belong to the certificate of certificate_file ${certificateFile}`,
    )
  }
  return { cert, key }
}

function parse<T>(read: () => T, otherwise: string): T {
  try {
    return read()
  } catch (error) {
    throw refusal(otherwise, error)
  }
}

async function readKeyFile(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw refusal(`${name} cannot be read: ${why}`, error)
  }
}

function refusal(what: string, cause?: unknown): Error {
  return failureWith(cause === undefined ? {} : { cause }, 'BAD_CONFIG', what)
}
