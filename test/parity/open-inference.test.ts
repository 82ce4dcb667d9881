/** The Open Inference Protocol conforms: each datatype in each shape, and each refusal, over every transport. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packed, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'
import { GrpcClient } from '../support/grpc.ts'
import { grpcContents, grpcRaw } from './open-inference-grpc.ts'
import { CLASSIFIED, ELEMENTS, FAILING, SHAPES, type Transport } from './open-inference-cases.ts'
import { restBinary, restJson } from './open-inference-rest.ts'

let server: OpenInferenceServer
let client: GrpcClient
beforeAll(async () => {
  server = await startOpenInference()
  client = new GrpcClient(server.server.grpc?.inference ?? '')
})
afterAll(async () => {
  client.close()
  await server.stop()
  await server.store.remove()
})

const TRANSPORTS: readonly { readonly name: string; readonly make: () => Transport }[] = [
  { name: 'REST with JSON', make: () => restJson(server.inference) },
  { name: 'REST with binary tensors', make: () => restBinary(server.inference) },
  { name: 'gRPC with raw tensors', make: () => grpcRaw(client) },
  { name: 'gRPC with typed contents', make: () => grpcContents(client) },
]

describe.each(TRANSPORTS)('$name', ({ make }) => {
  describe.each(ELEMENTS)('$datatype', ({ datatype, model, make: elements }) => {
    test.each(SHAPES)('of $title comes back as it was', async ({ shape }) => {
      const transport = make()
      const data = elements(shape.reduce((product, axis) => product * axis, 1))
      const tensor = { name: 'x', datatype, shape, data }
      const got = await transport.infer({ model, id: 'an id', tensors: [tensor] })
      const expected = transport.carries(datatype)
        ? { ok: true, id: 'an id', tensors: [{ ...tensor, name: 'y' }] }
        : { ok: false, status: 400, error: expect.stringMatching(transport.refusal) }
      expect(got).toEqual(expected)
    })
  })

  test('a scalar comes back as it was', async () => {
    const data = Buffer.from(Float32Array.of(2.5).buffer)
    const tensor = { name: 'x', datatype: 'FP32', shape: [], data }
    expect(await make().infer({ model: 'scalar', tensors: [tensor] })).toEqual({
      ok: true,
      id: undefined,
      tensors: [{ ...tensor, name: 'y' }],
    })
  })

  test('a version that is named answers', async () => {
    const tensor = {
      name: 'x',
      datatype: 'FP32',
      shape: [1, 2],
      data: Buffer.from(Float32Array.of(1, 2).buffer),
    }
    const got = await make().infer({ model: 'rows', version: '1.0', tensors: [tensor], outputs: ['y'] })
    expect(got).toMatchObject({ ok: true })
  })

  test.each(CLASSIFIED)('classes: $about', async ({ asked, shape, classes }) => {
    const tensors = [{ name: 'y', datatype: 'BYTES', shape, data: packed(...classes) }]
    expect(await make().infer(asked)).toMatchObject({ ok: true, tensors })
  })

  test.each(FAILING)('$about is refused', async ({ asked, status, error }) => {
    expect(await make().infer(asked)).toEqual({
      ok: false,
      status,
      error: expect.stringMatching(error),
    })
  })
})
