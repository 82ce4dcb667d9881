/** The Open Inference Protocol conforms: each datatype in each shape, and each refusal, over every transport. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'
import { ELEMENTS, FAILING, SHAPES, type Transport } from './open-inference-cases.ts'
import { restBinary, restJson } from './open-inference-rest.ts'

let server: OpenInferenceServer
beforeAll(async () => {
  server = await startOpenInference()
})
afterAll(async () => {
  await server.stop()
  await server.store.remove()
})

const TRANSPORTS: readonly ((server: OpenInferenceServer) => Transport)[] = [
  ({ inference }) => restJson(inference),
  ({ inference }) => restBinary(inference),
]
const NAMES = ['REST with JSON', 'REST with binary tensors']

describe.each(TRANSPORTS.map((make, index) => ({ make, name: NAMES[index] })))('$name', ({ make }) => {
  describe.each(ELEMENTS)('$datatype', ({ datatype, model, make: elements }) => {
    test.each(SHAPES)('of $title comes back as it was', async ({ shape }) => {
      const transport = make(server)
      const data = elements(shape.reduce((product, axis) => product * axis, 1))
      const tensor = { name: 'x', datatype, shape, data }
      const got = await transport.infer({ model, id: 'an id', tensors: [tensor] })
      const expected = transport.carries(datatype)
        ? { ok: true, id: 'an id', tensors: [{ ...tensor, name: 'y' }] }
        : { ok: false, status: 400, error: expect.stringContaining(`${datatype} cannot be sent as JSON`) }
      expect(got).toEqual(expected)
    })
  })

  test('a scalar comes back as it was', async () => {
    const data = Buffer.from(Float32Array.of(2.5).buffer)
    const tensor = { name: 'x', datatype: 'FP32', shape: [], data }
    expect(await make(server).infer({ model: 'scalar', tensors: [tensor] })).toEqual({
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
    const got = await make(server).infer({ model: 'rows', version: '1.0', tensors: [tensor], outputs: ['y'] })
    expect(got).toMatchObject({ ok: true })
  })

  test.each(FAILING)('$about is refused', async ({ asked, status, error }) => {
    expect(await make(server).infer(asked)).toEqual({
      ok: false,
      status,
      error: expect.stringMatching(error),
    })
  })
})
