/** The Open Inference Protocol, as in proto/open_inference_grpc.proto, under both of its names. */
import { list, map, nested, nestedList, numbers, single, optional } from './protobuf/field.ts'
import { bool, bytes, double, float, int32, int64, string, uint32, uint64 } from './protobuf/kinds.ts'
import { message } from './protobuf/message.ts'
import { both, unary } from './service.ts'
import { describingMethods, managingMethods } from './services-extensions.ts'

const CHOICE = 'parameter_choice'

export const InferParameter = message('InferParameter', {
  bool_param: optional(1, bool, CHOICE),
  int64_param: optional(2, int64, CHOICE),
  string_param: optional(3, string, CHOICE),
  double_param: optional(4, double, CHOICE),
  uint64_param: optional(5, uint64, CHOICE),
})

const parameters = (number: number) =>
  map(number, nested(2, InferParameter), () => InferParameter.decode(NOTHING))
const NOTHING = Buffer.alloc(0)

export const InferTensorContents = message('InferTensorContents', {
  bool_contents: numbers(1, bool),
  int_contents: numbers(2, int32),
  int64_contents: numbers(3, int64),
  uint_contents: numbers(4, uint32),
  uint64_contents: numbers(5, uint64),
  fp32_contents: numbers(6, float),
  fp64_contents: numbers(7, double),
  bytes_contents: list(8, bytes),
})

const tensor = {
  name: single(1, string),
  datatype: single(2, string),
  shape: numbers(3, int64),
  parameters: parameters(4),
  contents: nested(5, InferTensorContents),
}
const InferInputTensor = message('ModelInferRequest.InferInputTensor', tensor)
const InferRequestedOutputTensor = message('ModelInferRequest.InferRequestedOutputTensor', {
  name: single(1, string),
  parameters: parameters(2),
})
const InferOutputTensor = message('ModelInferResponse.InferOutputTensor', tensor)

export const ModelInferRequest = message('ModelInferRequest', {
  model_name: single(1, string),
  model_version: single(2, string),
  id: single(3, string),
  parameters: parameters(4),
  inputs: nestedList(5, InferInputTensor),
  outputs: nestedList(6, InferRequestedOutputTensor),
  raw_input_contents: list(7, bytes),
})

export const ModelInferResponse = message('ModelInferResponse', {
  model_name: single(1, string),
  model_version: single(2, string),
  id: single(3, string),
  parameters: parameters(4),
  outputs: nestedList(5, InferOutputTensor),
  raw_output_contents: list(6, bytes),
})

export const ModelStreamInferResponse = message('ModelStreamInferResponse', {
  error_message: single(1, string),
  infer_response: nested(2, ModelInferResponse),
})

const named = { name: single(1, string), version: single(2, string) }

const TensorMetadata = message('ModelMetadataResponse.TensorMetadata', {
  name: single(1, string),
  datatype: single(2, string),
  shape: numbers(3, int64),
})

const methods = {
  ServerLive: unary(
    message('ServerLiveRequest', {}),
    message('ServerLiveResponse', { live: single(1, bool) }),
  ),
  ServerReady: unary(
    message('ServerReadyRequest', {}),
    message('ServerReadyResponse', { ready: single(1, bool) }),
  ),
  ModelReady: unary(
    message('ModelReadyRequest', named),
    message('ModelReadyResponse', { ready: single(1, bool) }),
  ),
  ServerMetadata: unary(
    message('ServerMetadataRequest', {}),
    message('ServerMetadataResponse', {
      name: single(1, string),
      version: single(2, string),
      extensions: list(3, string),
    }),
  ),
  ModelMetadata: unary(
    message('ModelMetadataRequest', named),
    message('ModelMetadataResponse', {
      name: single(1, string),
      versions: list(2, string),
      platform: single(3, string),
      inputs: nestedList(4, TensorMetadata),
      outputs: nestedList(5, TensorMetadata),
      properties: map(6, optional(2, string), () => ''),
    }),
  ),
  ModelInfer: unary(ModelInferRequest, ModelInferResponse),
  ModelStreamInfer: both(ModelInferRequest, ModelStreamInferResponse),
  ...describingMethods,
  ...managingMethods,
}

/** The protocol's own name; KServe, Triton and their clients use it. */
export const GRPCInferenceService = {
  package: 'inference',
  name: 'GRPCInferenceService',
  file: 'open_inference_grpc.proto',
  methods,
}

/** TorchServe's name for the same. */
export const TorchServeGRPCInferenceService = {
  ...GRPCInferenceService,
  package: 'org.pytorch.serve.grpc.openinference',
  file: 'torchserve_open_inference_grpc.proto',
}
