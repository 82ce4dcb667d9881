/** Well-known messages that the .proto files import. */
import { bytes, int32, string } from './protobuf/kinds.ts'
import { map, nestedList, single, optional } from './protobuf/field.ts'
import { message } from './protobuf/message.ts'

const protobuf = (name: string) => ({ file: `google/protobuf/${name}.proto`, package: 'google.protobuf' })
const rpc = (name: string) => ({ file: `google/rpc/${name}.proto`, package: 'google.rpc' })

export const Empty = message('Empty', {}, protobuf('empty'))

export const Any = message('Any', { type_url: single(1, string), value: single(2, bytes) }, protobuf('any'))

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto */
export const Status = message(
  'Status',
  { code: single(1, int32), message: single(2, string), details: nestedList(3, Any) },
  rpc('status'),
)

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto */
export const ErrorInfo = message(
  'ErrorInfo',
  {
    reason: single(1, string),
    domain: single(2, string),
    metadata: map(3, optional(2, string), () => ''),
  },
  rpc('error_details'),
)
