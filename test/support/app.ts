import { ByteBudget } from '../../src/byte-budget.ts'
import { createApp, type App, type AppOptions } from '../../src/http/app.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const logger = createLogger({ format: 'json', level: 'silent' })

/** An app as the server makes it, with a log that nobody reads. */
export function quietApp(options: Partial<AppOptions> = {}): App {
  return createApp({
    logger,
    maxRequestSize: 1_000_000,
    limits: { connections: 100, requestTimeoutMs: 60_000, clientTimeoutMs: 30_000, minRequestBytesPerS: 240 },
    budget: new ByteBudget(100_000_000),
    cors: {},
    countResponse: () => {},
    ...options,
  })
}
