import type { Config } from '../config/config.ts'
import type { Model } from '../models/model.ts'
import type { Server } from '../server.ts'
import type { RootLogger } from '../telemetry/logger.ts'
import type { CommandIo } from './command.ts'

export interface Announcement {
  readonly server: Server
  readonly version: string
  readonly config: Config
  readonly logger: RootLogger
  readonly io: CommandIo
}

/** Says that the server is up: as text to a person on a terminal, as log lines to anything else. */
export async function announce({ server, version, config, logger, io }: Announcement): Promise<void> {
  const { format } = config.logging
  if (format === 'pretty' || (format === 'auto' && process.stdout.isTTY)) {
    await logger.flush() // What was logged during the start comes before.
    io.out(`${bannerText(server, version)}\n`)
  } else {
    logger.info('Sconce is up', {
      sconce: version,
      node: process.version,
      addresses: server.addresses,
      cpu: server.cpu,
      models: server.registry.all().map(modelFacts),
      refused: server.refused,
    })
  }
  // TorchServe's own line: launch scripts wait for it.
  logger.info('Model server started.')
}

/** What the start prints for a person. */
export function bannerText({ addresses, cpu, registry, refused }: Server, version: string): string {
  const quota = cpu.quota === undefined ? 'no quota' : `a quota of ${cpu.quota}`
  const models = registry.all().map(model => {
    const { name, version: of, workers, state, reason } = modelFacts(model)
    return `  ${name} ${of}  ${state}, ${workers} worker${workers === 1 ? '' : 's'}${reason === '' ? '' : `: ${reason}`}`
  })
  return [
    '',
    `Sconce ${version} on Node.js ${process.version}`,
    '',
    `  inference   ${addresses.inference}`,
    `  management  ${addresses.management}`,
    `  metrics     ${addresses.metrics === undefined ? 'off' : `${addresses.metrics}/metrics`}`,
    `  CPU plan    ${cpu.cores} cores, ${quota}: ${cpu.workersPerModel} workers a model x ${cpu.threadsPerWorker} threads`,
    '',
    'Models',
    ...(models.length === 0 ? ['  none'] : models),
    ...refused.map(({ url, reason }) => `  ${url}  refused: ${reason}`),
    '',
    ...tryIt(registry.all()[0], addresses.inference),
  ].join('\n')
}

function modelFacts(model: Model) {
  const { name, version, pool } = model
  return { name, version, workers: pool.readyCount, ...model.health() }
}

/** A line to paste: an image for a model that takes images, else numbers of the right shape. */
function tryIt(model: Model | undefined, address: string): string[] {
  if (model === undefined) return []
  const url = `${address}/predictions/${model.name}`
  const handler = model.archive.manifest.model.handler ?? ''
  if (model.name === 'digits') return ['Try it', `  curl -T examples/digits/7.png ${url}`, '']
  if (handler.startsWith('image_')) return ['Try it', `  curl -T IMAGE ${url}`, '']
  const shape = model.pool.graph?.inputs[0]?.shape ?? []
  const row = JSON.stringify(zeros(shape.slice(1)))
  return ['Try it', `  curl -H 'Content-Type: application/json' -d '${row}' ${url}`, '']
}

function zeros([length, ...rest]: readonly (number | string)[]): unknown {
  if (length === undefined) return 0
  // A free axis, and what would fill the screen, is shown short.
  const count = typeof length === 'number' ? Math.min(length, 16) : 1
  return Array.from({ length: count }, () => zeros(rest))
}
