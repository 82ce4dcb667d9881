import { constants } from 'node:os'
import { Failure } from '../errors.ts'
import { helpText } from '../config/help.ts'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { readVersion } from '../home.ts'
import { startServer, type Server } from '../server.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { announce } from './banner.ts'
import { keepCompiledCode } from './compiled-code.ts'
import { startInBackground, stopBackground } from './background.ts'
import type { Command, CommandIo } from './command.ts'
import { npmGone } from './parent-gone.ts'

/** What may still be going on when the server has stopped gets this long. */
const LAST_MS = 1000

/** `sconce start`, with TorchServe's flags. */
export const start: Command = {
  name: 'start',
  summary: 'Serve the models of a model store.',
  get usage() {
    return helpText()
  },
  async run(args, io) {
    const loaded = await loadConfig({ argv: args, env: process.env, cwd: process.cwd() })
    const version = readVersion()
    switch (loaded.command.action) {
      case 'help':
        io.out(`${helpText()}\n`)
        return 0
      case 'version':
        // TorchServe's sentence: scripts read the number from it.
        io.out(`TorchServe Version is ${version} (Sconce)\n`)
        return 0
      case 'stop':
        return stopBackground(io)
      case 'start':
        return loaded.command.background ? startInBackground(args, io) : serve(loaded, version, io)
    }
  },
}

/** Runs the server until it is asked to end; the exit code is that of the process. */
async function serve(loaded: LoadedConfig, version: string, io: CommandIo): Promise<number> {
  const { config, warnings } = loaded
  const logger = createLogger(config.logging)
  for (const warning of warnings) logger.warn(warning)
  logger.debug('Configuration', { values: loaded.describe(), sources: loaded.sources })
  const stopping = new AbortController()
  // In the background there is a launcher that ends as it should, and an IPC channel to it.
  const orphaned = process.send === undefined ? npmGone(process.env) : new Promise<never>(() => {})
  const stopped = Promise.race([untilSignal(), orphaned]).then(why => {
    obey(why, logger)
    stopping.abort()
  })
  // By default this signal opens the inspector, and a worker could send it.
  process.on('SIGUSR1', () => {})
  let server: Server
  try {
    server = await startServer({
      config,
      logger,
      version,
      env: process.env,
      snapshots: loaded.snapshots,
      signal: stopping.signal,
    })
  } catch (error) {
    await logger.flush()
    if (error instanceof Failure && error.code === 'SHUTTING_DOWN') return 0 // As it was asked to.
    throw error
  }
  process.send?.({ started: server.addresses }) // To the launcher, when started in the background.
  // A signal during a slow load ends the server then and there.
  await Promise.race([server.settled, stopped])
  if (!stopping.signal.aborted) await announce({ server, version, config, logger, io })
  keepCompiledCode()
  await stopped
  await server.stop()
  logger.info('Stopped')
  await logger.flush()
  // A worker that had to be killed may still be waited for; nobody should have to wait for that.
  setTimeout(() => process.exit(), LAST_MS).unref()
  return 0
}

function obey(why: string, logger: Logger): void {
  logger.info(`Stopping on ${why}: requests in flight are finished first; a second signal ends at once`)
  for (const again of SIGNALS) process.once(again, () => process.exit(128 + constants.signals[again]))
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })
}
