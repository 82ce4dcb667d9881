/** Triton's model_config.proto: the part that is told of a model, with its numbers. */
import { map, nested, nestedList, numbers, single } from './protobuf/field.ts'
import { bool, enumeration, int32, int64, string, uint32, uint64 } from './protobuf/kinds.ts'
import { message } from './protobuf/message.ts'

export const DATA_TYPE = {
  TYPE_INVALID: 0,
  TYPE_BOOL: 1,
  TYPE_UINT8: 2,
  TYPE_UINT16: 3,
  TYPE_UINT32: 4,
  TYPE_UINT64: 5,
  TYPE_INT8: 6,
  TYPE_INT16: 7,
  TYPE_INT32: 8,
  TYPE_INT64: 9,
  TYPE_FP16: 10,
  TYPE_FP32: 11,
  TYPE_FP64: 12,
  TYPE_STRING: 13,
  TYPE_BF16: 14,
} as const

export const GROUP_KIND = { KIND_AUTO: 0, KIND_GPU: 1, KIND_CPU: 2, KIND_MODEL: 3 } as const

const head = { name: single(1, string), data_type: single(2, enumeration('DataType', DATA_TYPE)) }

export const ModelConfig = message('ModelConfig', {
  name: single(1, string),
  platform: single(2, string),
  version_policy: nested(
    3,
    message('ModelVersionPolicy', {
      specific: nested(3, message('ModelVersionPolicy.Specific', { versions: numbers(1, int64) })),
    }),
  ),
  max_batch_size: single(4, int32),
  input: nestedList(5, message('ModelInput', { ...head, dims: numbers(4, int64) })),
  output: nestedList(6, message('ModelOutput', { ...head, dims: numbers(3, int64) })),
  instance_group: nestedList(
    7,
    message('ModelInstanceGroup', {
      name: single(1, string),
      count: single(2, int32),
      kind: single(4, enumeration('ModelInstanceGroup.Kind', GROUP_KIND)),
    }),
  ),
  default_model_filename: single(8, string),
  dynamic_batching: nested(
    11,
    message('ModelDynamicBatching', {
      preferred_batch_size: numbers(1, int32),
      max_queue_delay_microseconds: single(2, uint64),
      default_queue_policy: nested(6, message('ModelQueuePolicy', { max_queue_size: single(4, uint32) })),
    }),
  ),
  parameters: map(14, nested(2, message('ModelParameter', { string_value: single(1, string) })), () => ({
    string_value: '',
  })),
  backend: single(17, string),
  model_transaction_policy: nested(19, message('ModelTransactionPolicy', { decoupled: single(1, bool) })),
})
