import { schemaLines } from './schemas/all.ts'
import { List, Opaque, Scalar, Tuple, isInt, type Value } from './values.ts'
import { Tensor } from './tensor.ts'

/** One argument of an operator's schema. `fallback` is undefined where the argument is required. */
export interface SchemaArgument {
  readonly name: string
  readonly type: string
  readonly fallback: Value | undefined
  readonly keywordOnly: boolean
}

/** An overload of an operator: `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */
export interface Schema {
  readonly name: string
  readonly overload: string
  readonly args: readonly SchemaArgument[]
}

const cache = new Map<string, readonly Schema[]>()

/** The overloads of `aten::add`, in PyTorch's own order; none for a name that is not in the table. */
export function schemasOf(name: string): readonly Schema[] {
  const known = cache.get(name)
  if (known !== undefined) return known
  const schemas = (schemaLines().get(name) ?? []).map(parseSchema)
  cache.set(name, schemas)
  return schemas
}

export function parseSchema(text: string): Schema {
  const open = text.indexOf('(')
  const [name = '', overload = ''] = text.slice(0, open).split('.')
  let keywordOnly = false
  const args: SchemaArgument[] = []
  for (const part of splitArguments(text.slice(open + 1, text.lastIndexOf(') ->')))) {
    if (part === '*') keywordOnly = true
    else if (part !== '') args.push(parseArgument(part, keywordOnly))
  }
  return { name, overload, args }
}

function splitArguments(text: string): string[] {
  const parts: string[] = []
  let [depth, start] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if ('([{'.includes(character)) depth++
    if (')]}'.includes(character)) depth--
    if (character !== ',' || depth > 0) continue
    parts.push(text.slice(start, at).trim())
    start = at + 1
  }
  parts.push(text.slice(start).trim())
  return parts
}

function parseArgument(text: string, keywordOnly: boolean): SchemaArgument {
  // Marks such as `(a!)` say what is shared or written; the evaluator knows that by itself.
  const plain = text.replace(/\([a-z]!?(?:\|[a-z])?(?: -> \*)?\)/g, '')
  const [declared = '', fallback] = plain.split(/=(.*)/s)
  const space = declared.lastIndexOf(' ')
  return {
    name: declared.slice(space + 1),
    type: declared.slice(0, space),
    fallback: parseDefault(fallback),
    keywordOnly,
  }
}

function parseDefault(text: string | undefined): Value | undefined {
  if (text === undefined) return undefined
  if (text === 'None') return null
  if (text === 'True' || text === 'False') return text === 'True'
  if (/^-?\d+$/.test(text)) return BigInt(text)
  if (/^["']/.test(text)) return text.slice(1, -1)
  if (!text.startsWith('[')) return Number(text)
  const inner = text.slice(1, -1)
  return new List(inner === '' ? [] : inner.split(',').map(part => parseDefault(part.trim()) ?? null))
}

/** Whether a value fits a schema's type; `loose` lets tensors and whole numbers stand for numbers, as TorchScript does. */
export function fits(type: string, value: Value, loose: boolean): boolean {
  if (type.endsWith('?')) return value === null || fits(type.slice(0, -1), value, loose)
  const list = /^(.*)\[(\d*)\]$/.exec(type)
  if (list !== null) return fitsList(list[1] ?? '', list[2] !== '', value, loose)
  const test = tests[type]
  if (test === undefined) return false
  return test(value) || (loose && loosely(type, value))
}

function fitsList(item: string, broadcasts: boolean, value: Value, loose: boolean): boolean {
  if (value instanceof List) {
    if (value.scanned !== undefined && item !== 'Tensor') return false
    return value.items.every(each => fits(item, each, loose))
  }
  if (value instanceof Tuple) return loose && value.items.every(each => fits(item, each, loose))
  return broadcasts && fits(item, value, loose)
}

const isNumber = (value: Value) =>
  typeof value === 'number' || typeof value === 'boolean' || isInt(value) || value instanceof Scalar

const tests: Readonly<Record<string, (value: Value) => boolean>> = {
  Tensor: value => value instanceof Tensor,
  Scalar: isNumber,
  number: isNumber,
  int: isInt,
  SymInt: isInt,
  float: value => typeof value === 'number' || (value instanceof Scalar && value.type === 'float'),
  bool: value => typeof value === 'boolean' || (value instanceof Scalar && value.type === 'bool'),
  str: value => typeof value === 'string',
  ScalarType: isInt,
  Layout: isInt,
  MemoryFormat: isInt,
  Device: value => value instanceof Opaque && value.what === 'device',
  Generator: () => false,
  t: () => true,
  Any: () => true,
  '__torch__.torch.classes.quantized.LinearPackedParamsBase': value => value instanceof Opaque,
}

function loosely(type: string, value: Value): boolean {
  if (['Scalar', 'number', 'int', 'SymInt', 'float', 'bool'].includes(type) && value instanceof Tensor)
    return true
  if (type === 'float') return isInt(value)
  return type === 'Device' && typeof value === 'string'
}
