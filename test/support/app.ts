import { createApp, type App, type AppOptions } from '../../src/http/app.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const logger = createLogger({ format: 'json', level: 'silent' })

/** An app as the server makes it, with a log that nobody reads. */
export function quietApp(options: Partial<AppOptions> = {}): App {
  return createApp({ logger, maxRequestSize: 1_000_000, cors: {}, countResponse: () => {}, ...options })
}
