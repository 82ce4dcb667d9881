/** Health and reflection, as gRPC's own tools expect them. */
import { list, nested, nestedList, single, optional, map } from './protobuf/field.ts'
import { bytes, enumeration, int32, string } from './protobuf/kinds.ts'
import { message } from './protobuf/message.ts'
import { answers, both, unary } from './service.ts'

export const SERVING_STATUS = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

const HealthCheckRequest = message('HealthCheckRequest', { service: single(1, string) })
const HealthCheckResponse = message('HealthCheckResponse', {
  status: single(1, enumeration('HealthCheckResponse.ServingStatus', SERVING_STATUS)),
})
const HealthListResponse = message('HealthListResponse', {
  statuses: map(1, nested(2, HealthCheckResponse), () => ({ status: 0 })),
})

/** https://github.com/grpc/grpc/blob/master/src/proto/grpc/health/v1/health.proto */
export const Health = {
  package: 'grpc.health.v1',
  name: 'Health',
  file: 'health.proto',
  methods: {
    Check: unary(HealthCheckRequest, HealthCheckResponse),
    List: unary(message('HealthListRequest', {}), HealthListResponse),
    Watch: answers(HealthCheckRequest, HealthCheckResponse),
  },
}

const ASKED = 'message_request'
const ANSWERED = 'message_response'

const ExtensionRequest = message('ExtensionRequest', {
  containing_type: single(1, string),
  extension_number: single(2, int32),
})

const ServerReflectionRequest = message('ServerReflectionRequest', {
  host: single(1, string),
  file_by_filename: optional(3, string, ASKED),
  file_containing_symbol: optional(4, string, ASKED),
  file_containing_extension: nested(5, ExtensionRequest, ASKED),
  all_extension_numbers_of_type: optional(6, string, ASKED),
  list_services: optional(7, string, ASKED),
})

const ServerReflectionResponse = message('ServerReflectionResponse', {
  valid_host: single(1, string),
  original_request: nested(2, ServerReflectionRequest),
  file_descriptor_response: nested(
    4,
    message('FileDescriptorResponse', { file_descriptor_proto: list(1, bytes) }),
    ANSWERED,
  ),
  list_services_response: nested(
    6,
    message('ListServiceResponse', {
      service: nestedList(1, message('ServiceResponse', { name: single(1, string) })),
    }),
    ANSWERED,
  ),
  error_response: nested(
    7,
    message('ErrorResponse', { error_code: single(1, int32), error_message: single(2, string) }),
    ANSWERED,
  ),
})

/** https://github.com/grpc/grpc/blob/master/src/proto/grpc/reflection/v1/reflection.proto */
export const ServerReflection = {
  package: 'grpc.reflection.v1',
  name: 'ServerReflection',
  file: 'reflection.proto',
  methods: { ServerReflectionInfo: both(ServerReflectionRequest, ServerReflectionResponse) },
}

/** The same under the name that older tools ask for. */
export const ServerReflectionAlpha = {
  ...ServerReflection,
  package: 'grpc.reflection.v1alpha',
  file: 'reflection_v1alpha.proto',
}
