/** The reference for gRPC: a bare grpc-js that sends back the bytes it gets. */
import { Server, ServerCredentials } from '@grpc/grpc-js'

const asItIs = (bytes: Buffer): Buffer => bytes
const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
server.addService(
  {
    echo: {
      path: '/bench.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  },
  {
    echo: ({ request }: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) =>
      answer(null, request),
  },
)
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  console.log(`grpc://127.0.0.1:${port}`)
})
