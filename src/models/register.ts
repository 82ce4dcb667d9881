import { isName } from '../archive/manifest.ts'
import { openArchive, type Archive } from '../archive/reader.ts'
import { findInStore, modelNameFromFile } from '../archive/store.ts'
import { failure } from '../errors.ts'
import type { WorkerPort } from '../pool/port.ts'
import type { LoadOrder } from '../worker/protocol.ts'
import { findHandlerFile } from './handler-file.ts'
import { Model, type ModelObserver } from './model.ts'
import type { Registry } from './registry.ts'
import { effectiveSettings, type GivenSettings } from './settings.ts'

export interface RegisterRequest {
  /** File or folder in the model store. */
  readonly url: string
  /** Overrides the manifest's name. */
  readonly name?: string | undefined
  /** Overrides the manifest's handler. */
  readonly handler?: string | undefined
  readonly settings: GivenSettings
  readonly atStartup: boolean
}

/** What a registration needs of the server around it. */
export interface RegisterDeps {
  readonly registry: Registry
  readonly modelStore: string
  /** Where archives are unpacked. */
  readonly workDir: string
  readonly handlersDir: string
  /** The handler of an archive that names none. */
  readonly defaultHandler: string
  /** The `models` key of config.properties: settings by name and version. */
  readonly configured: Readonly<Record<string, Readonly<Record<string, GivenSettings>>>>
  readonly defaults: {
    readonly workers: number
    readonly responseTimeoutMs: number
    readonly startupTimeoutMs: number
    readonly jobQueueSize: number
  }
  readonly worker: Pick<LoadOrder, 'threads' | 'maxResponseSize' | 'decodeInput' | 'limitImagePixels'>
  nextWorkerId(): string
  openPort(order: LoadOrder, readable: readonly string[], worker: string): WorkerPort
  observe(name: string, version: string): ModelObserver
}

export interface Registered {
  readonly model: Model
  /** Settles when the first workers are up, or with the reason why one of them is not. */
  readonly ready: Promise<void>
}

/**
 * Registers one version of a model: finds the archive, opens it, finds its handler, decides its settings, adds it to
 * the registry and starts its workers. Where a step throws, the steps before it are undone in reverse.
 */
export async function registerModel(request: RegisterRequest, deps: RegisterDeps): Promise<Registered> {
  const undo: (() => unknown)[] = []
  try {
    const path = await findInStore(deps.modelStore, request.url)
    const archive = await openArchive(path, { workDir: deps.workDir })
    undo.push(() => archive.release())
    const name = chooseName(request, archive)
    const version = archive.manifest.model.modelVersion
    if (deps.registry.has(name, version)) throw failure('ALREADY_REGISTERED', name, version)
    const model = await makeModel(name, version, archive, { request, deps })
    undo.push(() => model.close())
    deps.registry.add(model)
    undo.push(() => deps.registry.remove(model))
    const { ready } = model.pool.scale(model.settings.minWorkers)
    return { model, ready }
  } catch (error) {
    for (const step of undo.toReversed()) await step()
    throw error
  }
}

async function makeModel(
  name: string,
  version: string,
  archive: Archive,
  { request, deps }: { request: RegisterRequest; deps: RegisterDeps },
): Promise<Model> {
  const { manifest, config } = archive
  const handlerFile = await findHandlerFile({
    handler: request.handler ?? manifest.model.handler ?? deps.defaultHandler,
    archiveDir: archive.dir,
    handlersDir: deps.handlersDir,
  })
  const settings = effectiveSettings({
    request: request.settings,
    archive: manifest.model.configFile === undefined ? undefined : config.settings,
    config: configuredFor(deps, name, version),
    defaultWorkers: deps.defaults.workers,
    defaultResponseTimeoutMs: deps.defaults.responseTimeoutMs,
    defaultStartupTimeoutMs: deps.defaults.startupTimeoutMs,
    defaultJobQueueSize: deps.defaults.jobQueueSize,
  })
  const order: LoadOrder = {
    ...deps.worker,
    name,
    version,
    dir: archive.dir,
    modelFile: archive.modelFile,
    handlerFile,
    manifest: manifest.raw,
    config: config.raw,
  }
  return new Model({
    name,
    version,
    archive,
    settings,
    loadedAtStartup: request.atStartup,
    observer: deps.observe(name, version),
    pool: {
      order,
      nextId: () => deps.nextWorkerId(),
      openPort: worker => deps.openPort(order, archive.readable, worker),
    },
  })
}

function configuredFor({ configured }: RegisterDeps, name: string, version: string): GivenSettings {
  const versions = Object.hasOwn(configured, name) ? configured[name] : undefined
  return versions !== undefined && Object.hasOwn(versions, version) ? (versions[version] ?? {}) : {}
}

/** The name as asked, else the manifest's, else (at start-up only, as TorchServe) the file's. */
function chooseName(request: RegisterRequest, archive: Archive): string {
  const fromFile = request.atStartup ? modelNameFromFile(archive.file) : undefined
  const name = request.name ?? archive.manifest.model.modelName ?? fromFile
  if (name === undefined || name === '') throw failure('INVALID_MODEL', 'Model name is not defined.')
  if (isName(name)) return name
  const shown = JSON.stringify(name.slice(0, 128))
  throw failure(
    'INVALID_MODEL',
    `Model name ${shown} has to start with a letter or a digit and hold only those, "_", "." and "-".`,
  )
}
