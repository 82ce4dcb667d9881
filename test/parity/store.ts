/** The archives that the comparison asks for, by the names that TorchServe's own tests have for them. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeArchive } from '../../src/archive/writer.ts'
import { makeZip } from '../support/hostile-archives.ts'
import { makeStore, type ModelStore } from '../support/model-store.ts'
import { identity, writeTinyOnnx } from '../unit/runtime/tiny-onnx.ts'

/** A handler without a session; what it does instead are its members. */
const handler = (members: string) =>
  `export default { preprocess: input => input, inference: batch => batch, ${members} }\n`

const answersOk = "postprocess: () => 'OK', explain: () => 'OK', describe: () => ({ data1: '1' })"
const echo = `postprocess(input) {
    const parameters = [...input.parameters].map(([name, value]) => [
      name,
      value instanceof Uint8Array ? new TextDecoder().decode(value) : value,
    ])
    return { url_path: input.headers.url_path, ...Object.fromEntries(parameters) }
  }`
const refusal = "Object.assign(new Error('Some Prediction Error'), { name: 'PredictionError', status: 599 })"

const HANDLERS: Readonly<Record<string, string>> = {
  noop: handler(answersOk),
  noop_v2: handler(answersOk),
  echo: handler(echo),
  'respheader-test': `import { respond } from 'sconce/handler'
${handler("postprocess: () => respond('OK', { status: 201, contentType: 'text/plain', headers: { dummy: '1' } })")}`,
  'init-error': handler("load() { throw new Error('no weights for you') }"),
  'loading-memory-error': handler("load() { throw new RangeError('Array buffer allocation failed') }"),
  'prediction-memory-error': handler(
    "postprocess() { throw new RangeError('Array buffer allocation failed') }",
  ),
  'pred-custom-return-code': handler(`postprocess() { throw ${refusal} }`),
  throwing: handler("postprocess() { throw new Error('a secret of the handler') }"),
  'no-list': handler('inference: () => 7'),
  error_batch: handler('inference: () => []'),
  'no-json': handler('postprocess() { const it = {}; it.self = it; return it }'),
  dying: handler('postprocess: () => process.exit(3)'),
}
const VERSIONS: Readonly<Record<string, string>> = { noop: '1.11', noop_v2: '1.2.1' }

/** As TorchServe's Postman collections name them; what they compute does not matter. */
const GRAPHS = ['squeezenet1_1', 'mnist', 'densenet161', 'resnet-152-batch', 'resnet-18', 'remote']

const MANIFESTS: Readonly<Record<string, string>> = {
  nameless: '{"model": {}}',
  unreadable: '{"model": ',
  runtime: '{"runtime": "python4", "model": {"modelName": "runtime"}}',
}

export interface ParityStore {
  readonly store: ModelStore
  /** Archives that are not in the store, for a server elsewhere. */
  readonly remote: ReadonlyMap<string, Buffer>
}

export async function makeParityStore(): Promise<ParityStore> {
  const store = await makeStore()
  const exportPath = store.dir
  const serializedFile = writeTinyOnnx(identity('float32', ['batch', 4]))
  for (const modelName of GRAPHS) {
    await writeArchive({ modelName, version: '1.0', handler: 'base_handler', serializedFile, exportPath })
  }
  const file = join(store.dir, 'handler.js')
  for (const [modelName, source] of Object.entries(HANDLERS)) {
    await writeFile(file, source)
    await writeArchive({ modelName, version: VERSIONS[modelName] ?? '1.0', handler: file, exportPath })
  }
  await rm(file)
  for (const [name, manifest] of Object.entries(MANIFESTS)) {
    await store.addFile(`${name}.mar`, makeZip([{ name: 'MAR-INF/MANIFEST.json', data: manifest }]))
  }
  await store.addFile('broken.mar', 'not a zip at all')
  const remoteFile = join(store.dir, 'remote.mar')
  const remote = new Map([['/remote.mar', await readFile(remoteFile)]])
  await rm(remoteFile)
  return { store, remote }
}
