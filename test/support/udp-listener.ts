import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface UdpListener {
  readonly port: number
  /** Everything received so far. */
  readonly packets: readonly Buffer[]
  /** Resolves when `done` holds for the packets received; the test's own timeout is the limit. */
  until(done: (packets: readonly Buffer[]) => boolean): Promise<void>
  close(): Promise<void>
}

/** A real UDP socket on 127.0.0.1, such as a Jaeger agent has. */
export async function listenUdp(): Promise<UdpListener> {
  const socket = createSocket('udp4')
  const packets: Buffer[] = []
  socket.on('message', packet => packets.push(packet))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    packets,
    until: async done => {
      while (!done(packets)) await once(socket, 'message')
    },
    close: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
}
