/** A collector of spans that takes all and keeps none. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => response.end())
})
server.listen(0, '127.0.0.1', () => {
  // Listening on TCP, the address is an object.
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
