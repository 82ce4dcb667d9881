import { decodeBase64 } from './base64.ts'
import { checkInputs, listNames } from './check-inputs.ts'
import { InvalidInput } from './handler.ts'
import type { Context, Input, InputValue, JsonValue } from './handler.ts'
import type { ImagePlan } from './image-options.ts'
import { decodeImage } from './image.ts'
import { jsonFrom, tensorsFromJson } from './json-tensors.ts'
import { showKind } from './nested-list.ts'
import { toPixelTensor } from './pixel-tensor.ts'
import type { Tensors } from './tensor.ts'

/**
 * A request's image as the graph's input: the bytes of an image file; base64 as text, as a JSON string or as the
 * member `data` or `b64` of a JSON object; or numbers as a nested list, which are taken as they are. Throws
 * InvalidInput.
 */
export async function readImage(input: Input, context: Context, plan: ImagePlan): Promise<Tensors> {
  const image = bytesOrNumbers(whole(imageValue(input), input))
  if (!(image instanceof Uint8Array)) {
    const { tensors } = tensorsFromJson(image, context.session.graph)
    checkInputs(context.session.graph, tensors)
    return tensors
  }
  const pixels = await decodeImage(image, { ...plan, limitPixels: context.limits.limitImagePixels })
  return { [plan.input.name]: toPixelTensor(pixels, plan.type, plan.layout, plan.tables) }
}

function imageValue(input: Input): InputValue {
  if (input.data !== undefined) return input.data
  const got = listNames([...input.parameters.keys()])
  throw new InvalidInput(`Send the image as the body, or in a field "data" or "body"; got the fields ${got}`)
}

/**
 * JSON that could not be parsed comes as bytes, of which a decoder of images would only say that they are none. Images
 * come with a wrong content type, too: what does not begin like JSON is one.
 */
function whole(value: InputValue, { headers, data }: Input): InputValue {
  const isBody = value === data && value instanceof Uint8Array
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '')
  if (!isBody || !isJson || !/^\s*[[{"]/.test(Buffer.from(value.subarray(0, START)).toString('latin1')))
    return value
  return jsonFrom(value, 'The body', HOW_TO_SEND)
}

const START = 32
const HOW_TO_SEND =
  'Send an image as bytes with its own Content-Type, or as base64 in JSON: {"data": "<base64>"}'

function bytesOrNumbers(value: InputValue): Uint8Array | JsonValue[] {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return decodeBase64(value)
  if (Array.isArray(value)) return value
  const wrapped = unwrap(value)
  if (typeof wrapped === 'string') return decodeBase64(wrapped)
  throw new InvalidInput(
    'Expected an image as bytes, as base64 or as a nested list of numbers, ' +
      `or {"data": "<base64>"} or {"b64": "<base64>"}, got ${showKind(value)}`,
  )
}

function unwrap(value: JsonValue): JsonValue | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const [key, ...others] = Object.keys(value)
  return others.length === 0 && (key === 'data' || key === 'b64') ? value[key] : undefined
}
