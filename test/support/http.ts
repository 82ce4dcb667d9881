import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const fixtures = join(import.meta.dirname, '../fixtures')

/** A picture of the fixtures, such as `digit_7_a.png`. */
export function digitPng(file: string): Buffer {
  return readFileSync(join(fixtures, 'digits', file))
}

export interface RecordedDigit {
  readonly file: string
  readonly label: number
  /** Of the digits 0 to 9, as PyTorch gave them. */
  readonly probabilities: readonly number[]
}

/** Every picture with what the model has to say about it. */
export function recordedDigits(): RecordedDigit[] {
  const text = readFileSync(join(fixtures, 'digits/labels.json'), 'utf8')
  // Our own file: what it holds is known.
  return (JSON.parse(text) as { images: RecordedDigit[] }).images
}

/** The probabilities of an answer of `digits`, of the digits 0 to 9. */
export function probabilitiesOf(answer: unknown): number[] {
  return Array.from({ length: 10 }, (_, digit) => Number(Reflect.get(Object(answer), String(digit))))
}

/** Status and JSON body of a response. */
export async function jsonOf(response: Response): Promise<{ status: number; body: unknown }> {
  return { status: response.status, body: await response.json() }
}

export interface RawOptions {
  /** Ends the client's side after the last byte. */
  readonly half?: boolean
  /** Ends the connection once what was received has this in it; else when the server does. */
  readonly until?: RegExp
}

/** Sends these bytes over a connection of its own and gives what came back, as text, until it was closed. */
export function sendRaw(
  origin: string,
  bytes: string | Buffer,
  { half = false, until }: RawOptions = {},
): Promise<string> {
  const { hostname, port } = new URL(origin)
  return new Promise(resolve => {
    const socket = connect(Number(port), hostname)
    let received = ''
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      if (until?.test(received)) socket.destroy()
    })
    socket.on('error', () => {}) // 'close' follows.
    socket.on('close', () => resolve(received))
    if (half) socket.end(bytes)
    else socket.write(bytes)
  })
}

/** The bytes of a request with these header lines; `Host` and `Connection: close` are added. */
export function requestText(
  origin: string,
  line: string,
  headers: readonly string[] = [],
  body = '',
): string {
  const connection = headers.some(header => /^connection:/i.test(header)) ? [] : ['Connection: close']
  return [`${line} HTTP/1.1`, `Host: ${new URL(origin).host}`, ...connection, ...headers, '', body].join(
    '\r\n',
  )
}
