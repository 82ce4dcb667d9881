import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { operatorsFatalOnEmpty } from '../../../src/archive/onnx-empty.ts'
import { identity, info, writeTinyOnnx } from '../runtime/tiny-onnx.ts'

const sorted = (op: string) =>
  writeTinyOnnx({
    nodes: [{ op, inputs: ['x', 'k'], outputs: ['y'] }],
    inputs: [info('x', 'float32', ['n'])],
    outputs: [info('y', 'float32', ['k'])],
  })

/** Says who has written a graph. */
async function signed(file: string, producer: string): Promise<string> {
  await writeFile(
    file,
    Buffer.concat([Buffer.from([0x12, producer.length]), Buffer.from(producer), await readFile(file)]),
  )
  return file
}

test('a graph is known by its operators', async () => {
  expect(await operatorsFatalOnEmpty(sorted('TopK'))).toEqual(['TopK'])
  expect(await operatorsFatalOnEmpty(sorted('Unique'))).toEqual(['Unique'])
  expect(await operatorsFatalOnEmpty(writeTinyOnnx(identity('float32', ['n'])))).toEqual([])
})

test('the importer keeps empty tensors from TopK, and from no other operator', async () => {
  expect(await operatorsFatalOnEmpty(await signed(sorted('TopK'), 'sconce'))).toEqual([])
  expect(await operatorsFatalOnEmpty(await signed(sorted('TopK'), 'pytorch'))).toEqual(['TopK'])
  expect(await operatorsFatalOnEmpty(await signed(sorted('LSTM'), 'sconce'))).toEqual(['LSTM'])
})
