/** Loading and unloading by the Open Inference Protocol: on the management API, behind what protects that. */
import { afterEach, expect, test } from 'vitest'
import { send, startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

let server: OpenInferenceServer | undefined
afterEach(async () => {
  await server?.stop()
  await server?.store.remove()
})

async function start(flags: readonly string[]) {
  const started = await startOpenInference(['--models', 'rows.onnx', ...flags])
  server = started
  return {
    manage: (path: string, body = '') => send(`${started.management}/v2/repository${path}`, body),
    infer: (path: string, body = '') => send(`${started.inference}/v2${path}`, body),
  }
}

test('a model of the store is loaded, serves, and is unloaded', async () => {
  const { manage, infer } = await start(['--enable-model-api'])
  const state = async () => {
    const { text } = await infer('/repository/index')
    return (JSON.parse(text) as { name: string; state: string }[]).find(({ name }) => name === 'scalar')
      ?.state
  }
  const request = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [], data: [2] }] })
  expect(await state()).toBe('UNAVAILABLE')
  expect(await manage('/models/scalar/load', '{}')).toMatchObject({ status: 200, text: '' })
  expect(await state()).toBe('READY')
  expect((await manage('/models/scalar/load')).status).toBe(200)
  expect((await infer('/models/scalar/infer', request)).status).toBe(200)
  expect((await manage('/models/scalar/unload', '{"parameters":{"unload_dependents":true}}')).status).toBe(
    200,
  )
  expect((await infer('/models/scalar/infer', request)).status).toBe(404)
  expect(await state()).toBe('UNAVAILABLE')
})

test('what cannot be loaded or unloaded is told', async () => {
  const { manage, infer } = await start(['--enable-model-api'])
  const missing = await manage('/models/nobody/load')
  expect([missing.status, missing.json.error]).toEqual([
    500,
    "failed to load 'nobody', failed to poll from model repository: it is not there",
  ])
  expect((await manage('/models/..%2Frows/load')).status).toBe(500)
  expect((await manage('/models/nobody/unload')).json.error).toBe(
    "Request for unknown model: 'nobody' is not found",
  )
  expect((await manage('/models/rows/load', '{"parameters":{"config":"{}"}}')).status).toBe(501)
  expect((await manage('/models/rows/load', '{"parameters":{"file:1/../../x":"aGk="}}')).status).toBe(501)
  expect((await manage('/models/rows/load', 'hello')).status).toBe(400)
  // Not on the inference API.
  expect((await infer('/repository/models/scalar/load')).status).toBe(404)
})

test('nothing is loaded where the model API is off', async () => {
  const { manage } = await start([])
  const refused = await manage('/models/scalar/load')
  expect([refused.status, refused.json.error]).toEqual([
    405,
    'Requested method is not allowed, please refer to API document. Set enable_model_api=true to load and unload models.',
  ])
})

test('one address for both APIs serves both', async () => {
  const { infer } = await start([])
  expect((await infer('/repository/index')).status).toBe(200)
})
