import { isName } from '../archive/manifest.ts'
import { operatorsFatalOnEmpty } from '../archive/onnx-empty.ts'
import { openArchive, type Archive } from '../archive/reader.ts'
import { modelNameFromFile } from '../archive/store.ts'
import type { ImportCache, ImportObserver } from '../conversion/cache.ts'
import type { GraphCache } from '../conversion/graph-cache.ts'
import { Failure, failure } from '../errors.ts'
import type { WorkerPort } from '../pool/port.ts'
import type { LoadOrder } from '../worker/protocol.ts'
import { findHandlerFile } from './handler-file.ts'
import { importTorch } from './import-torch.ts'
import { toLoadFailure } from './load-failure.ts'
import { locateArchive, type LocateOptions } from './locate.ts'
import { Model, type ModelObserver } from './model.ts'
import type { Registry } from './registry.ts'
import { optimiseGraph, type ReadyArchive } from './optimise-graph.ts'
import { restoredSettings, type SnapshotModel } from './snapshot-model.ts'
import { effectiveSettings, type GivenSettings } from './settings.ts'
import { Tuning, type TuningOptions } from './tuning.ts'

export interface RegisterRequest {
  /** File or folder in the model store, or a remote URL. */
  readonly url: string
  /** Overrides the manifest's name. */
  readonly name?: string | undefined
  /** Overrides the manifest's handler. */
  readonly handler?: string | undefined
  readonly settings: GivenSettings
  /** What a snapshot says of it, which wins over every other source. */
  readonly restored?: SnapshotModel | undefined
  /** At start-up a model whose workers do not load stays registered, and they are tried again. */
  readonly atStartup: boolean
}

/** What a registration needs of the server around it. */
export interface RegisterDeps {
  readonly registry: Registry
  /** Aborted when the server stops, with SHUTTING_DOWN as its reason: nothing is registered from then on. */
  readonly stopping: AbortSignal
  readonly locate: Omit<LocateOptions, 'signal'>
  /** Where archives are unpacked. */
  readonly workDir: string
  readonly handlersDir: string
  /** The handler of an archive that names none. */
  readonly defaultHandler: string
  /** Turns PyTorch files into ONNX files. */
  readonly imports: ImportCache
  /** Lays graphs out for this machine; undefined: workers load files as they are. */
  readonly graphs: GraphCache | undefined
  observeImport(name: string, version: string): ImportObserver
  /** The `models` key of config.properties: settings by name and version. */
  readonly configured: Readonly<Record<string, Readonly<Record<string, GivenSettings>>>>
  readonly defaults: {
    /** Workers of a model that is loaded at start-up; of one that is registered later. */
    readonly startupWorkers: number | undefined
    readonly workers: number
    readonly responseTimeoutMs: number
    readonly startupTimeoutMs: number
    readonly jobQueueSize: number
    readonly jobQueueBytes: number
  }
  readonly tuning: TuningOptions
  readonly worker: Pick<LoadOrder, 'maxResponseSize' | 'decodeInput' | 'limitImagePixels'>
  nextWorkerId(): string
  openPort(order: LoadOrder, readable: readonly string[], worker: string): WorkerPort
  observe(name: string, version: string): ModelObserver
  /** Tells people of what is no error. */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void
}

export interface Registered {
  readonly model: Model
  /**
   * Settles when the first workers are up. Where one does not load it rejects with LOAD_FAILED, and everything that
   * the registration did has been undone (not so at start-up).
   */
  readonly ready: Promise<void>
}

/**
 * Registers one version of a model: finds the archive, opens it, claims the name, imports a PyTorch file, lays a large
 * graph out for this machine, decides handler and settings, adds the model to the registry and starts its workers. Where
 * a step throws, the steps before it are undone in reverse. Throws SHUTTING_DOWN where the server is stopped meanwhile.
 */
export async function registerModel(request: RegisterRequest, deps: RegisterDeps): Promise<Registered> {
  const undo: (() => unknown)[] = []
  const undoAll = async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    const { path, remove } = await locateArchive(request.url, { ...deps.locate, signal: deps.stopping })
    undo.push(() => remove?.())
    const opened = await openArchive(path, { workDir: deps.workDir })
    undo.push(() => opened.release())
    const name = chooseName(request, opened)
    const version = chooseVersion(opened)
    const release = deps.registry.reserve(name, version)
    undo.push(release)
    const imported = await importTorch(opened, deps.imports, deps.observeImport(name, version))
    undo.push(() => imported.release())
    const archive = await optimiseGraph(imported, deps.graphs, { model: name, version })
    undo.push(() => archive.release())
    const model = await makeModel(name, version, { archive, removeDownload: remove, request, deps })
    undo.push(() => model.close())
    for (const warning of archive.config.warnings) deps.warn(warning, { model: name, version })
    // The stop closes the models that it finds: none may come after that.
    deps.stopping.throwIfAborted()
    deps.registry.add(model)
    undo.push(() => deps.registry.remove(model))
    release()
    const ready = model.start().catch(async (error: unknown) => {
      if (!request.atStartup) await undoAll()
      throw toLoadFailure(error, model)
    })
    return { model, ready }
  } catch (error) {
    await undoAll()
    throw error
  }
}

interface ModelParts {
  readonly archive: ReadyArchive
  readonly removeDownload: (() => Promise<void>) | undefined
  readonly request: RegisterRequest
  readonly deps: RegisterDeps
}

async function makeModel(name: string, version: string, parts: ModelParts): Promise<Model> {
  const { archive, removeDownload, request, deps } = parts
  const settings = chooseSettings(name, version, parts)
  const handlerFile = await chooseHandler(parts)
  const fatalOnEmpty = archive.modelFile === undefined ? [] : await operatorsFatalOnEmpty(archive.modelFile)
  // A model without workers may be registered as it is; its first worker says what is wrong.
  if (handlerFile instanceof Failure && settings.minWorkers > 0) throw handlerFile
  const tuning = new Tuning({
    ...deps.tuning,
    isOn: deps.tuning.isOn && archive.config.raw['calibrate'] !== false,
  })
  const openPort = (worker: string) => {
    if (handlerFile instanceof Failure) throw handlerFile
    const order: LoadOrder = {
      ...deps.worker,
      ...tuning.orderFor(worker, model.settings),
      name,
      version,
      handlerFile,
      dir: archive.dir,
      modelFile: archive.modelFile,
      optimisedFile: archive.optimisedFile,
      fatalOnEmpty,
      manifest: archive.manifest.raw,
      config: archive.config.raw,
    }
    return { order, port: deps.openPort(order, archive.readable, worker) }
  }
  const model = new Model({
    name,
    version,
    archive,
    settings,
    removeDownload,
    loadedAtStartup: request.atStartup,
    handler: request.handler,
    observer: deps.observe(name, version),
    tuning,
    pool: { openPort, nextId: () => deps.nextWorkerId() },
  })
  return model
}

/** The handler's file, or the failure to find it. */
function chooseHandler({ archive, request, deps }: ModelParts): Promise<string | Failure> {
  return findHandlerFile({
    handler: request.handler ?? archive.manifest.model.handler ?? deps.defaultHandler,
    archiveDir: archive.dir,
    handlersDir: deps.handlersDir,
  }).catch((error: unknown) => {
    if (error instanceof Failure) return error
    throw error
  })
}

function chooseSettings(name: string, version: string, { archive, request, deps }: ModelParts) {
  const { configured, defaults } = deps
  const versions = Object.hasOwn(configured, name) ? configured[name] : undefined
  const config = versions !== undefined && Object.hasOwn(versions, version) ? versions[version] : undefined
  const settings = effectiveSettings({
    request: request.settings,
    archive: archive.manifest.model.configFile === undefined ? undefined : archive.config.settings,
    config: config ?? {},
    atStartup: request.atStartup,
    defaultWorkers: request.atStartup ? defaults.startupWorkers : defaults.workers,
    defaultResponseTimeoutMs: defaults.responseTimeoutMs,
    defaultStartupTimeoutMs: defaults.startupTimeoutMs,
    defaultJobQueueSize: defaults.jobQueueSize,
    defaultJobQueueBytes: defaults.jobQueueBytes,
  })
  return request.restored === undefined ? settings : restoredSettings(settings, request.restored)
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

/** The manifest's version, where a request can name it: `.` and `..` never stay in the path of a URL. */
function chooseVersion({ manifest }: Archive): string {
  const { modelVersion } = manifest.model
  if (modelVersion !== '.' && modelVersion !== '..') return modelVersion
  throw failure('INVALID_MODEL', `Model version "${modelVersion}" cannot be named in a URL.`)
}
