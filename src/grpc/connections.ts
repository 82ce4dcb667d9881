import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export interface ConnectionsOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** How many there may be on one address. */
  readonly max: number
  readonly onConnection: (socket: Socket) => void
  /** Told when one is closed because there are as many as may be. */
  readonly onRefused: () => void
}

/** A name may stand for addresses of which this machine has not all: `localhost` without IPv6. */
const NOT_HERE: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** The connections of one listener, on every address that its host's name stands for. */
export class Connections {
  readonly port: number
  readonly #servers: readonly Server[]
  readonly #open: Map<string, Socket>

  private constructor(servers: readonly Server[], open: Map<string, Socket>) {
    this.#servers = servers
    this.#open = open
    this.port = portOf(servers[0])
  }

  /** Throws what the system says where it cannot have an address. */
  static async listen(options: ConnectionsOptions): Promise<Connections> {
    const open = new Map<string, Socket>()
    const servers: Server[] = []
    let refused: unknown
    for (const { address } of await lookup(options.host, { all: true })) {
      try {
        servers.push(await listenOn(address, portOf(servers[0]) || options.port, options, open))
      } catch (error) {
        refused = error
        if (NOT_HERE.has((error as NodeJS.ErrnoException).code)) continue
        for (const server of servers) server.close()
        throw error
      }
    }
    if (servers.length === 0) throw refused
    return new Connections(servers, open)
  }

  /** Whether this is one of them, be it below TLS. */
  has(socket: Socket): boolean {
    return this.#open.has(keyOf(socket))
  }

  /** Lets nobody in any more, and waits until all that are in have left. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map(server => once(server.close(), 'close')))
  }

  /** Ends them all at once. */
  cut(): void {
    for (const socket of this.#open.values()) socket.destroy()
  }
}

async function listenOn(
  host: string,
  port: number,
  { max, onConnection, onRefused }: ConnectionsOptions,
  open: Map<string, Socket>,
): Promise<Server> {
  const server = createServer({ noDelay: true }, socket => {
    const key = keyOf(socket)
    open.set(key, socket)
    socket.once('close', () => open.delete(key))
    onConnection(socket)
  })
  server.maxConnections = max
  server.on('drop', onRefused)
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

const keyOf = ({ remoteAddress, remotePort, localPort }: Socket) =>
  `${remoteAddress} ${remotePort} ${localPort}`

function portOf(server: Server | undefined): number {
  // A TCP server's address is an object; a string only for pipes.
  const address = server?.address() as AddressInfo | null | undefined
  return address?.port ?? 0
}
