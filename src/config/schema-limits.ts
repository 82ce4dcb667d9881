import { whole } from './values.ts'
import { LONGEST_TIMER_S } from './timers.ts'

/** What clients may take of the server, and how it ends. */
export const limits = {
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
