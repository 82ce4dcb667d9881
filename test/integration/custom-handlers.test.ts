import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeArchive } from '../../src/archive/writer.ts'
import { digitPng } from '../support/http.ts'
import { digitsOnnx, makeStore } from '../support/model-store.ts'
import { startTestServer } from '../support/server.ts'

/** Uses the contract, a package that the server brings, and a file of its own. */
const SHARP = `
  import { InvalidInput, type Context, type Handler, type Input, type Tensors } from 'sconce/handler'
  import sharp from 'sharp'
  import { scale } from './scale.ts'

  export default class implements Handler {
    #loads = 0
    load({ session }: Context) {
      this.#loads += session.graph.inputs.length
    }
    async preprocess({ data }: Input): Promise<Tensors> {
      if (!(data instanceof Uint8Array)) throw new InvalidInput('Expected a picture')
      const pixels = await sharp(data).greyscale().raw().toBuffer()
      return { image: { type: 'float32', dims: [1, 1, 8, 8], data: Float32Array.from(pixels, scale) } }
    }
    postprocess(output: Tensors) {
      const scores = [...(Object.values(output)[0]?.data as Float32Array)]
      return { digit: scores.indexOf(Math.max(...scores)), loads: this.#loads }
    }
  }`

test('a class in TypeScript, packed with its own files, uses sharp and the session', async () => {
  const store = await makeStore()
  const folder = await mkdtemp(join(tmpdir(), 'handler-'))
  await writeFile(join(folder, 'reader.ts'), SHARP)
  await writeFile(join(folder, 'scale.ts'), 'export const scale = (value: number) => value / 255')
  await writeArchive({
    modelName: 'reader',
    version: '1.0',
    handler: join(folder, 'reader.ts'),
    serializedFile: digitsOnnx,
    extraFiles: join(folder, 'scale.ts'),
    exportPath: store.dir,
  })
  const server = await startTestServer(store)
  try {
    const body = new Uint8Array(digitPng('digit_4_a.png'))
    const response = await fetch(`${server.inference}/predictions/reader`, { method: 'POST', body })
    expect(await response.json()).toEqual({ digit: 4, loads: 1 })
  } finally {
    await server.stop()
    await store.remove()
    await rm(folder, { recursive: true })
  }
})

test('an object that only explains answers explanations, and predictions by default', async () => {
  const store = await makeStore()
  await store.addHandler('explainer', {
    onnx: digitsOnnx,
    handler: 'export default { explain: ({ headers }) => ({ explained: headers.explain }) }',
  })
  const server = await startTestServer(store)
  try {
    const explanation = await fetch(`${server.inference}/explanations/explainer`, { method: 'POST' })
    expect(await explanation.json()).toEqual({ explained: 'True' })
    const response = await fetch(`${server.inference}/predictions/explainer`, {
      method: 'POST',
      body: JSON.stringify([[Array(8).fill(Array(8).fill(0))]]),
      headers: { 'content-type': 'application/json' },
    })
    expect([await response.json()].flat(3)).toHaveLength(10)
  } finally {
    await server.stop()
    await store.remove()
  }
})

test('versions of one name run side by side; the first registered answers by default', async () => {
  const store = await makeStore()
  for (const version of ['1.0', '2.0']) {
    await store.addHandler('versions', {
      version,
      handler: `export default {
        preprocess: () => ({}), inference: batch => batch, postprocess: () => '${version}',
      }`,
    })
  }
  const server = await startTestServer(store)
  try {
    const ask = async (path: string) =>
      (await fetch(`${server.inference}/predictions/versions${path}`)).text()
    expect([await ask(''), await ask('/1.0'), await ask('/2.0')]).toEqual(['1.0', '1.0', '2.0'])
    const all = await fetch(`${server.management}/models/versions/all`)
    expect(await all.json()).toMatchObject([{ modelVersion: '1.0' }, { modelVersion: '2.0' }])
  } finally {
    await server.stop()
    await store.remove()
  }
})

test('in debug mode the handler runs in the server’s own process', async () => {
  const store = await makeStore()
  await store.addHandler('inline', {
    handler: `export default {
      preprocess: () => ({}), inference: batch => batch, postprocess: () => String(process.pid),
    }`,
  })
  const server = await startTestServer(store, ['--debug'])
  try {
    const response = await fetch(`${server.inference}/predictions/inline`)
    expect(await response.text()).toBe(String(process.pid))
  } finally {
    await server.stop()
    await store.remove()
  }
})
