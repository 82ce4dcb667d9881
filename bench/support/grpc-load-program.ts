/** The load generator's process for gRPC: a closed loop of unary calls, bytes in and bytes out. */
import { Client, credentials } from '@grpc/grpc-js'
import { answerOrders } from './child.ts'
import type { GrpcLoadOrder } from './grpc-load.ts'
import type { LoadResult } from './load.ts'
import { quantile } from './statistics.ts'

// The parent is a Child made by startGrpcLoadGenerator: it sends nothing else.
answerOrders(order => runLoad(order as GrpcLoadOrder))

async function runLoad(order: GrpcLoadOrder): Promise<LoadResult> {
  const message = Buffer.from(order.messageBase64, 'base64')
  const latenciesUs: number[] = []
  const usage = process.cpuUsage()
  const startedAt = performance.now()
  const until = startedAt + order.durationMs
  const loop = async (): Promise<void> => {
    const client = open(order)
    while (performance.now() < until) {
      const sentAt = performance.now()
      await call(client, order.path, message)
      latenciesUs.push((performance.now() - sentAt) * 1000)
    }
    client.close()
  }
  await Promise.all(Array.from({ length: order.connections }, loop))
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

function open({ port }: GrpcLoadOrder): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': 256 * 1024 * 1024,
    // Otherwise clients of one address share a connection.
    'grpc.use_local_subchannel_pool': 1,
  })
}

const asIs = (bytes: Buffer) => bytes

function call(client: Client, path: string, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, message, error => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}
