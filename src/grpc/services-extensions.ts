/** What Triton's extensions add to the Open Inference Protocol, as in proto/open_inference_grpc.proto. */
import { list, map, nested, nestedList, optional, single } from './protobuf/field.ts'
import { bool, bytes, int64, string, uint32, uint64 } from './protobuf/kinds.ts'
import { message } from './protobuf/message.ts'
import { unary } from './service.ts'
import { ModelConfig } from './services-model-config.ts'

const CHOICE = 'parameter_choice'
const NOTHING = Buffer.alloc(0)

const named = { name: single(1, string), version: single(2, string) }

const StatisticDuration = message('StatisticDuration', { count: single(1, uint64), ns: single(2, uint64) })
const stages = {
  compute_input: nested(2, StatisticDuration),
  compute_infer: nested(3, StatisticDuration),
  compute_output: nested(4, StatisticDuration),
}

export const ModelStatistics = message('ModelStatistics', {
  ...named,
  last_inference: single(3, uint64),
  inference_count: single(4, uint64),
  execution_count: single(5, uint64),
  inference_stats: nested(
    6,
    message('InferStatistics', {
      success: nested(1, StatisticDuration),
      fail: nested(2, StatisticDuration),
      queue: nested(3, StatisticDuration),
      compute_input: nested(4, StatisticDuration),
      compute_infer: nested(5, StatisticDuration),
      compute_output: nested(6, StatisticDuration),
      cache_hit: nested(7, StatisticDuration),
      cache_miss: nested(8, StatisticDuration),
    }),
  ),
  batch_stats: nestedList(7, message('InferBatchStatistics', { batch_size: single(1, uint64), ...stages })),
  memory_usage: nestedList(
    8,
    message('MemoryUsage', { type: single(1, string), id: single(2, int64), byte_size: single(3, uint64) }),
  ),
})

const ModelRepositoryParameter = message('ModelRepositoryParameter', {
  bool_param: optional(1, bool, CHOICE),
  int64_param: optional(2, int64, CHOICE),
  string_param: optional(3, string, CHOICE),
  bytes_param: optional(4, bytes, CHOICE),
})
const repositoryModel = {
  repository_name: single(1, string),
  model_name: single(2, string),
  parameters: map(3, nested(2, ModelRepositoryParameter), () => ModelRepositoryParameter.decode(NOTHING)),
}

/** The settings of a request and of its answer are messages of their own in the .proto file. */
const traceSettings = (of: string) => {
  const value = message(`${of}.SettingValue`, { value: list(1, string) })
  return { settings: map(1, nested(2, value), () => value.decode(NOTHING)) }
}
const logSettings = (of: string) => {
  const value = message(`${of}.SettingValue`, {
    bool_param: optional(1, bool, CHOICE),
    uint32_param: optional(2, uint32, CHOICE),
    string_param: optional(3, string, CHOICE),
  })
  return { settings: map(1, nested(2, value), () => value.decode(NOTHING)) }
}

/** Of a model or the store, for those who may predict. */
export const describingMethods = {
  ModelConfig: unary(
    message('ModelConfigRequest', named),
    message('ModelConfigResponse', { config: nested(1, ModelConfig) }),
  ),
  ModelStatistics: unary(
    message('ModelStatisticsRequest', named),
    message('ModelStatisticsResponse', { model_stats: nestedList(1, ModelStatistics) }),
  ),
  RepositoryIndex: unary(
    message('RepositoryIndexRequest', { repository_name: single(1, string), ready: single(2, bool) }),
    message('RepositoryIndexResponse', {
      models: nestedList(
        1,
        message('RepositoryIndexResponse.ModelIndex', {
          ...named,
          state: single(3, string),
          reason: single(4, string),
        }),
      ),
    }),
  ),
}

/** What changes the server, for those who may manage it. */
export const managingMethods = {
  RepositoryModelLoad: unary(
    message('RepositoryModelLoadRequest', repositoryModel),
    message('RepositoryModelLoadResponse', {}),
  ),
  RepositoryModelUnload: unary(
    message('RepositoryModelUnloadRequest', repositoryModel),
    message('RepositoryModelUnloadResponse', {}),
  ),
  TraceSetting: unary(
    message('TraceSettingRequest', {
      ...traceSettings('TraceSettingRequest'),
      model_name: single(2, string),
    }),
    message('TraceSettingResponse', traceSettings('TraceSettingResponse')),
  ),
  LogSettings: unary(
    message('LogSettingsRequest', logSettings('LogSettingsRequest')),
    message('LogSettingsResponse', logSettings('LogSettingsResponse')),
  ),
}
