import { failure } from '../errors.ts'
import { modelConfig, modelMetadata, modelReadiness } from '../inference/model-metadata.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Readiness } from '../inference/readiness.ts'
import type { Registry } from '../models/registry.ts'
import type { Repository } from '../models/repository.ts'
import { toConfigMessage, toStatisticsMessage } from './describing.ts'
import { inferStream } from './infer-stream.ts'
import { infer } from './infer.ts'
import type { Implementation } from './service.ts'
import type { managingMethods } from './services-extensions.ts'
import type { GRPCInferenceService } from './services-open-inference.ts'

export interface OpenInferenceParts {
  readonly predictor: Predictor
  readonly registry: Registry
  readonly readiness: Readiness
  readonly repository: Repository
  readonly maxResponseSize: number
  /** What the server says of itself. */
  readonly identity: {
    readonly name: string
    readonly version: string
    readonly extensions: readonly string[]
  }
}

type All = Implementation<typeof GRPCInferenceService>

/** The Open Inference Protocol, less what is for those who manage the server: https://github.com/kserve/open-inference-protocol */
export function openInferenceService(parts: OpenInferenceParts): Omit<All, keyof typeof managingMethods> {
  const { predictor, registry, readiness, repository, identity } = parts
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: readiness.isReady() }),
    ModelReady: ({ name, version }) => ({ ready: modelReadiness(registry, required(name), version).ready }),
    ServerMetadata: () => identity,
    ModelMetadata: ({ name, version }) => {
      const { inputs, outputs, ...rest } = modelMetadata(registry, required(name), version)
      return { ...rest, inputs: toBigInts(inputs), outputs: toBigInts(outputs) }
    },
    ModelInfer: (request, call) => infer(parts, request, call),
    ModelStreamInfer: (requests, call) => inferStream(parts, requests, call),
    ModelConfig: ({ name, version }) => ({
      config: toConfigMessage(modelConfig(registry, required(name), version)),
    }),
    ModelStatistics: ({ name, version }) => ({
      model_stats: predictor.statistics(name || undefined, version).map(toStatisticsMessage),
    }),
    RepositoryIndex: async ({ ready }) => {
      const models = await repository.index()
      return { models: ready ? models.filter(({ state }) => state === 'READY') : models }
    },
  }
}

function toBigInts<T extends { readonly shape: readonly number[] }>(tensors: readonly T[]) {
  return tensors.map(tensor => ({ ...tensor, shape: tensor.shape.map(BigInt) }))
}

function required(name: string): string {
  if (name === '') throw failure('MISSING_PARAMETER', 'name')
  return name
}
