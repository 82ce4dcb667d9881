import { existsSync } from 'node:fs'
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
      grpc: server.grpc,
      cpu: server.cpu,
      models: server.registry.all().map(modelFacts),
      refused: server.refused,
    })
  }
  // TorchServe's own line: launch scripts wait for it.
  logger.info('Model server started.')
}

/** What the start prints for a person. */
export function bannerText({ addresses, grpc, cpu, registry, refused }: Server, version: string): string {
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
    `  gRPC        ${grpc === undefined ? 'off' : `${grpc.inference}, management ${grpc.management}`}`,
    `  metrics     ${addresses.metrics === undefined ? 'off' : `${addresses.metrics}/metrics`}`,
    `  CPU plan    ${cpu.cores} cores, ${quota}: ${sayPlan(cpu)}`,
    '',
    'Models',
    ...(models.length === 0 ? ['  none'] : models),
    ...refused.map(({ url, reason }) => `  ${url}  refused: ${reason}`),
    '',
    ...tryIt(registry.all(), addresses.inference),
  ].join('\n')
}

function sayPlan({ workersPerModel, threadsPerWorker, isMeasured }: Server['cpu']): string {
  const plan = `${workersPerModel} workers a model x ${threadsPerWorker} threads`
  return isMeasured ? `${plan} where measuring finds nothing better` : plan
}

function modelFacts(model: Model) {
  const { name, version, pool } = model
  return { name, version, workers: pool.readyCount, ...model.health() }
}

/** The longest request that is worth printing. */
const MAX_ROW_NUMBERS = 64

/** In the repository; what is published has no examples. */
const SAMPLE_IMAGE = 'examples/digits/7.png'

/** A line to paste for the first model that is ready, where its input is known and short. */
function tryIt(models: readonly Model[], address: string): string[] {
  const model = models.find(({ pool }) => pool.readyCount > 0)
  if (model === undefined) return []
  const url = `${address}/predictions/${model.name}`
  const handler = model.archive.manifest.model.handler ?? 'base_handler'
  if (handler === 'image_classifier') {
    const image = model.name === 'digits' && existsSync(SAMPLE_IMAGE) ? SAMPLE_IMAGE : 'IMAGE'
    return ['Try it', `  curl -T ${image} ${url}`, '']
  }
  const row = handler === 'base_handler' ? rowOf(model) : undefined
  return row === undefined
    ? []
    : ['Try it', `  curl -H 'Content-Type: application/json' -d '${row}' ${url}`, '']
}

/** One row of zeros for a graph with one input of numbers, all of whose axes but the first are fixed and few. */
function rowOf(model: Model): string | undefined {
  const [input, ...others] = model.pool.graph?.inputs ?? []
  if (input === undefined || others.length > 0 || input.type === 'string' || input.type === 'bool')
    return undefined
  const sizes = input.shape.slice(1).map(Number)
  const isShort = sizes.reduce((product, size) => product * size, 1) <= MAX_ROW_NUMBERS // False for a free axis.
  return isShort ? JSON.stringify(zeros(sizes)) : undefined
}

function zeros([size, ...rest]: readonly number[]): unknown {
  return size === undefined ? 0 : Array.from({ length: size }, () => zeros(rest))
}
