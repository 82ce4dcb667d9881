/** The load generator of gRPC. */
import { Client, credentials } from '@grpc/grpc-js'
import { answerOrders } from './child.ts'
import type { GrpcOrder } from './grpc-load.ts'
import type { LoadResult } from './load.ts'
import { Tally } from './tally.ts'

const NO_LIMITS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }
const asItIs = (bytes: Buffer): Buffer => bytes
const clients = new Map<string, Client>()

// The parent is a Child made by startGrpcLoadGenerator: it sends nothing else.
answerOrders(order => runLoad(order as GrpcOrder))

async function runLoad({ address, path, body, calls, durationMs }: GrpcOrder): Promise<LoadResult> {
  const client = clients.get(address) ?? new Client(address, credentials.createInsecure(), NO_LIMITS)
  clients.set(address, client)
  const tally = new Tally({ isTolerant: false, deadlineMs: Infinity })
  const message = Buffer.from(body)
  const usage = process.cpuUsage()
  const startedAt = performance.now()
  const until = startedAt + durationMs
  const runOne = (): Promise<void> =>
    new Promise(resolve => {
      const send = (): void => {
        const sentAt = performance.now()
        tally.sent()
        client.makeUnaryRequest(path, asItIs, asItIs, message, error => {
          const now = performance.now()
          // Statuses of gRPC are not those of HTTP: what counts here is only whether it went well.
          tally.answered(error === null ? 200 : 0, now - sentAt, error === null ? '' : error.message)
          if (now < until && !tally.isOver) send()
          else resolve()
        })
      }
      send()
    })
  await Promise.all(Array.from({ length: calls }, runOne))
  if (tally.firstFailure !== '') throw new Error(`${address}${path}: ${tally.firstFailure}`)
  const { user, system } = process.cpuUsage(usage)
  const ms = performance.now() - startedAt
  return tally.result(ms, (user + system) / 1000 / ms)
}
