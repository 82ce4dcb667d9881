/** What the Open Inference Protocol tells of a model, for every edge that speaks it. */
import { Failure, failure } from '../errors.ts'
import type { Model } from '../models/model.ts'
import type { Registry } from '../models/registry.ts'
import { datatypeOf, type Datatype } from '../runtime/datatype.ts'
import type { TensorInfo } from '../runtime/tensor.ts'

export interface TensorMetadata {
  readonly name: string
  readonly datatype: Datatype
  /** -1: any size. */
  readonly shape: readonly number[]
}

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/** Of the model_configuration extension. */
export interface ModelConfig {
  readonly name: string
  readonly platform: string
  readonly backend: string
  readonly version_policy: { readonly specific: { readonly versions: readonly string[] } }
  readonly max_batch_size: number
  readonly input: readonly ConfigTensor[]
  readonly output: readonly ConfigTensor[]
  readonly instance_group: readonly {
    readonly name: string
    readonly kind: 'KIND_CPU'
    readonly count: number
  }[]
  readonly default_model_filename: string
  readonly dynamic_batching: {
    readonly preferred_batch_size: readonly number[]
    readonly max_queue_delay_microseconds: number
    readonly default_queue_policy: { readonly max_queue_size: number }
  }
  readonly parameters: Readonly<Record<string, never>>
  readonly model_transaction_policy: { readonly decoupled: boolean }
}

interface ConfigTensor {
  readonly name: string
  readonly data_type: `TYPE_${Exclude<Datatype, 'BYTES'> | 'STRING'}`
  readonly dims: readonly number[]
}

const PLATFORM = 'onnxruntime_onnx'

/** How a model without a graph is addressed: the request's bytes for its handler, and the handler's answer. */
export const RAW_INPUT: TensorMetadata = { name: 'data', datatype: 'BYTES', shape: [1] }
export const RAW_OUTPUT: TensorMetadata = { name: 'output', datatype: 'BYTES', shape: [1] }

/** The model that answers; '' names the default version. Throws UNKNOWN_MODEL. */
export function findModel(registry: Registry, name: string, version: string | undefined): Model {
  const asked = version === '' ? undefined : version
  try {
    return registry.resolve(name, asked)
  } catch (error) {
    const isUnknown =
      error instanceof Failure && (error.code === 'MODEL_NOT_FOUND' || error.code === 'VERSION_NOT_FOUND')
    throw isUnknown ? failure('UNKNOWN_MODEL', name.slice(0, 128), asked?.slice(0, 128)) : error
  }
}

export function modelMetadata(registry: Registry, name: string, version: string | undefined): ModelMetadata {
  const model = findModel(registry, name, version)
  const { graph } = model.pool
  return {
    name: model.name,
    versions: version ? [model.version] : versionsOf(registry, model.name),
    platform: PLATFORM,
    inputs: graph?.inputs.map(describeTensor) ?? [RAW_INPUT],
    outputs: graph?.outputs.map(describeTensor) ?? [RAW_OUTPUT],
  }
}

/** The model's configuration as the model_configuration extension has it: full shapes, so max_batch_size is 0. */
export function modelConfig(registry: Registry, name: string, version: string | undefined): ModelConfig {
  const model = findModel(registry, name, version)
  const { settings, archive, pool } = model
  return {
    name: model.name,
    platform: PLATFORM,
    backend: 'onnxruntime',
    version_policy: { specific: { versions: versionsOf(registry, model.name) } },
    max_batch_size: 0,
    input: (pool.graph?.inputs.map(describeTensor) ?? [RAW_INPUT]).map(configTensor),
    output: (pool.graph?.outputs.map(describeTensor) ?? [RAW_OUTPUT]).map(configTensor),
    instance_group: [{ name: model.name, kind: 'KIND_CPU', count: pool.size }],
    default_model_filename: archive.manifest.model.serializedFile ?? '',
    dynamic_batching: {
      preferred_batch_size: [settings.batchSize],
      max_queue_delay_microseconds: settings.maxBatchDelayMs * 1000,
      default_queue_policy: { max_queue_size: settings.jobQueueSize },
    },
    parameters: {},
    model_transaction_policy: { decoupled: false },
  }
}

function configTensor({ name, datatype, shape }: TensorMetadata): ConfigTensor {
  return { name, data_type: datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`, dims: shape }
}

/** Whether a request to this model would be run now, and why not. */
export function modelReadiness(
  registry: Registry,
  name: string,
  version: string | undefined,
): { ready: boolean; reason: string } {
  const model = findModel(registry, name, version)
  const { state, reason } = model.health()
  const ready = model.pool.readyCount > 0
  return { ready, reason: ready ? '' : reason || `Model ${name} is ${state}.` }
}

function versionsOf(registry: Registry, name: string): string[] {
  return registry.all().flatMap(model => (model.name === name ? [model.version] : []))
}

function describeTensor({ name, type, shape }: TensorInfo): TensorMetadata {
  return {
    name,
    datatype: datatypeOf(type),
    shape: shape.map(axis => (typeof axis === 'number' ? axis : -1)),
  }
}
