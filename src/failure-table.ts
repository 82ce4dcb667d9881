/**
 * The one table of everything that can go wrong and that a client may see.
 *
 * A row says the HTTP status, the gRPC status (https://grpc.io/docs/guides/status-codes/), the `type` that TorchServe
 * puts on the wire for the same failure, and the text, made from facts. The edges read the columns; nobody else
 * knows a status. Texts carry no paths and no stack traces: those belong in the log, as `cause`.
 */
type Row = {
  readonly http: number
  readonly grpc: number
  readonly type: string
  readonly text: (...facts: never[]) => string
}

const noWorker = (model: string, version: string | undefined) =>
  `${version === undefined ? `Model "${model}"` : `Model "${model}" Version ${version}"`} has no worker to serve ` +
  'inference request. Please use scale workers API to add workers. If this is a sequence inference, please check ' +
  'if it is closed, or expired; or exceeds maxSequenceJobQueueSize'

export const failureTable = {
  // What the client asked for is wrong.
  BAD_REQUEST: { http: 400, grpc: 3, type: 'BadRequestException', text: (what: string) => what },
  INVALID_HTTP: { http: 400, grpc: 3, type: 'BadRequestException', text: () => 'Invalid HTTP message.' },
  ROUTE_NOT_FOUND: {
    http: 404,
    grpc: 12,
    type: 'ResourceNotFoundException',
    text: () => 'Requested resource is not found, please refer to API document.',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    grpc: 12,
    type: 'MethodNotAllowedException',
    text: () => 'Requested method is not allowed, please refer to API document.',
  },
  MODEL_NOT_FOUND: {
    http: 404,
    grpc: 5,
    type: 'ModelNotFoundException',
    text: (model: string) => `Model not found: ${model}`,
  },
  VERSION_NOT_FOUND: {
    http: 404,
    grpc: 5,
    type: 'ModelVersionNotFoundException',
    text: (model: string, version: string) => `Model version: ${version} does not exist for model: ${model}`,
  },
  /** The Open Inference Protocol's own words; its clients look for them. */
  UNKNOWN_MODEL: {
    http: 404,
    grpc: 5,
    type: 'ModelNotFoundException',
    text: (model: string, version: string | undefined) =>
      `Request for unknown model: '${model}'${version === undefined ? '' : ` version ${version}`} is not found`,
  },
  /** TorchServe's answer to a wrong key: 400, where others have 401; it has a word of its own for the API key. */
  INVALID_KEY: {
    http: 400,
    grpc: 7,
    type: 'InvalidKeyException',
    text: (what: 'Authorization' | 'Authentication') =>
      `Token ${what} failed. Token either incorrect, expired, or not provided correctly`,
  },
  /** REST has METHOD_NOT_ALLOWED for it. */
  MODEL_API_DISABLED: { http: 405, grpc: 7, type: 'ModelException', text: () => 'Model API disabled' },
  SERVICE_NOT_FOUND: {
    http: 404,
    grpc: 5,
    type: 'ResourceNotFoundException',
    text: (service: string) => `There is no service ${service} here.`,
  },
  FOREIGN_REQUEST: { http: 403, grpc: 7, type: 'ForbiddenException', text: (what: string) => what },
  BODY_TOO_LARGE: {
    http: 413,
    grpc: 8,
    type: 'RequestEntityTooLargeException',
    text: () => 'The request is larger than max_request_size.',
  },
  HEADER_TOO_LARGE: {
    http: 431,
    grpc: 8,
    type: 'RequestHeaderFieldsTooLargeException',
    text: (kB: number) => `The header is larger than the ${kB} kB that are allowed.`,
  },
  /** Also what a connection gets that does not send its header in time. */
  REQUEST_TOO_SLOW: {
    http: 408,
    grpc: 4,
    type: 'RequestTimeoutException',
    text: () => 'The request did not arrive in time.',
  },
  UNSUPPORTED_ENCODING: {
    http: 415,
    grpc: 12,
    type: 'UnsupportedMediaTypeException',
    text: (encoding: string) => `Content-Encoding ${encoding} is not supported; expected gzip or deflate`,
  },
  /** Part of a protocol, and not served here; the text says which part. */
  NOT_SERVED: { http: 501, grpc: 12, type: 'NotImplementedException', text: (what: string) => what },
  CLIENT_GONE: {
    http: 499,
    grpc: 1,
    type: 'ClientClosedRequestException',
    text: () => 'The client closed the request.',
  },

  // The server cannot take it now.
  NO_WORKER: { http: 503, grpc: 14, type: 'ServiceUnavailableException', text: noWorker },
  QUEUE_FULL: { http: 503, grpc: 8, type: 'ServiceUnavailableException', text: noWorker },
  /** Its workers die again and again; the reason says of what. */
  CIRCUIT_OPEN: {
    http: 503,
    grpc: 14,
    type: 'ServiceUnavailableException',
    text: (model: string) => `Model "${model}" is not served for the moment: its workers keep dying.`,
  },
  TOO_MUCH_IN_FLIGHT: {
    http: 503,
    grpc: 8,
    type: 'ServiceUnavailableException',
    text: () => 'The server holds as many bytes of requests and answers as it may; retry later.',
  },
  /** The time that the client itself had set. */
  DEADLINE_PASSED: {
    http: 504,
    grpc: 4,
    type: 'RequestTimeoutException',
    text: () => 'Request timeout expired',
  },
  SHUTTING_DOWN: {
    http: 503,
    grpc: 14,
    type: 'ServiceUnavailableException',
    text: () => 'The server is shutting down.',
  },

  // The model, its handler or its worker failed.
  PREDICTION_FAILED: {
    http: 503,
    grpc: 13,
    type: 'InternalServerException',
    text: () => 'Prediction failed',
  },
  NOT_A_BATCH: {
    http: 503,
    grpc: 13,
    type: 'InternalServerException',
    text: () => 'Invalid model predict output',
  },
  WRONG_BATCH_SIZE: {
    http: 503,
    grpc: 13,
    type: 'InternalServerException',
    text: () => 'number of batch response mismatched',
  },
  UNSUPPORTED_OUTPUT: {
    http: 503,
    grpc: 13,
    type: 'InternalServerException',
    text: () => 'Unsupported model output data type.',
  },
  HANDLER_STATUS: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (message: string) => message,
  },
  OUT_OF_MEMORY: { http: 507, grpc: 8, type: 'InternalServerException', text: () => 'Out of resources' },
  RESPONSE_TOO_LARGE: {
    http: 500,
    grpc: 8,
    type: 'InternalServerException',
    text: (size: number, limit: number) => `The answer has ${size} bytes, max_response_size is ${limit}.`,
  },
  WORKER_DIED: { http: 500, grpc: 14, type: 'InternalServerException', text: () => 'Worker died.' },
  NO_EXPLAIN: {
    http: 501,
    grpc: 12,
    type: 'NotImplementedException',
    text: () => 'The handler of this model does not explain its predictions.',
  },

  // A model cannot be registered.
  INVALID_MODEL: { http: 400, grpc: 3, type: 'InvalidModelException', text: (what: string) => what },
  MISSING_PARAMETER: {
    http: 400,
    grpc: 3,
    type: 'BadRequestException',
    text: (name: string) => `Parameter ${name} is required.`,
  },
  /** TorchServe's answer to JSON that it cannot parse; its clients' tests know it as a 500. */
  BAD_JSON: { http: 500, grpc: 3, type: 'JsonSyntaxException', text: (what: string) => what },
  NEGATIVE_COUNT: {
    http: 500,
    grpc: 3,
    type: 'IndexOutOfBoundsException',
    text: (name: string, value: number) => `${name} is ${value}; expected 0 or more`,
  },
  DEFAULT_VERSION_IN_USE: {
    http: 403,
    grpc: 9,
    type: 'InvalidModelVersionException',
    text: (model: string) => `Cannot remove default version for model ${model}`,
  },
  NO_SUCH_VERSION_TO_SET: {
    http: 404,
    grpc: 5,
    type: 'ModelVersionNotFoundException',
    text: (model: string, version: string) => `Model version ${version} does not exist for model ${model}`,
  },
  UNREGISTER_TIMEOUT: {
    http: 408,
    grpc: 4,
    type: 'RequestTimeoutException',
    text: (model: string) => `Timed out while cleaning resources: ${model}`,
  },
  NO_WORKER_TO_DESCRIBE: {
    http: 503,
    grpc: 14,
    type: 'ServiceUnavailableException',
    text: (model: string) =>
      `Model "${model}" has no worker to serve describe request. Please use scale workers API to add workers.`,
  },
  ARCHIVE_NOT_FOUND: {
    http: 404,
    grpc: 5,
    type: 'ModelNotFoundException',
    text: (url: string) => `Model not found at: ${url}`,
  },
  ARCHIVE_URL: { http: 404, grpc: 5, type: 'ModelNotFoundException', text: (what: string) => what },
  DOWNLOAD_FAILED: {
    http: 400,
    grpc: 3,
    type: 'DownloadArchiveException',
    text: (url: string) => `Failed to download archive from: ${url}`,
  },
  FILE_EXISTS: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (file: string) => `Model file already exists ${file}`,
  },
  BAD_ARCHIVE: {
    http: 400,
    grpc: 3,
    type: 'InvalidModelException',
    text: (archive: string, what: string) => `Archive ${archive} is refused: ${what}`,
  },
  ALREADY_REGISTERED: {
    http: 409,
    grpc: 6,
    type: 'ConflictStatusException',
    text: (model: string, version: string) =>
      `Model version ${version} is already registered for model ${model}`,
  },
  IMPORT_REFUSED: {
    http: 400,
    grpc: 3,
    type: 'InvalidModelException',
    text: (what: string) => `The PyTorch file cannot be imported: ${what}`,
  },
  IMPORT_FAILED: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (what: string) => `The import of the PyTorch file failed: ${what}`,
  },
  SAVE_FAILED: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (archive: string) => `Failed to save model: ${archive}`,
  },
  LOAD_FAILED: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (model: string, version: string) =>
      `Failed to start workers for model ${model} version: ${version}`,
  },

  /** The Open Inference Protocol's own words. */
  REPOSITORY_LOAD_FAILED: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: (model: string, why: string) => `failed to load '${model}', ${why}`,
  },

  // The server cannot start.
  BAD_CONFIG: { http: 500, grpc: 13, type: 'InvalidConfigException', text: (what: string) => what },
  INTERNAL: {
    http: 500,
    grpc: 13,
    type: 'InternalServerException',
    text: () => 'The server failed to answer this request; its log says why.',
  },
} satisfies Record<string, Row>
