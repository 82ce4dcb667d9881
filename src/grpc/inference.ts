import { failure, failureWith, toFailure } from '../errors.ts'
import type { Predictor } from '../inference/predictor.ts'
import type { Registry } from '../models/registry.ts'
import type { Call } from './call.ts'
import { ErrorInfo } from './messages-google.ts'
import type { Read, Written } from './protobuf/message.ts'
import type { Implementation } from './service.ts'
import {
  type InferenceAPIsService,
  type PredictionResponse,
  type PredictionsRequest,
} from './services-torchserve.ts'
import { toStatus } from './status.ts'

type Request = Read<typeof PredictionsRequest>
type Response = Written<typeof PredictionResponse>

export interface InferenceParts {
  readonly predictor: Predictor
  readonly registry: Registry
}

/**
 * TorchServe's inference service: https://github.com/pytorch/serve/blob/master/docs/grpc_api.md. Handlers give one
 * answer for one request, so that a stream has one message for each.
 */
export function inferenceService({
  predictor,
  registry,
}: InferenceParts): Implementation<typeof InferenceAPIsService> {
  const predict = (request: Request, call: Call) => answer(predictor, request, call)
  return {
    Ping: () => {
      const isHealthy = registry.defaults().every(model => model.isHealthy())
      return { health: JSON.stringify({ status: isHealthy ? 'Healthy' : 'Unhealthy' }, null, 2) }
    },
    Predictions: predict,
    StreamPredictions: async function* streamOne(request, call) {
      yield await predict(request, call)
    },
    StreamPredictions2: async function* streamEach(requests, call) {
      for await (const request of requests) yield await predictInBand(predict, request, call)
    },
  }
}

async function answer(predictor: Predictor, request: Request, call: Call): Promise<Response> {
  const { model_name: model, model_version: version, input, sequence_id } = request
  if (model === '') throw failure('MISSING_PARAMETER', 'model_name')
  const { requestId, headers, isGone, timeoutMs } = call
  const parameters = Array.from(input, ([name, value]) => ({ name, contentType: '', value }))
  const prediction = await predictor.predict({
    model,
    version: version || undefined,
    verb: 'predict',
    item: { requestId, headers: { ...headers, url_path: '', explain: 'False' }, parameters },
    isGone,
    timeoutMs,
  })
  if (prediction.status >= 400) throw refusedByHandler(prediction.status, prediction.body)
  return { prediction: prediction.body, sequence_id }
}

/** A handler's own status is an error here too; its body is the text. */
function refusedByHandler(status: number, body: Uint8Array): Error {
  return failureWith({ status }, 'HANDLER_STATUS', new TextDecoder().decode(body.subarray(0, 1000)))
}

/** One request of a stream that fails leaves the stream open for the next one. */
async function predictInBand(
  predict: (request: Request, call: Call) => Promise<Response>,
  request: Request,
  call: Call,
): Promise<Response> {
  try {
    return await predict(request, call)
  } catch (error) {
    const failed = toFailure(error)
    const { code, details } = toStatus(failed, 'inference')
    const reason = ErrorInfo.encode({ reason: failed.type })
    return {
      prediction: Buffer.alloc(0),
      sequence_id: request.sequence_id,
      status: {
        code,
        message: details,
        details: [{ type_url: 'type.googleapis.com/google.rpc.ErrorInfo', value: reason }],
      },
    }
  }
}
