/** The services of TorchServe, as in proto/inference.proto and proto/management.proto. */
import { Empty, Status } from './messages-google.ts'
import { map, nested, single, optional } from './protobuf/field.ts'
import { bool, bytes, int32, string } from './protobuf/kinds.ts'
import { message } from './protobuf/message.ts'
import { answers, both, unary } from './service.ts'

export const PredictionsRequest = message('PredictionsRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
  input: map(3, optional(2, bytes), () => bytes.zero),
  sequence_id: optional(4, string),
})

export const PredictionResponse = message('PredictionResponse', {
  prediction: single(1, bytes),
  sequence_id: optional(2, string),
  status: nested(3, Status),
})

const TorchServeHealthResponse = message('TorchServeHealthResponse', { health: single(1, string) })

export const InferenceAPIsService = {
  package: 'org.pytorch.serve.grpc.inference',
  name: 'InferenceAPIsService',
  file: 'inference.proto',
  methods: {
    Ping: unary(Empty, TorchServeHealthResponse),
    Predictions: unary(PredictionsRequest, PredictionResponse),
    StreamPredictions: answers(PredictionsRequest, PredictionResponse),
    StreamPredictions2: both(PredictionsRequest, PredictionResponse),
  },
}

const ManagementResponse = message('ManagementResponse', { msg: single(1, string) })

export const RegisterModelRequest = message('RegisterModelRequest', {
  batch_size: single(1, int32),
  handler: single(2, string),
  initial_workers: single(3, int32),
  max_batch_delay: single(4, int32),
  model_name: single(5, string),
  response_timeout: single(6, int32),
  runtime: single(7, string),
  synchronous: single(8, bool),
  url: single(9, string),
  s3_sse_kms: single(10, bool),
  startup_timeout: single(11, int32),
})

export const ScaleWorkerRequest = message('ScaleWorkerRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
  max_worker: single(3, int32),
  min_worker: single(4, int32),
  number_gpu: single(5, int32),
  synchronous: single(6, bool),
  timeout: single(7, int32),
})

const DescribeModelRequest = message('DescribeModelRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
  customized: single(3, bool),
})
const ListModelsRequest = message('ListModelsRequest', {
  limit: single(1, int32),
  next_page_token: single(2, int32),
})
const SetDefaultRequest = message('SetDefaultRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
})
const UnregisterModelRequest = message('UnregisterModelRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
})

export const ManagementAPIsService = {
  package: 'org.pytorch.serve.grpc.management',
  name: 'ManagementAPIsService',
  file: 'management.proto',
  methods: {
    DescribeModel: unary(DescribeModelRequest, ManagementResponse),
    ListModels: unary(ListModelsRequest, ManagementResponse),
    RegisterModel: unary(RegisterModelRequest, ManagementResponse),
    ScaleWorker: unary(ScaleWorkerRequest, ManagementResponse),
    SetDefault: unary(SetDefaultRequest, ManagementResponse),
    UnregisterModel: unary(UnregisterModelRequest, ManagementResponse),
  },
}
