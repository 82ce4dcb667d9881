/** The reference for gRPC: a bare grpc-js that sends the bytes of a message back. */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'

const asIs = (bytes: Buffer) => bytes

const server = new Server({ 'grpc.max_receive_message_length': 256 * 1024 * 1024 })
server.addService(
  {
    Echo: {
      path: '/bench.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  {
    Echo: ({ request }: ServerUnaryCall<Buffer, Buffer>, send: sendUnaryData<Buffer>) => send(null, request),
  },
)
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  console.log(`http://127.0.0.1:${port}`)
})
