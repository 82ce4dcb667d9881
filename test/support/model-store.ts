import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeArchive } from '../../src/archive/writer.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
export const digitsOnnx = join(fixtures, 'digits/digits.onnx')
export const fraudOnnx = join(fixtures, 'fraud/fraud.onnx')

export interface HandlerModel {
  /** The source of the archive's handler.ts. */
  readonly handler: string
  /** model-config.yaml. */
  readonly config?: string
  /** An ONNX file for the session. */
  readonly onnx?: string
  readonly version?: string
  /** index_to_name.json. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A model store of a test's own, in a temporary folder. */
export class ModelStore {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
  }

  /** An unpacked archive with a handler of its own. */
  async addHandler(name: string, model: HandlerModel): Promise<void> {
    const dir = join(this.dir, `${name}-${model.version ?? '1.0'}`)
    await mkdir(join(dir, 'MAR-INF'), { recursive: true })
    await writeFile(join(dir, 'handler.ts'), model.handler)
    if (model.config !== undefined) await writeFile(join(dir, 'model-config.yaml'), model.config)
    if (model.onnx !== undefined) await copyFile(model.onnx, join(dir, 'model.onnx'))
    if (model.labels !== undefined)
      await writeFile(join(dir, 'index_to_name.json'), JSON.stringify(model.labels))
    const manifest = {
      runtime: 'python',
      model: {
        modelName: name,
        modelVersion: model.version ?? '1.0',
        handler: 'handler.ts',
        ...(model.config === undefined ? {} : { configFile: 'model-config.yaml' }),
        ...(model.onnx === undefined ? {} : { serializedFile: 'model.onnx' }),
      },
    }
    await writeFile(join(dir, 'MAR-INF/MANIFEST.json'), JSON.stringify(manifest))
  }

  /** digits.mar: 8x8 grey images to ten digits, all ten of them in the answer. */
  async addDigits(config = 'minWorkers: 1\nmaxWorkers: 1\n', version = '1.0'): Promise<void> {
    const configFile = join(this.dir, '.model-config.yaml')
    await writeFile(configFile, `${config}image_classifier:\n  top_k: 10\n`)
    const { path } = await writeArchive({
      modelName: 'digits',
      version,
      handler: 'image_classifier',
      serializedFile: digitsOnnx,
      configFile,
      exportPath: this.dir,
      force: true,
    })
    if (version !== '1.0') await copyFile(path, join(this.dir, `digits-${version}.mar`))
    await rm(configFile)
  }

  async addFile(name: string, content: string | Buffer): Promise<void> {
    await writeFile(join(this.dir, name), content)
  }

  async addOnnx(name: string, file: string): Promise<void> {
    await copyFile(file, join(this.dir, `${name}.onnx`))
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true })
  }
}

export async function makeStore(): Promise<ModelStore> {
  return new ModelStore(await realpath(await mkdtemp(join(tmpdir(), 'model-store-'))))
}
