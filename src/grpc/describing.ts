/** What the server tells of a model, as the messages of the Open Inference Protocol's extensions. */
import type { ModelConfig as Config } from '../inference/model-metadata.ts'
import type { Duration, ModelStatistics as Statistics } from '../inference/statistics.ts'
import type { Written } from './protobuf/message.ts'
import type { ModelStatistics } from './services-extensions.ts'
import { DATA_TYPE, GROUP_KIND, type ModelConfig } from './services-model-config.ts'

export function toConfigMessage(config: Config): Written<typeof ModelConfig> {
  const { version_policy, input, output, instance_group, dynamic_batching: batching, ...rest } = config
  // Versions are any text here; the message has numbers.
  const versions = version_policy.specific.versions.filter(version => /^\d{1,18}$/.test(version)).map(BigInt)
  return {
    ...rest,
    parameters: new Map(),
    version_policy: { specific: { versions } },
    input: input.map(toTensor),
    output: output.map(toTensor),
    instance_group: instance_group.map(({ kind, ...group }) => ({ ...group, kind: GROUP_KIND[kind] })),
    dynamic_batching: {
      ...batching,
      max_queue_delay_microseconds: BigInt(Math.round(batching.max_queue_delay_microseconds)),
    },
  }
}

function toTensor({ name, data_type, dims }: Config['input'][number]) {
  return { name, data_type: DATA_TYPE[data_type], dims: dims.map(BigInt) }
}

export function toStatisticsMessage(statistics: Statistics): Written<typeof ModelStatistics> {
  const { inference_stats: stats, batch_stats, memory_usage, ...rest } = statistics
  return {
    name: rest.name,
    version: rest.version,
    last_inference: BigInt(rest.last_inference),
    inference_count: BigInt(rest.inference_count),
    execution_count: BigInt(rest.execution_count),
    inference_stats: {
      success: toDuration(stats.success),
      fail: toDuration(stats.fail),
      queue: toDuration(stats.queue),
      ...toStages(stats),
      cache_hit: toDuration(stats.cache_hit),
      cache_miss: toDuration(stats.cache_miss),
    },
    batch_stats: batch_stats.map(one => ({ batch_size: BigInt(one.batch_size), ...toStages(one) })),
    memory_usage: memory_usage.map(({ type, id, byte_size }) => ({
      type,
      id: BigInt(id),
      byte_size: BigInt(byte_size),
    })),
  }
}

type Stage = 'compute_input' | 'compute_infer' | 'compute_output'

function toStages(stats: Readonly<Record<Stage, Duration>>) {
  return {
    compute_input: toDuration(stats.compute_input),
    compute_infer: toDuration(stats.compute_infer),
    compute_output: toDuration(stats.compute_output),
  }
}

function toDuration({ count, ns }: Duration) {
  return { count: BigInt(count), ns: BigInt(ns) }
}
