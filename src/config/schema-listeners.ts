import {
  Flag,
  FullPath,
  HostList,
  OptionalText,
  Password,
  Path,
  Text,
  binding,
  decimal,
  oneOf,
  whole,
} from './values.ts'
import { INT32_MAX } from './timers.ts'
import { NOT_YET, facts } from './facts.ts'

export const listeners = {
  inference_address: binding({ http: 80, https: 443 })
    .prefault('http://127.0.0.1:8080')
    .describe('Where the inference API listens: http://host[:port], https://host[:port] or unix:/path.'),
  management_address: binding({ http: 8081, https: 8444 })
    .prefault('http://127.0.0.1:8081')
    .describe('Where the management API listens.'),
  metrics_address: binding({ http: 8082, https: 8445 })
    .prefault('http://127.0.0.1:8082')
    .describe('Where the metrics API listens.'),
  enable_docs_page: oneOf('auto', 'true', 'false')
    .prefault('auto')
    .describe(
      'Whether /docs shows the APIs of an address in a browser; auto: where only this machine reaches the address.',
    ),
  enable_metrics_api: Flag.prefault('true').describe('Whether the metrics API is served.'),
  max_request_size: whole(1)
    .prefault('6553500')
    .describe('Bytes that a request may have; a larger one gets 413.'),
  max_response_size: whole(1).prefault('6553500').describe("Bytes that a worker's answer may have."),
  cors_allowed_origin: OptionalText.optional().describe('Value of the header access-control-allow-origin.'),
  cors_allowed_methods: OptionalText.optional().describe('Value of the header access-control-allow-methods.'),
  cors_allowed_headers: OptionalText.optional().describe('Value of the header access-control-allow-headers.'),
  ts_header_key_sequence_id: Text.prefault('ts_request_sequence_id')
    .describe('Header with the id of a sequence of requests.')
    .register(facts, NOT_YET),
  ts_header_key_sequence_start: Text.prefault('ts_request_sequence_start')
    .describe('Header that starts a sequence.')
    .register(facts, NOT_YET),
  ts_header_key_sequence_end: Text.prefault('ts_request_sequence_end')
    .describe('Header that ends a sequence.')
    .register(facts, NOT_YET),
}

const ConnectionAge = whole(1).optional()

export const grpc = {
  enable_grpc: Flag.prefault('true').describe('Whether the gRPC APIs are served; TorchServe always does.'),
  grpc_inference_address: Text.prefault('127.0.0.1').describe(
    "Address that the gRPC inference API binds to: TorchServe's and the Open Inference Protocol.",
  ),
  grpc_inference_port: whole(0, 65_535)
    .prefault('7070')
    .describe('Port of the gRPC inference API; KServe expects 9000.'),
  grpc_management_address: Text.prefault('127.0.0.1').describe(
    'Address that the gRPC management API binds to.',
  ),
  grpc_management_port: whole(0, 65_535).prefault('7071').describe('Port of the gRPC management API.'),
  grpc_inference_max_connection_age_ms: ConnectionAge.describe(
    'Milliseconds after which a gRPC inference connection is closed; unset: never.',
  ),
  grpc_inference_max_connection_age_grace_ms: ConnectionAge.describe(
    'Milliseconds that calls on such a connection get to end; unset: for ever.',
  ),
  grpc_management_max_connection_age_ms: ConnectionAge.describe(
    'Milliseconds after which a gRPC management connection is closed; unset: never.',
  ),
  grpc_management_max_connection_age_grace_ms: ConnectionAge.describe(
    'Milliseconds that calls on such a connection get to end; unset: for ever.',
  ),
}

export const security = {
  keystore: Path.optional().describe(
    'Key store with the key and certificate of https:// addresses; it wins over the PEM files.',
  ),
  keystore_pass: Password.prefault('changeit')
    .describe('Password of the key store.')
    .register(facts, { secret: true, flags: [] }),
  keystore_type: Text.prefault('PKCS12').describe('Kind of the key store; only PKCS12 can be read.'),
  certificate_file: Path.optional().describe(
    'Certificate of https:// addresses, PEM; those of its issuers may follow it.',
  ),
  private_key_file: Path.optional().describe('Private key of the certificate, PEM without a password.'),
  enable_grpc_ssl: Flag.prefault('false').describe(
    'Whether gRPC uses TLS, with certificate_file and private_key_file.',
  ),
  disable_token_authorization: Flag.optional()
    .describe(
      'true: requests need no token. false: inference and management need one, as in TorchServe. Unset: management ' +
        'needs one where its address is not this machine only.',
    )
    .register(facts, { flags: ['--disable-token-auth', '--dt', '--disable-token-authorization'] }),
  key_file: FullPath.prefault('key_file.json').describe(
    'File that the keys are written to where tokens are needed; it is removed at the end.',
  ),
  token_expiration_min: decimal(0, INT32_MAX)
    .prefault('60')
    .describe('Minutes that a token is valid.')
    .register(facts, { env: 'TS_TOKEN_EXPIRATION_TIME_MIN' }),
  allowed_hosts: HostList.prefault('').describe(
    'Names in the Host header that an address of this machine only accepts beside its own, with commas between.',
  ),
}
