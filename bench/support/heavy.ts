/** A net as large as real ones in a Sconce of its own, and the same file for a bare loop. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchOptions } from './bench.ts'
import { binaryBody } from './infer-body.ts'
import { makeJpeg } from './jpeg.ts'
import type { Request } from './load.ts'
import { IMAGE_INPUT, IMAGE_SIDE, thin, writeNet, type NetShape } from './nets.ts'
import { startSconceWith, type RunningSconce } from './servers.ts'

export const HEAVY = 'heavy'

/** One image: [1, 3, 224, 224]. */
export const IMAGE_DIMS = [1, 3, IMAGE_SIDE, IMAGE_SIDE]

export interface HeavyModel {
  /** The archive, which is a folder. */
  readonly archive: string
  /** Its ONNX file. */
  readonly file: string
  readonly values: Float32Array
  readonly jpeg: Buffer
}

/** Writes the net as an archive for `image_classifier`; in a quick run a thin one. */
export async function makeHeavy(
  folder: string,
  shape: NetShape,
  { length }: Pick<BenchOptions, 'length'>,
): Promise<HeavyModel> {
  const archive = join(folder, HEAVY)
  const file = join(archive, 'model.onnx')
  await mkdir(join(archive, 'MAR-INF'), { recursive: true })
  const model = {
    modelName: HEAVY,
    serializedFile: 'model.onnx',
    handler: 'image_classifier',
    modelVersion: '1.0',
  }
  await writeFile(join(archive, 'MAR-INF', 'MANIFEST.json'), JSON.stringify({ model }))
  await writeNet(file, length === 'quick' ? thin(shape) : shape)
  const values = Float32Array.from({ length: 3 * IMAGE_SIDE * IMAGE_SIDE }, () => Math.random() * 4 - 2)
  return { archive, file, values, jpeg: await makeJpeg() }
}

export function serveHeavy(
  { archive }: HeavyModel,
  { length }: Pick<BenchOptions, 'length'>,
  more: readonly string[] = [],
): Promise<RunningSconce> {
  const settings = [`load_models=${HEAVY}`, ...more]
  return startSconceWith({ store: [{ path: archive, name: HEAVY }], settings, length })
}

/** A binary tensor by the Open Inference Protocol. */
export function tensorRequest({ port }: RunningSconce, { values }: HeavyModel): Request {
  const input = { name: IMAGE_INPUT, datatype: 'FP32', shape: IMAGE_DIMS }
  return { port, path: `/v2/models/${HEAVY}/infer`, ...binaryBody(input, values) }
}

export function jpegRequest({ port }: RunningSconce, { jpeg }: HeavyModel): Request {
  return { port, path: `/predictions/${HEAVY}`, contentType: 'image/jpeg', body: jpeg }
}
