import { connect, type Socket } from 'node:net'
import type { Request } from './load.ts'

const HEAD_END = '\r\n\r\n'

/** Status 0: the connection ended before an answer. */
export type OnAnswer = (status: number, said: string) => void

/** The bytes of a request over HTTP/1.1. */
export function writeRequest({ host, port, path, contentType, body, headers = [] }: Request): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${host ?? '127.0.0.1'}:${port}`,
    `content-type: ${contentType}`,
    `content-length: ${body.length}`,
    ...headers,
  ]
  return Buffer.concat([Buffer.from(head.join('\r\n') + HEAD_END), body])
}

/** One connection, over which one request after the other goes; it is opened anew where the server closes it. */
export class Connection {
  readonly #target: Pick<Request, 'host' | 'port'>
  readonly #bytes: Buffer
  #socket: Socket | undefined
  #onAnswer: OnAnswer | undefined
  #answer: AnswerReader

  constructor(target: Pick<Request, 'host' | 'port'>, bytes: Buffer) {
    this.#target = target
    this.#bytes = bytes
    this.#answer = new AnswerReader()
  }

  /** Only where the request before has been answered. */
  send(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer
    this.#socket ??= this.#open()
    this.#socket.write(this.#bytes)
  }

  /** What is not answered yet never is. */
  close(): void {
    this.#onAnswer = undefined
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const { host = '127.0.0.1', port } = this.#target
    const socket = connect({ host, port, noDelay: true })
    this.#answer = new AnswerReader()
    let reason = 'the server closed the connection'
    socket.on('error', error => (reason = error.message))
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#settle(0, reason)
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    return socket
  }

  #read(chunk: Buffer): void {
    const answer = this.#answer
    if (!answer.push(chunk)) return
    if (answer.isLast) {
      this.#socket?.destroy()
      this.#socket = undefined
    }
    this.#settle(answer.status, answer.said)
  }

  #settle(status: number, said: string): void {
    const settle = this.#onAnswer
    this.#onAnswer = undefined
    settle?.(status, said)
  }
}

/** Finds the end of one answer after the other. An answer has to come with its length. */
class AnswerReader {
  status = 0
  /** Whether the server closes the connection after it. */
  isLast = false
  /** The answer's beginning, where it is not 200. */
  said = ''
  #bodyLeft = 0
  #pending: Buffer | undefined

  /** True for the chunk that completes an answer. */
  push(chunk: Buffer): boolean {
    if (this.#bodyLeft > 0) return (this.#bodyLeft -= chunk.length) <= 0
    const data = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk])
    const headEnd = data.indexOf(HEAD_END)
    this.#pending = headEnd === -1 ? data : undefined
    if (headEnd === -1) return false
    this.#readHead(data, headEnd)
    return this.#bodyLeft <= 0
  }

  #readHead(data: Buffer, headEnd: number): void {
    const head = data.toString('latin1', 0, headEnd)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.status = length === undefined ? 0 : Number(head.slice(9, 12))
    this.isLast = length === undefined || /\r\nconnection: *close/i.test(head)
    this.said = this.status === 200 ? '' : `the answer is ${data.toString('utf8', 0, 500)}`
    this.#bodyLeft = headEnd + HEAD_END.length + Number(length ?? 0) - data.length
  }
}
