import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

let server: OpenInferenceServer
beforeAll(async () => {
  server = await startOpenInference()
})
afterAll(async () => {
  await server.stop()
  await server.store.remove()
})

const infer = (model: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  send(`${server.inference}/v2/models/${model}/infer`, body, headers)
const inferJson = (model: string, request: unknown) => infer(model, JSON.stringify(request))
const x = (datatype: string, shape: number[], data: unknown) => ({
  inputs: [{ name: 'x', datatype, shape, data }],
})
const get = async (path: string) => {
  const response = await fetch(server.inference + path)
  return { status: response.status, body: await response.json() }
}

describe('around the tensors', () => {
  test('a handler without a graph gets the bytes and its answer comes as bytes', async () => {
    const { json } = await inferJson('shout', {
      inputs: [{ name: 'data', datatype: 'BYTES', shape: [1], data: ['quiet'] }],
    })
    expect(json.outputs).toEqual([{ name: 'output', datatype: 'BYTES', shape: [1], data: ['QUIET'] }])
  })

  test('classification gives the best classes of each row', async () => {
    const { json } = await inferJson('id_float32', {
      ...x('FP32', [2, 3], [0.1, 0.7, 0.2, 3, 1, 2]),
      outputs: [{ name: 'y', parameters: { classification: 2 } }],
    })
    expect(json.outputs?.[0]).toEqual({
      name: 'y',
      datatype: 'BYTES',
      shape: [2, 2],
      data: ['0.7:1', '0.2:2', '3:0', '2:2'],
    })
  })

  test('requests that wait together run together, and each gets its own rows', async () => {
    const ask = async (index: number) => {
      // Of two widths, which cannot be joined; one in ten fits no run at all.
      const width = index % 2 === 0 ? 2 : 3
      const data = Array.from({ length: width }, (_, at) => index * 10 + at)
      const bad = index % 10 === 9
      const { status, json } = await inferJson(
        'batched',
        x(bad ? 'INT8' : 'FP32', [1, width], bad ? data.map(() => 0) : data),
      )
      return bad ? status === 400 : JSON.stringify(json.outputs?.[0]?.data) === JSON.stringify(data)
    }
    expect(await Promise.all(Array.from({ length: 80 }, (_, index) => ask(index)))).not.toContain(false)
    const { body } = await get('/v2/models/batched/stats')
    expect(body).toMatchObject({
      model_stats: [{ inference_count: 72, inference_stats: { fail: { count: 8 } } }],
    })
    const { model_stats: counted } = body as { model_stats: [{ execution_count: number }] }
    expect(counted[0].execution_count).toBeLessThan(72)
  })

  test('statistics add up', async () => {
    const before = await get('/v2/models/id_int8/stats')
    expect(before.body).toMatchObject({
      model_stats: [{ name: 'id_int8', version: '1.0', inference_count: 0 }],
    })
    for (let count = 0; count < 3; count++) await inferJson('id_int8', x('INT8', [1, 1], [1]))
    await inferJson('id_int8', x('INT8', [1, 1], [1000]))
    await inferJson('id_int8', x('FP32', [1, 1], [1]))
    const { body } = await get('/v2/models/id_int8/stats')
    expect(body).toMatchObject({
      model_stats: [
        {
          inference_count: 3,
          execution_count: 3,
          inference_stats: {
            success: { count: 3 },
            fail: { count: 1 },
            queue: { count: 3 },
            cache_hit: { count: 0 },
          },
          batch_stats: [{ batch_size: 1, compute_infer: { count: 3 } }],
        },
      ],
    })
    expect((await get('/v2/models/stats')).status).toBe(200)
  })

  test('KServe v1 takes instances and gives predictions', async () => {
    const predict = (model: string, request: unknown, verb = 'predict') =>
      send(`${server.inference}/v1/models/${model}:${verb}`, JSON.stringify(request), {
        'content-type': 'application/json',
      })
    expect(
      (
        await predict('rows', {
          instances: [
            [1, 2],
            [3, 4],
          ],
        })
      ).json,
    ).toEqual({
      predictions: [
        [1, 2],
        [3, 4],
      ],
    })
    const encoded = { b64: Buffer.from('quiet').toString('base64') }
    expect((await predict('shout', { instances: [encoded, { data: encoded }] })).json).toEqual({
      predictions: ['QUIET', 'QUIET'],
    })
    expect((await predict('shout', { instances: [1] }, 'explain')).json).toEqual({
      explanations: [{ why: 'because' }],
    })
    expect((await predict('rows', { instances: 7 })).json.error).toMatch(/Expected "instances" to be a list/)
    expect((await predict('rows', { instances: [[1, 2], [1]] })).status).toBe(400)
    const unknown = await predict('nobody', { instances: [] })
    expect(unknown.json).toMatchObject({ error: 'Model not found: nobody', code: 404 })
    expect((await get('/v1/models')).body).toHaveProperty('models', expect.arrayContaining(['rows']))
    expect((await get('/v1/models/rows')).body).toEqual({ name: 'rows', ready: true })
  })
})
