/** What Triton's extensions add to the Open Inference Protocol, over gRPC. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GrpcClient } from '../support/grpc.ts'
import { startOpenInference, type OpenInferenceServer } from '../support/open-inference.ts'

const OIP = 'inference.GRPCInferenceService'
const CHANGING = ['RepositoryModelLoad', 'RepositoryModelUnload', 'TraceSetting', 'LogSettings']

let server: OpenInferenceServer
let inference: GrpcClient
let management: GrpcClient

beforeAll(async () => {
  server = await startOpenInference([
    '--models',
    'rows.onnx,shout-1.0,fraud.onnx,id_int8.onnx',
    '--enable-model-api',
  ])
  inference = new GrpcClient(server.server.grpc?.inference ?? '')
  management = new GrpcClient(server.server.grpc?.management ?? '')
})

afterAll(async () => {
  inference.close()
  management.close()
  await server.stop()
  await server.store.remove()
})

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer)
const rows = (id: string, more: object = {}) => ({
  model_name: 'rows',
  id,
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'] }],
  raw_input_contents: [floats(1, Number(id))],
  ...more,
})

describe('what is told', () => {
  test('the server names its extensions', async () => {
    expect(await inference.ask(`${OIP}/ServerMetadata`)).toMatchObject({
      extensions: expect.arrayContaining(['classification', 'model_repository', 'statistics', 'trace']),
    })
  })

  test('a model’s configuration has its whole shapes and its settings', async () => {
    expect(await inference.ask(`${OIP}/ModelConfig`, { name: 'rows' })).toMatchObject({
      config: {
        name: 'rows',
        platform: 'onnxruntime_onnx',
        backend: 'onnxruntime',
        max_batch_size: 0,
        input: [{ name: 'x', data_type: 'TYPE_FP32', dims: ['-1', '2'] }],
        output: [{ name: 'y', data_type: 'TYPE_FP32', dims: ['-1', '2'] }],
        instance_group: [{ name: 'rows', kind: 'KIND_CPU', count: 1 }],
        default_model_filename: 'rows.onnx',
        dynamic_batching: { default_queue_policy: { max_queue_size: 100 } },
      },
    })
    expect(await inference.ask(`${OIP}/ModelConfig`, { name: 'shout' })).toMatchObject({
      config: { input: [{ name: 'data', data_type: 'TYPE_STRING', dims: ['1'] }] },
    })
  })

  test('statistics count what was asked, of one model or all', async () => {
    const of = async (request: object) => {
      const answer = await inference.ask(`${OIP}/ModelStatistics`, request)
      return Reflect.get(Object(answer), 'model_stats') as { name: string; inference_count: string }[]
    }
    const [before] = await of({ name: 'fraud' })
    expect(before).toMatchObject({ name: 'fraud', version: '1.0', inference_count: '0', last_inference: '0' })
    await inference.call(`${OIP}/ModelInfer`, { model_name: 'fraud' })
    const [after] = await of({ name: 'fraud', version: '1.0' })
    expect(after).toMatchObject({
      inference_stats: { success: { count: '0' }, fail: { count: '1', ns: expect.stringMatching(/^[1-9]/) } },
      memory_usage: [{ type: 'CPU', byte_size: expect.stringMatching(/^[1-9]\d{6}/) }],
    })
    await inference.ask(`${OIP}/ModelInfer`, rows('1'))
    const all = await of({})
    expect(all.map(({ name }) => name).toSorted()).toEqual(['fraud', 'id_int8', 'rows', 'shout'])
    expect(all.find(({ name }) => name === 'rows')).toMatchObject({
      batch_stats: [{ batch_size: '1', compute_infer: { count: expect.stringMatching(/^[1-9]/) } }],
    })
  })

  test.each(['ModelConfig', 'ModelStatistics'])('%s of an unknown model is NOT_FOUND', async method => {
    expect(await inference.call(`${OIP}/${method}`, { name: 'nobody' })).toEqual({
      code: 5,
      details: "Request for unknown model: 'nobody' is not found",
    })
  })
})

describe('the repository', () => {
  const stateOf = async (name: string) => {
    const answer = await inference.ask(`${OIP}/RepositoryIndex`)
    const models = Reflect.get(Object(answer), 'models') as { name: string; state: string }[]
    return models.find(model => model.name === name)?.state
  }

  test('loads a model of the store by its name, and unloads it', async () => {
    expect(await stateOf('scalar')).toBe('UNAVAILABLE')
    expect(await management.ask(`${OIP}/RepositoryModelLoad`, { model_name: 'scalar' })).toEqual({})
    expect(await stateOf('scalar')).toBe('READY')
    const unload = { model_name: 'scalar', parameters: { unload_dependents: { bool_param: true } } }
    expect(await management.ask(`${OIP}/RepositoryModelUnload`, unload)).toEqual({})
    expect(await stateOf('scalar')).toBe('UNAVAILABLE')
    const ready = await inference.ask(`${OIP}/RepositoryIndex`, { ready: true })
    expect(JSON.stringify(ready)).not.toContain('scalar')
  })

  test.each([
    ['no name', {}, 3, /^Parameter model_name is required/],
    ['what is not there', { model_name: '../x' }, 13, /^failed to load '\.\.\/x'/],
    [
      'a configuration',
      { model_name: 'scalar', parameters: { config: { string_param: '{}' } } },
      12,
      /^parameter 'config' is not served/,
    ],
  ])('refuses to load %s', async (_what, request, code, details) => {
    expect(await management.call(`${OIP}/RepositoryModelLoad`, request)).toEqual({
      code,
      details: expect.stringMatching(details),
    })
  })

  test.each(CHANGING)(
    '%s is not on the address of the inference API, which says where it is',
    async method => {
      expect(await inference.call(`${OIP}/${method}`, { model_name: 'rows' })).toEqual({
        code: 12,
        details: expect.stringContaining('grpc_management_port'),
      })
    },
  )
})

describe('settings', () => {
  test('log levels are told and changed, where logs go is not', async () => {
    expect(await management.ask(`${OIP}/LogSettings`)).toMatchObject({
      settings: { log_info: { bool_param: true }, log_verbose_level: { uint32_param: 0 } },
    })
    const louder = { settings: { log_verbose_level: { uint32_param: 1 } } }
    expect(await management.ask(`${OIP}/LogSettings`, louder)).toMatchObject({
      settings: { log_verbose_level: { uint32_param: 1 }, log_file: { string_param: '' } },
    })
    await management.ask(`${OIP}/LogSettings`, { settings: { log_verbose_level: { uint32_param: 0 } } })
    const elsewhere = { settings: { log_file: { string_param: '/etc/passwd' } } }
    expect(await management.call(`${OIP}/LogSettings`, elsewhere)).toMatchObject({
      code: 3,
      details: expect.stringContaining('log_file'),
    })
  })

  test('trace settings are told and changed, of all models or one', async () => {
    expect(await management.ask(`${OIP}/TraceSetting`)).toMatchObject({
      settings: { trace_level: { value: ['OFF'] }, trace_file: { value: [''] } },
    })
    const change = (settings: object, model_name = '') =>
      management.call(`${OIP}/TraceSetting`, { settings, model_name })
    expect(await change({ trace_rate: { value: ['7'] } }, 'rows')).toMatchObject({
      answer: { settings: { trace_rate: { value: ['7'] } } },
    })
    expect(await change({}, 'rows')).toMatchObject({ answer: { settings: { trace_rate: { value: ['7'] } } } })
    // No value gives it back.
    expect(await change({ trace_rate: { value: [] } }, 'rows')).toHaveProperty('answer')
    expect(await change({ trace_level: { value: ['TENSORS'] } })).toMatchObject({ code: 3 })
    expect(await change({}, 'nobody')).toMatchObject({ code: 5 })
  })
})

describe('a stream of inferences', () => {
  test('answers each request in its turn, and one that fails does not end it', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => String(index))
    const requests = ids.map(id => rows(id, id === '7' ? { raw_input_contents: [floats(1)] } : {}))
    const { messages, code } = await inference.stream(`${OIP}/ModelStreamInfer`, requests)
    expect(code).toBe(0)
    expect(messages).toHaveLength(40)
    for (const [index, message] of messages.entries()) {
      expect(message).toMatchObject(
        index === 7
          ? {
              error_message: expect.stringContaining('unexpected total byte size 4'),
              infer_response: { id: '7', outputs: [] },
            }
          : {
              error_message: '',
              infer_response: {
                id: String(index),
                raw_output_contents: [floats(1, index)],
                parameters: { triton_final_response: { bool_param: true } },
              },
            },
      )
    }
  })

  test('ends with a status at the first failure where its client asks for that', async () => {
    const requests = [rows('1'), rows('2', { model_name: 'nobody' }), rows('3')]
    const { messages, code } = await inference.stream(`${OIP}/ModelStreamInfer`, requests, {
      metadata: { triton_grpc_error: 'true' },
    })
    expect(code).toBe(5)
    expect(messages).toMatchObject([{ infer_response: { id: '1' } }])
  })

  test('that stays open does not hold up the stop', async () => {
    const other = await startOpenInference(['--models', 'rows.onnx'])
    const client = new GrpcClient(other.server.grpc?.inference ?? '')
    const open = client.openStream(`${OIP}/ModelStreamInfer`)
    expect(await open.ask(rows('5'))).toMatchObject({ infer_response: { id: '5' } })
    await other.stop()
    expect(await open.code).toBe(14)
    client.close()
    await other.store.remove()
  })
})

describe('parameters of an inference', () => {
  const ask = (more: object) => inference.call(`${OIP}/ModelInfer`, rows('2', more))

  test('an output can be asked for as its best classes', async () => {
    const outputs = [{ name: 'y', parameters: { classification: { int64_param: '1' } } }]
    const raw = await ask({ outputs })
    expect(raw).toMatchObject({
      answer: {
        outputs: [{ name: 'y', datatype: 'BYTES', shape: ['1', '1'] }],
        raw_output_contents: [Buffer.from('\u0003\0\0\u00002:1')],
      },
    })
    const inputs = [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [5, 4] } }]
    expect(await ask({ outputs, inputs, raw_input_contents: [] })).toMatchObject({
      answer: { outputs: [{ contents: { bytes_contents: [Buffer.from('5:0')] } }] },
    })
  })

  test.each([
    ['what only REST needs', { parameters: { binary_data_output: { bool_param: true } } }],
    ['a time that is long enough', { parameters: { timeout: { int64_param: '60000000' } } }],
    ['a priority', { parameters: { priority: { uint64_param: '1' } } }],
    ['no sequence', { parameters: { sequence_id: { int64_param: '0' } } }],
    [
      'an empty final answer to a stream',
      { parameters: { triton_enable_empty_final_response: { bool_param: true } } },
    ],
    ['a word of the client’s own', { parameters: { mine: { string_param: 'x' } } }],
  ])('%s is taken', async (_what, more) => {
    expect(await ask(more)).toHaveProperty('answer')
  })

  test.each([
    ['a time that has passed', { parameters: { timeout: { uint64_param: '1' } } }, 4, /timeout/],
    ['a time that is none', { parameters: { timeout: { string_param: 'soon' } } }, 3, /'timeout'/],
    ['a negative time', { parameters: { timeout: { int64_param: '-1' } } }, 3, /'timeout'/],
    ['a priority that is none', { parameters: { priority: { string_param: 'x' } } }, 3, /'priority'/],
    ['a sequence', { parameters: { sequence_id: { int64_param: '42' } } }, 12, /sequences are not served/],
    ['a reserved name', { parameters: { triton_x: { bool_param: true } } }, 3, /is reserved/],
    [
      'too many classes',
      { outputs: [{ name: 'y', parameters: { classification: { int64_param: '9007199254740993' } } }] },
      3,
      /maximum allowed/,
    ],
    ['an output twice', { outputs: [{ name: 'y' }, { name: 'y' }] }, 3, /'y' already requested/],
    [
      'an input twice',
      { inputs: [...rows('1').inputs, ...rows('1').inputs] },
      3,
      /input 'x' already exists in request/,
    ],
    [
      'shared memory',
      { inputs: [{ ...rows('1').inputs[0], parameters: { shared_memory_region: { string_param: 'r' } } }] },
      12,
      /shared memory is not served/,
    ],
  ])('%s is refused', async (_what, more, code, details) => {
    expect(await ask(more)).toEqual({ code, details: expect.stringMatching(details) })
  })
})
