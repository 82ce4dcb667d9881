/** Every archive of the fixtures answers like PyTorch, with symbolic batch and length. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importTorchScript } from '../../../src/importer/import.ts'
import { parseInputFlag } from '../../../src/importer/inputs.ts'
import { compareWithPyTorch, fixture } from '../../support/torchscript-cases.ts'

const image = ['image=float32[batch,1,8,8]']
const row = ['row=float32[batch,12]']
const tokens = ['tokens=int64[batch,length]']
const steps = ['x=float32[batch,time,16]']
const timeFirst = ['x=float32[time,batch,16]']
const features = ['x=float32[batch,time,6]']
const pair = ['query=float32[batch,targets,16]', 'memory=float32[batch,sources,16]']
const withState = ['x=float32[time,batch,6]', 'h=float32[1,batch,8]', 'c=float32[1,batch,8]']

const archives: [archive: string, cases: string, inputs: string[]][] = [
  ['digits/digits.pt', 'digits', image],
  ['torchscript/digits/digits_traced.pt', 'digits', image],
  ['fraud/fraud.pt', 'fraud', row],
  ['torchscript/fraud/fraud_traced.pt', 'fraud', row],
  ['torchscript/tiny_resnet/tiny_resnet.pt', 'tiny_resnet', ['image=float32[batch,3,height,width]']],
  ['torchscript/tiny_resnet/tiny_resnet_traced.pt', 'tiny_resnet', ['image=float32[batch,3,64,64]']],
  ['sentiment/sentiment_lstm.pt', 'sentiment/lstm', tokens],
  ['torchscript/sentiment/sentiment_lstm_traced.pt', 'sentiment/lstm', tokens],
  ['sentiment/sentiment_transformer.pt', 'sentiment/transformer', tokens],
  ['torchscript/sentiment/sentiment_transformer_traced.pt', 'sentiment/transformer', tokens],
  ['torchscript/encoder/encoder.pt', 'encoder', steps],
  ['torchscript/encoder/encoder_traced.pt', 'encoder', steps],
  ['torchscript/encoder/encoder_traced_fast.pt', 'encoder', steps],
  ['torchscript/encoder_time_first/encoder_time_first.pt', 'encoder_time_first', timeFirst],
  ['torchscript/encoder_time_first/encoder_time_first_traced.pt', 'encoder_time_first', timeFirst],
  ['torchscript/attention/attention.pt', 'attention', pair],
  ['torchscript/attention/attention_traced.pt', 'attention', pair],
  ['torchscript/lstm/lstm.pt', 'lstm', features],
  ['torchscript/lstm/lstm_traced.pt', 'lstm', features],
  ['torchscript/lstm_time_first/lstm_time_first.pt', 'lstm_time_first', withState],
  ['torchscript/lstm_time_first/lstm_time_first_traced.pt', 'lstm_time_first', withState],
  ['torchscript/gru/gru.pt', 'gru', features],
  ['torchscript/gru/gru_traced.pt', 'gru', features],
  ['torchscript/lstm_packed/lstm_packed.pt', 'lstm_packed', [...features, 'lengths=int64[batch]']],
  ['torchscript/branch/branch.pt', 'branch', ['x=float32[batch,4]']],
  ['torchscript/halving/halving.pt', 'halving', ['x=float32[rows,columns]']],
  ['torchscript/step_loop/step_loop.pt', 'step_loop', ['x=float32[time,batch,5]']],
  ['torchscript/dict_out/dict_out.pt', 'dict_out', ['x=float32[batch,4]']],
  ['torchscript/mixed_trace/mixed_trace_traced.pt', 'mixed_trace', ['x=float32[batch,3]']],
  ['torchscript/shape_ops/shape_ops.pt', 'shape_ops', ['x=float32[batch,4,5,6]']],
  ['torchscript/shape_ops/shape_ops_traced.pt', 'shape_ops', ['x=float32[batch,4,5,6]']],
  ['torchscript/not_a_number/not_a_number.pt', 'not_a_number', ['x=float32[batch,4]']],
  ['torchscript/ordering/ordering.pt', 'ordering', ['x=float32[batch,4]']],
  ['torchscript/small_types/small_types.pt', 'small_types', ['a=uint8[a]', 'b=int8[b]', 'c=int16[c]']],
  [
    'torchscript/bags/bags.pt',
    'bags',
    ['table=int64[batch,length]', 'flat=int64[all]', 'offsets=int64[bags]', 'weights=float32[all]'],
  ],
  ['torchscript/neighbours/neighbours.pt', 'neighbours', ['x=float32[rows,3]']],
]

test.each(archives)('%s answers like PyTorch', async (archive, cases, inputs) => {
  const { worst } = await compareWithPyTorch(archive, cases, inputs)
  expect(worst).toBeLessThanOrEqual(1e-5)
})

test('a dynamically quantised model answers like PyTorch within the rounding of 8 bits', async () => {
  const { worst, report } = await compareWithPyTorch('torchscript/quantized/dynamic_linear.pt', 'quantized', [
    'x=float32[batch,6]',
  ])
  expect(worst).toBeLessThanOrEqual(0.02)
  expect(report.warnings.join()).toContain('quantised')
})

test('the report names inputs, outputs, sizes and the number of weights', async () => {
  const { report } = await compareWithPyTorch('digits/digits.pt', 'digits', image)
  expect(report.inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['batch', '1', '8', '8'] }])
  expect(report.outputs).toEqual([{ name: 'output', dtype: 'float32', shape: ['batch', '10'] }])
  expect(report.nodes).toBeLessThan(15)
  expect(report.parameters).toBeGreaterThan(1000)
  expect(report.warnings).toEqual([])
})

test('outputs keep the names of the fields and keys that the model returns', async () => {
  const { report } = await compareWithPyTorch('torchscript/dict_out/dict_out.pt', 'dict_out', [
    'x=float32[batch,4]',
  ])
  expect(report.outputs.map(output => output.name)).toEqual(['logits', 'probabilities'])
})

test('the same archive gives the same bytes, in memory and on disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'importer-'))
  const read = async () =>
    importTorchScript(fixture('digits/digits.pt'), { inputs: image.map(parseInputFlag) })
  const [first, second] = [await read(), await read()]
  try {
    await first.write(join(folder, 'a.onnx'))
    expect(second.bytes().equals(await readFile(join(folder, 'a.onnx')))).toBe(true)
  } finally {
    first.close()
    second.close()
    await rm(folder, { recursive: true })
  }
})

test('inputs that nobody describes are guessed from their first use, and the report says how', async () => {
  const result = await importTorchScript(fixture('fraud/fraud.pt')).catch((error: unknown) => error)
  expect(String(result)).toContain('--input')
  const text = await importTorchScript(fixture('sentiment/sentiment_transformer.pt')).catch(
    (error: unknown) => error,
  )
  expect(String(text)).toContain('tokens')
  const net = await importTorchScript(fixture('torchscript/tiny_resnet/tiny_resnet_traced.pt'))
  expect(net.report.guessed).toEqual(['x=float32[batch,3,height,width]'])
  net.close()
})

test('stages are told as they begin', async () => {
  const stages: string[] = []
  const result = await importTorchScript(fixture('digits/digits.pt'), {
    inputs: image.map(parseInputFlag),
    onStage: stage => stages.push(stage),
  })
  result.close()
  expect(stages).toEqual(['reading', 'evaluating', 'building'])
  expect(readFileSync(fixture('digits/digits.pt')).length).toBeGreaterThan(0)
})
