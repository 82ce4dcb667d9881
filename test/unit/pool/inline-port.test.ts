import { InlinePort } from '../../../src/pool/inline-port.ts'
import { openHost } from '../../../src/worker/host.ts'
import { portSuite } from './port.suite.ts'

portSuite(
  'a worker in the server’s own process',
  (_order, onLog) =>
    new InlinePort(order =>
      openHost(order, (level, message, fields) => onLog({ type: 'log', level, message, fields })),
    ),
)
