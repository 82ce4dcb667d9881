/** TorchServe's prediction and the Open Inference Protocol over gRPC: node examples/clients/grpc.ts */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const root = join(import.meta.dirname, '../..')
const files = ['inference.proto', 'open_inference_grpc.proto']
const services = loadSync(files, { includeDirs: [join(root, 'proto')], keepCase: true, longs: Number })
const client = new Client(process.env['SCONCE_GRPC'] ?? '127.0.0.1:7070', credentials.createInsecure())

function call<Answer>(service: string, name: string, request: object): Promise<Answer> {
  // A service as it is loaded is an object with its methods.
  const method = Reflect.get(services[service] ?? {}, name) as MethodDefinition<object, Answer>
  const { path, requestSerialize, responseDeserialize } = method
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer)
      else reject(error ?? new Error('There was no answer.'))
    })
  })
}

const image = readFileSync(join(root, 'examples/digits/7.png'))
const TORCHSERVE = 'org.pytorch.serve.grpc.inference.InferenceAPIsService'
const predicted = await call<{ prediction: Buffer }>(TORCHSERVE, 'Predictions', {
  model_name: 'digits',
  input: { data: image },
})
console.log(String(predicted.prediction))

const inferred = await call<{ raw_output_contents: Buffer[] }>(
  'inference.GRPCInferenceService',
  'ModelInfer',
  {
    model_name: 'digits',
    inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8] }],
    raw_input_contents: [Buffer.from(new Float32Array(64).buffer)],
  },
)
const [logits] = inferred.raw_output_contents
console.log(new Float32Array(new Uint8Array(logits ?? []).buffer).length, 'logits')

client.close()
