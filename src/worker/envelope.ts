/** TorchServe's service envelopes: one request's JSON as several inputs of the handler, and their answers as one JSON. */
import { InvalidInput, type Input, type InputValue, type JsonValue } from '../runtime/handler.ts'
import { decodeBase64 } from '../runtime/base64.ts'
import { decodeItem, decodeText, parseJson } from '../runtime/input.ts'
import { toJson } from '../runtime/json.ts'
import { compact, plain, type EnvelopeFacts, type JsonObject, type Opened } from './envelope-parts.ts'
import { openTensors } from './envelope-v2.ts'
import type { Envelope, Item, Verb } from './protocol.ts'

/** More than this in one request has to come in several. */
const MAX_INSTANCES = 10_000

/** Throws InvalidInput for an envelope that holds not what it should. A body that is no JSON object is no envelope. */
export function openItem(item: Item, facts: EnvelopeFacts): Opened {
  const input = decodeItem(item, facts.isDecoded)
  const json = item.envelope === undefined ? undefined : objectOf(input.data)
  if (item.envelope === undefined || json === undefined) {
    return { inputs: [input], close: ([value]) => value }
  }
  if (item.envelope === 'kservev2') return openTensors(input, json, facts)
  return openInstances(input, json, { envelope: item.envelope, verb: facts.verb })
}

function objectOf(value: InputValue | undefined): JsonObject | undefined {
  const isText = value instanceof Uint8Array || typeof value === 'string'
  const parsed = isText ? parsedOrNothing(value) : value
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
  return parsed instanceof Uint8Array ? undefined : parsed
}

/** What did not say that it is JSON. */
function parsedOrNothing(text: Uint8Array | string): JsonValue | undefined {
  try {
    return parseJson(typeof text === 'string' ? text : decodeText(text))
  } catch {
    return undefined
  }
}

function openInstances(
  input: Input,
  { instances }: JsonObject,
  { envelope, verb }: { envelope: Envelope; verb: Verb },
): Opened {
  if (!Array.isArray(instances)) {
    throw new InvalidInput('Expected "instances" to be a list: {"instances": [...]}')
  }
  if (instances.length > MAX_INSTANCES) {
    throw new InvalidInput(`Expected at most ${MAX_INSTANCES} instances, got ${instances.length}`)
  }
  const key = verb === 'explain' ? 'explanations' : 'predictions'
  return {
    inputs: instances.map(instance => toInput(input, instance)),
    close: values => {
      const answer = { [key]: values.map(plain) }
      return envelope === 'json' ? compact(toJson(answer)) : answer
    },
  }
}

/** Members of an object are parameters, as the fields of a form are; `{"b64": ...}` stands for bytes. */
function toInput({ requestId, headers }: Input, instance: JsonValue): Input {
  const columns =
    typeof instance === 'object' && instance !== null && !Array.isArray(instance) && !isBytes(instance)
      ? Object.entries(instance)
      : [['body', instance] as const]
  const parameters = new Map<string, InputValue>(columns.map(([name, value]) => [name, decodeBytes(value)]))
  const [only] = parameters.values()
  const own = parameters.get('data') ?? parameters.get('body')
  const data = own ?? (parameters.size === 1 && only instanceof Uint8Array ? only : instance)
  return { requestId, headers, parameters, data }
}

function isBytes(value: JsonValue): value is { b64: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return typeof value['b64'] === 'string' && Object.keys(value).length === 1
}

function decodeBytes(value: JsonValue): InputValue {
  if (!isBytes(value)) return value
  return value.b64 === '' ? new Uint8Array(0) : decodeBase64(value.b64)
}
