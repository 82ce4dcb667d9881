/**
 * The load generator's process: a closed loop over plain sockets, with as little work per request as can be.
 */
import { connect } from 'node:net'
import { answerOrders } from './child.ts'
import { quantile } from './statistics.ts'
import type { LoadOrder, LoadResult } from './load.ts'

const HEAD_END = '\r\n\r\n'

// The parent is a Child made by startLoadGenerator: it sends nothing else.
answerOrders(order => runLoad(order as LoadOrder))

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const request = writeRequest(order)
  const latenciesUs: number[] = []
  const usage = process.cpuUsage()
  const startedAt = performance.now()
  const until = startedAt + order.durationMs
  await Promise.all(
    Array.from({ length: order.connections }, () => runConnection({ order, request, until, latenciesUs })),
  )
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(usage)
  const sorted = Float64Array.from(latenciesUs).toSorted()
  return {
    requests: sorted.length,
    perSecond: sorted.length / (ms / 1000),
    p50Us: quantile(sorted, 0.5),
    p99Us: quantile(sorted, 0.99),
    clientCores: (user + system) / 1000 / ms,
  }
}

function writeRequest({ port, path, contentType, bodyBase64, headers = [] }: LoadOrder): Buffer {
  const body = Buffer.from(bodyBase64, 'base64')
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `content-type: ${contentType}`,
    `content-length: ${body.length}`,
    ...headers,
  ]
  return Buffer.concat([Buffer.from(head.join('\r\n') + HEAD_END), body])
}

interface Connection {
  readonly order: LoadOrder
  readonly request: Buffer
  /** `performance.now()` after which no further request is sent. */
  readonly until: number
  readonly latenciesUs: number[]
}

/** One request after the other on one connection; rejects at an answer that is not 200. */
function runConnection({ order, request, until, latenciesUs }: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
    const refuse = (reason: string): void => {
      reject(new Error(`POST http://127.0.0.1:${order.port}${order.path}: ${reason}`))
      socket.destroy()
    }
    let sentAt = 0
    const send = (): void => {
      sentAt = performance.now()
      socket.write(request)
    }
    const isWhole = makeAnswerReader(refuse)
    socket.on('connect', send)
    socket.on('error', error => refuse(error.message))
    socket.on('close', () => refuse('the server closed the connection'))
    socket.on('data', (chunk: Buffer) => {
      if (!isWhole(chunk)) return
      const now = performance.now()
      latenciesUs.push((now - sentAt) * 1000)
      if (now < until) return send()
      socket.removeAllListeners('close')
      socket.end(resolve)
    })
  })
}

/** True for the chunk that completes an answer. Calls `refuse` where the answer is not 200 with a length. */
function makeAnswerReader(refuse: (reason: string) => void): (chunk: Buffer) => boolean {
  let bodyLeft = 0
  let pending: Buffer | undefined
  return chunk => {
    if (bodyLeft > 0) return (bodyLeft -= chunk.length) <= 0
    const data = pending === undefined ? chunk : Buffer.concat([pending, chunk])
    const headEnd = data.indexOf(HEAD_END)
    pending = headEnd === -1 ? data : undefined
    if (headEnd === -1) return false
    const head = data.toString('latin1', 0, headEnd)
    const length = /^HTTP\/1\.1 200 .*\r\ncontent-length: *(\d+)/is.exec(head)?.[1]
    if (length === undefined) refuse(`the answer is ${data.toString('utf8', 0, 500)}`)
    bodyLeft = headEnd + HEAD_END.length + Number(length) - data.length
    return bodyLeft <= 0
  }
}
