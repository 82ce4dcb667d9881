import { whole } from './values.ts'
import { LONGEST_TIMER_S } from './timers.ts'

/** What clients may take of the server, and how it ends. */
export const limits = {
  max_inflight_bytes: whole(0, Number.MAX_SAFE_INTEGER)
    .prefault('0')
    .describe(
      'Bytes of requests and answers that the server holds at a time; a further request gets 503, over gRPC ' +
        'RESOURCE_EXHAUSTED. 0: an eighth of the memory.',
    ),
  max_connections: whole(1)
    .prefault('10000')
    .describe('Connections to one address, of HTTP or gRPC; further ones are closed at once.'),
  request_timeout: whole(1, LONGEST_TIMER_S)
    .prefault('300')
    .describe('Seconds that a request may take to arrive; then it gets 408, over gRPC DEADLINE_EXCEEDED.'),
  client_timeout: whole(1, LONGEST_TIMER_S)
    .prefault('30')
    .describe(
      'Seconds in which a client must send a header, min_request_rate of a body or message, or take some of its answer.',
    ),
  min_request_rate: whole(0)
    .prefault('240')
    .describe(
      'Bytes a second that a body or message must come with, over client_timeout; a slower one gets 408, over gRPC ' +
        'DEADLINE_EXCEEDED.',
    ),
  drain_grace: whole(0, LONGEST_TIMER_S)
    .prefault('0')
    .describe(
      'Seconds that the server goes on serving after a signal to end, and says that it is not ready: as long as ' +
        'load balancers take to hear of it.',
    ),
  drain_timeout: whole(1, LONGEST_TIMER_S)
    .prefault('30')
    .describe('Seconds that requests in flight get once nobody is let in any more; then they are cut.'),
}
