/** The models of the stress test: every version of every name says who it is. */
import { rm, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeArchive } from '../../src/archive/writer.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { identity, writeTinyOnnx } from '../unit/runtime/tiny-onnx.ts'

const handler = `export default {
  preprocess: () => ({ x: { type: 'float32', dims: [1, 4], data: new Float32Array(4) } }),
  postprocess: (_output, _input, { model }) => \`\${model.name} \${model.version}\`,
}
`

export const archiveOf = (name: string, version: string) => `${name}-${version}.mar`

export async function makeStressStore(
  names: readonly string[],
  versions: readonly string[],
): Promise<ModelStore> {
  const store = await makeStore()
  const handlerFile = join(store.dir, 'handler.js')
  await writeFile(handlerFile, handler)
  const serializedFile = writeTinyOnnx(identity('float32', ['batch', 4]))
  for (const modelName of names) {
    for (const version of versions) {
      const { path } = await writeArchive({
        modelName,
        version,
        handler: handlerFile,
        serializedFile,
        exportPath: store.dir,
      })
      await rename(path, join(store.dir, archiveOf(modelName, version)))
    }
  }
  await rm(handlerFile)
  return store
}
