/** The two models that are measured, and one request of each. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

export interface BenchModel {
  readonly name: 'digits' | 'fraud'
  readonly contentType: string
  readonly body: Buffer
  /** ONNX file. */
  readonly file: string
  /** The name of the graph's input, and what the request above becomes on its way to it. */
  readonly input: string
  readonly dims: readonly number[]
  tensor(): Promise<Float32Array>
}

export const FILES = {
  digitsArchive: fileAt('../../model-store/digits.mar'),
  digitsModel: fileAt('../../test/fixtures/digits/digits.onnx'),
  digitsImage: fileAt('../../test/fixtures/digits/digit_7_a.png'),
  fraudModel: fileAt('../../test/fixtures/fraud/fraud.onnx'),
  fraudRows: fileAt('../../test/fixtures/fraud/test_rows.csv'),
}

const FRAUD_FEATURES = 12

/** One 8x8 grey PNG; the answer is its five best classes. */
export const DIGITS: BenchModel = {
  name: 'digits',
  contentType: 'image/png',
  body: readFileSync(FILES.digitsImage.path),
  file: FILES.digitsModel.path,
  input: 'image',
  dims: [1, 1, 8, 8],
  tensor: async () => {
    const pixels = await sharp(FILES.digitsImage.path).greyscale().raw().toBuffer()
    return Float32Array.from(pixels, value => value / 255)
  },
}

/** One row of twelve numbers as JSON; the answer is one number. */
export const FRAUD: BenchModel = {
  name: 'fraud',
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify([fraudRow()])),
  file: FILES.fraudModel.path,
  input: 'features',
  dims: [1, FRAUD_FEATURES],
  tensor: async () => Float32Array.from(fraudRow()),
}

function fraudRow(): number[] {
  const [, row = ''] = readFileSync(FILES.fraudRows.path, 'utf8').split('\n')
  return row.split(',').slice(0, FRAUD_FEATURES).map(Number)
}

function fileAt(relative: string): { readonly path: string; readonly name: string } {
  const path = fileURLToPath(new URL(relative, import.meta.url))
  return { path, name: basename(path) }
}
