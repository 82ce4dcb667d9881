import { failure, failureWith } from '../errors.ts'
import type { RuntimeSettings } from '../inference/runtime-settings.ts'
import { refuseFiles, type Repository } from '../models/repository.ts'
import type { Implementation } from './service.ts'
import type { managingMethods } from './services-extensions.ts'
import type { GRPCInferenceService } from './services-open-inference.ts'

export interface OpenInferenceManagingParts {
  readonly repository: Repository
  readonly settings: RuntimeSettings
  /** As for TorchServe's calls that register models. */
  readonly isRegistrationEnabled: boolean
}

type Managing = Pick<Implementation<typeof GRPCInferenceService>, keyof typeof managingMethods>

/** What the Open Inference Protocol's extensions change: part of the management API, behind what protects that. */
export function openInferenceManagingService({
  repository,
  settings,
  isRegistrationEnabled,
}: OpenInferenceManagingParts): Managing {
  const change = async (
    { model_name, parameters }: { model_name: string; parameters: ReadonlyMap<string, unknown> },
    work: (name: string) => Promise<void>,
  ) => {
    if (!isRegistrationEnabled) {
      const reason = 'Set enable_model_api=true to load and unload models.'
      throw failureWith({ reason }, 'MODEL_API_DISABLED')
    }
    if (model_name === '') throw failure('MISSING_PARAMETER', 'model_name')
    refuseFiles([...parameters.keys()])
    await work(model_name)
    return {}
  }
  return {
    RepositoryModelLoad: request => change(request, name => repository.load(name)),
    RepositoryModelUnload: request => change(request, name => repository.unload(name)),
    TraceSetting: ({ settings: given, model_name }) => {
      const changes = Object.fromEntries(Array.from(given, ([key, { value }]) => [key, value]))
      const model = model_name || undefined
      const now = given.size > 0 ? settings.updateTrace(changes, model) : settings.readTrace(model)
      return { settings: toMap(now, value => ({ value: [value].flat() })) }
    },
    LogSettings: ({ settings: given }) => {
      const changes = Object.fromEntries(
        Array.from(given, ([key, value]) => [key, Object.values(value).find(one => one !== undefined)]),
      )
      const now = given.size > 0 ? settings.updateLog(changes) : settings.readLog()
      return { settings: toMap(now, toLogValue) }
    },
  }
}

function toMap<From, To>(settings: Readonly<Record<string, From>>, to: (value: From) => To): Map<string, To> {
  return new Map(Object.entries(settings).map(([key, value]) => [key, to(value)]))
}

function toLogValue(value: string | number | boolean) {
  if (typeof value === 'boolean') return { bool_param: value }
  return typeof value === 'number' ? { uint32_param: value } : { string_param: value }
}

/** The same where the management API is not: says where it is. */
export function openInferenceElsewhere(): Managing {
  return {
    RepositoryModelLoad: refuse,
    RepositoryModelUnload: refuse,
    TraceSetting: refuse,
    LogSettings: refuse,
  }
}

function refuse(): never {
  throw failure(
    'NOT_SERVED',
    'This is part of the management API: ask at grpc_management_address and grpc_management_port',
  )
}
