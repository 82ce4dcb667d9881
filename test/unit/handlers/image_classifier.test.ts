import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import ImageClassifier from '../../../handlers/image_classifier.ts'
import type { Input } from '../../../src/runtime/handler.ts'
import { toJson } from '../../../src/runtime/json.ts'
import { photo } from '../runtime/photo.ts'
import { identity, info, openTinyOnnx } from '../runtime/tiny-onnx.ts'
import { FIXTURES, json, makeContext, openFixture, predict, request } from './context.ts'
import type { Setting } from './context.ts'

const digits = await openFixture('digits/digits.onnx')
const resnet = await openFixture('vision/tiny_resnet.onnx')

interface Labelled {
  readonly images: { file: string; label: number; probabilities: number[] }[]
}
const labelled = JSON.parse(readFileSync(join(FIXTURES, 'digits/labels.json'), 'utf8')) as Labelled

function load(setting: Setting) {
  const context = makeContext(setting)
  const handler = new ImageClassifier()
  handler.load(context)
  return (...inputs: Input[]) => predict(handler, context, ...inputs)
}

function digit(file: string): Buffer {
  return readFileSync(join(FIXTURES, 'digits', file))
}

/** A classifier of four classes whose scores are the four grey pixels of its image. */
async function fourPixels(setting: Omit<Setting, 'session'> = {}) {
  const session = await openTinyOnnx({
    nodes: [{ op: 'Flatten', inputs: ['image'], outputs: ['scores'] }],
    inputs: [info('image', 'float32', ['n', 1, 2, 2])],
    outputs: [info('scores', 'float32', ['n', 4])],
  })
  return load({ session, ...setting })
}
const fourScores = [
  [
    [0.1, 0.4],
    [0.3, 0.2],
  ],
]

test('the thirty digits get the probabilities that PyTorch gave, in one batch', async () => {
  const classify = load({ session: digits, config: { top_k: 10 } })
  const answers = await classify(...labelled.images.map(({ file }) => request(digit(file), 'image/png')))
  for (const [index, { label, probabilities }] of labelled.images.entries()) {
    const answer = answers[index] as Map<string, number>
    expect([...answer.keys()][0]).toBe(String(label))
    for (const [label_, probability] of answer)
      expect(probability).toBeCloseTo(probabilities[Number(label_)] ?? -1, 4)
  }
})

test('the answer has the five best classes, best first, also as text', async () => {
  const [answer] = await load({ session: digits })(request(digit('digit_7_a.png')))
  const probabilities = [...(answer as Map<string, number>).values()]
  expect(probabilities).toHaveLength(5)
  expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a))
  const keys = [...toJson(answer).matchAll(/"(\d)":/g)].map(match => match[1])
  expect(keys).toEqual([...(answer as Map<string, number>).keys()])
  expect(keys[0]).toBe('7')
})

describe('an image is accepted in every form', () => {
  const classify = load({ session: digits })
  const png = digit('digit_3_a.png')
  const base64 = png.toString('base64')
  test.each<[string, Input]>([
    ['as bytes of a type', request(png, 'image/png')],
    ['as bytes of no type', request(png)],
    ['as bytes that are called JSON', request(png, 'application/json')],
    ['as base64 text', request(base64, 'text/plain')],
    ['as a base64 JSON string', json(base64)],
    ['as a data URL', json(`data:image/png;base64,${base64}`)],
    ['as data in an object', json({ data: base64 })],
    ['as b64 in an object', json({ b64: base64 })],
    ['in a form field', { ...json(base64), parameters: new Map([['data', base64]]) }],
  ])('%s', async (_, input) => {
    const [answer] = await classify(input)
    expect([...(answer as Map<string, number>).keys()][0]).toBe('3')
  })
})

test('a nested list is taken as it is, with and without the axis of images', async () => {
  const classify = await fourPixels()
  const [one, same, two] = await classify(
    json(fourScores),
    json([fourScores]),
    json([fourScores, fourScores]),
  )
  expect([...(one as Map<string, number>).keys()]).toEqual(['1', '2', '3', '0'])
  expect(same).toEqual(one)
  expect(two).toEqual([one, one])
})

test('top_k is never more than there are classes', async () => {
  const [answer] = await (await fourPixels({ config: { top_k: 100 } }))(json(fourScores))
  expect(answer).toHaveProperty('size', 4)
})

test('probabilities are a softmax rounded to float32, or the scores where the graph has one', async () => {
  const [answer] = await (await fourPixels({ config: { image_classifier: { top_k: 1 } } }))(json(fourScores))
  const sum = [0.1, 0.4, 0.3, 0.2].reduce((total, score) => total + Math.exp(score), 0)
  expect([...(answer as Map<string, number>)]).toEqual([['1', Math.fround(Math.exp(Math.fround(0.4)) / sum)]])
  const [scores] = await (
    await fourPixels({ config: { image_classifier: { apply: 'none' } } })
  )(json(fourScores))
  expect((scores as Map<string, number>).get('1')).toBe(Math.fround(0.4))
})

test('labels come from the archive, a missing one is the index, and equal ones keep the best score', async () => {
  const files = { 'index_to_name.json': '{"0": "cat", "1": "10", "2": ["n1", "cat"]}' }
  const [answer] = await (
    await fourPixels({ files, config: { image_classifier: { apply: 'none' } } })
  )(json(fourScores))
  expect([...(answer as Map<string, number>).keys()]).toEqual(['10', 'cat', '3'])
  expect((answer as Map<string, number>).get('cat')).toBe(Math.fround(0.3))
})

describe('images of every kind reach a colour classifier', async () => {
  const classify = load({ session: resnet })
  const picture = await photo(120, 90).png().toBuffer()
  const [reference] = await classify(request(picture))
  test.each<[string, Buffer]>([
    ['RGBA', await sharp(picture).ensureAlpha(0.3).png().toBuffer()],
    ['16-bit PNG', await sharp(picture).toColourspace('rgb16').png().toBuffer()],
    ['lossless WebP', await sharp(picture).webp({ lossless: true }).toBuffer()],
    ['TIFF', await sharp(picture).tiff({ compression: 'lzw' }).toBuffer()],
    ['turned by EXIF', await sharp(picture).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer()],
  ])('%s gives the answer of the PNG', async (_, bytes) => {
    const [answer] = await classify(request(bytes))
    for (const [label, probability] of reference as Map<string, number>) {
      expect((answer as Map<string, number>).get(label)).toBeCloseTo(probability, 2)
    }
  })

  test.each<[string, Buffer]>([
    ['grey', await sharp(picture).toColourspace('b-w').png().toBuffer()],
    ['palette', await sharp(picture).png({ palette: true }).toBuffer()],
    ['CMYK JPEG', await sharp(picture).toColourspace('cmyk').jpeg().toBuffer()],
    ['GIF', await sharp(picture).gif().toBuffer()],
    ['JPEG', await sharp(picture).jpeg().toBuffer()],
    ['one pixel', await photo(1, 1).png().toBuffer()],
  ])('%s is answered', async (_, bytes) => {
    const [answer] = await classify(request(bytes))
    expect(answer).toHaveProperty('size', 5)
  })
})

test.each<[string, Input, string]>([
  [
    'text that is no image',
    request('hello world', 'image/png'),
    'Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF image',
  ],
  ['a truncated image', request(digit('digit_1_a.png').subarray(0, 90)), 'Expected a JPEG, PNG'],
  ['an empty body', request(''), 'Expected an image, got nothing'],
  [
    'text that is no base64',
    json('hello world!'),
    'Expected base64, got a text of 12 characters that begins "hello world!"',
  ],
  [
    'JSON that is cut off',
    request('{"data": "aGVs', 'application/json; charset=utf-8'),
    'The body is not JSON: Unterminated string',
  ],
  ['JSON that is none', request(' {data: 1}', 'application/json'), 'as base64 in JSON: {"data": "<base64>"}'],
  ['base64 of no image', json('aGVsbG8='), 'Expected a JPEG, PNG'],
  ['another object', json({ image: 'x' }), 'Expected an image as bytes, as base64 or as a nested list'],
  ['a number', json(7), 'or {"data": "<base64>"} or {"b64": "<base64>"}, got 7'],
  [
    'a list of another shape',
    json([[[1, 2]]]),
    'Input "image": expected float32 [batch, 1, 8, 8], got float32 [1, 1, 1, 2]',
  ],
  [
    'other form fields',
    { requestId: 'r', headers: {}, parameters: new Map([['file', new Uint8Array(1)]]), data: undefined },
    'Send the image as the body, or in a field "data" or "body"; got the fields "file"',
  ],
])('%s is refused with what was expected and what came', async (_, input, message) => {
  await expect(load({ session: digits })(input)).rejects.toMatchObject({
    name: 'InvalidInput',
    message: expect.stringContaining(message),
  })
})

test('a graph that is no image classifier is refused at load', async () => {
  const tabular = await openFixture('fraud/fraud.onnx')
  expect(() => load({ session: tabular })).toThrow(
    'its input is float32 [batch, 12], expected [batch, channels, height, width]',
  )
  const picture = await openTinyOnnx(identity('float32', ['n', 3, 8, 8]))
  expect(() => load({ session: picture })).toThrow(
    `A classifier's output is float32 [batch, classes], the graph's "y" is`,
  )
})

test('broken labels and options are refused at load', () => {
  expect(() => load({ session: digits, files: { 'index_to_name.json': '[' } })).toThrow(
    'index_to_name.json: it is not JSON',
  )
  expect(() => load({ session: digits, config: { image_classifier: { crop: 'x' } } })).toThrow(
    'image_classifier.crop',
  )
})
