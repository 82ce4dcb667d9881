import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openModel } from '../../../src/worker/open-model.ts'
import { freshFolders } from '../../support/archive-fixtures.ts'
import { orderFor } from '../../support/load-order.ts'
import { digitsOnnx } from '../../support/model-store.ts'

const fresh = freshFolders()

test('an optimised graph that does not open is told, and the plain file serves', async () => {
  const optimisedFile = join(await fresh(), 'model.onnx')
  await writeFile(optimisedFile, 'cut off')
  const said: string[] = []
  const order = await orderFor('', { modelFile: digitsOnnx, optimisedFile })
  const session = await openModel(order, (_, message) => said.push(message))
  expect(session?.graph.inputs.map(({ name }) => name)).toEqual(['image'])
  expect(said).toEqual(['The optimised graph cannot be loaded; this worker loads its own copy'])
  await session?.close()
})

test('a handler without a graph has no session', async () => {
  expect(await openModel(await orderFor(''), () => {})).toBeUndefined()
})
