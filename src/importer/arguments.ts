import { refuse } from './refusal.ts'
import type { Ref } from './ref.ts'
import { fits, type Schema, type SchemaArgument } from './schema.ts'
import { show, Sym, type Int } from './sym.ts'
import { Tensor } from './tensor.ts'
import { isInt, List, Scalar, Tuple, type Value } from './values.ts'

/** What says where or how a tensor is stored, not what it holds. */
const WITHOUT_MEANING = new Set([
  'device',
  'layout',
  'pin_memory',
  'memory_format',
  'non_blocking',
  'requires_grad',
  'generator',
  'implicit',
])

export interface Call {
  readonly args: readonly Value[]
  readonly keywords: ReadonlyMap<string, Value>
}

/** The first overload that the values fit, with its arguments by name; undefined if none does. */
export function bind(schemas: readonly Schema[], call: Call): Arguments | undefined {
  for (const loose of [false, true])
    for (const schema of schemas) {
      const values = bindOne(schema, call, loose)
      if (values !== undefined) return new Arguments(schema, values)
    }
  return undefined
}

function bindOne(schema: Schema, call: Call, loose: boolean): Map<string, Value> | undefined {
  const values = new Map<string, Value>()
  let keywords = 0
  const positional = schema.args.filter(arg => !arg.keywordOnly)
  if (call.args.length > positional.length) return undefined
  for (const arg of schema.args) {
    const at = positional.indexOf(arg)
    // None is a value: only what is not there at all is undefined.
    const byPlace = at < 0 ? undefined : call.args[at]
    const given = byPlace === undefined ? call.keywords.get(arg.name) : byPlace
    if (byPlace === undefined && given !== undefined) keywords++
    if (!isBindable(arg, given, loose)) return undefined
    if (given !== undefined) values.set(arg.name, given)
  }
  return keywords === call.keywords.size ? values : undefined
}

function isBindable({ type, fallback }: SchemaArgument, given: Value | undefined, loose: boolean): boolean {
  return given === undefined ? fallback !== undefined : fits(type, given, loose)
}

/**
 * The arguments of one call by their names in the schema. It remembers which were looked at: one that was given a value
 * of its own and never looked at would be silently lost, and is refused.
 */
export class Arguments {
  readonly schema: Schema
  readonly #given: ReadonlyMap<string, Value>
  readonly #used = new Set<string>()

  constructor(schema: Schema, given: ReadonlyMap<string, Value>) {
    this.schema = schema
    this.#given = given
  }

  get overload(): string {
    return this.schema.overload
  }

  /** Whether this overload has such an argument. */
  has(name: string): boolean {
    return this.schema.args.some(arg => arg.name === name)
  }

  /** The value or its default; null for an argument that this overload does not have. */
  value(name: string): Value {
    this.#used.add(name)
    const given = this.#given.get(name)
    if (given !== undefined) return given
    return this.schema.args.find(arg => arg.name === name)?.fallback ?? null
  }

  /** Says that the argument makes no difference to the result. */
  ignore(...names: string[]): void {
    for (const name of names) this.#used.add(name)
  }

  /** Refuses if an argument was given, differs from its default, and was never looked at. */
  checkUsed(): void {
    for (const { name, fallback } of this.schema.args) {
      if (this.#used.has(name) || WITHOUT_MEANING.has(name)) continue
      const given = this.#given.get(name)
      if (given !== undefined && (fallback === undefined || !sameValue(given, fallback)))
        refuse(`its argument ${name} is not supported with the value ${describe(given)}`)
    }
  }

  tensor(name: string): Tensor {
    const value = this.value(name)
    return value instanceof Tensor ? value : refuse(`its argument ${name} is no tensor`)
  }

  ref(name: string): Ref {
    return this.tensor(name).ref
  }

  optionalRef(name: string): Ref | undefined {
    return this.value(name) === null ? undefined : this.ref(name)
  }

  refs(name: string): Ref[] {
    return this.tensors(name).map(tensor => tensor.ref)
  }

  tensors(name: string): Tensor[] {
    return this.list(name).map(item =>
      item instanceof Tensor ? item : refuse(`its argument ${name} holds no tensors`),
    )
  }

  list(name: string): readonly Value[] {
    const value = this.value(name)
    if (value instanceof Tuple) return value.items
    if (!(value instanceof List)) return refuse(`its argument ${name} is no list`)
    if (value.scanned !== undefined)
      refuse('a list that a loop collected is used in a way that is not supported')
    return value.items
  }

  int(name: string): Int {
    return toInt(this.value(name), name)
  }

  optionalInt(name: string): Int | undefined {
    return this.value(name) === null ? undefined : this.int(name)
  }

  /** A whole number that must be known while importing. */
  number(name: string): number {
    return staticNumber(this.int(name), name)
  }

  /** An axis, counted from the front. */
  axis(name: string, rank: number): number {
    return toAxis(this.number(name), rank)
  }

  /** Axes from the front; undefined where none are given. */
  axes(name: string, rank: number): number[] | undefined {
    const value = this.value(name)
    if (value === null) return undefined
    const axes = isInt(value) ? [staticNumber(value, name)] : this.numbers(name)
    return axes.length === 0 ? undefined : axes.map(axis => toAxis(axis, rank))
  }

  ints(name: string): Int[] {
    const value = this.value(name)
    return isInt(value) ? [value] : this.list(name).map(item => toInt(item, name))
  }

  numbers(name: string): number[] {
    return this.ints(name).map(item => staticNumber(item, name))
  }

  /** `count` numbers; one number stands for all. */
  many(name: string, count: number): number[] {
    const numbers = this.numbers(name)
    if (numbers.length !== 1 && numbers.length !== count)
      refuse(`its argument ${name} must have ${count} numbers`)
    return numbers.length === count ? numbers : Array.from({ length: count }, () => numbers[0] ?? 0)
  }

  float(name: string): number {
    const value = toPlain(this.value(name))
    if (typeof value === 'number') return value
    return typeof value === 'bigint'
      ? Number(value)
      : refuse(`its argument ${name} must be known while importing`)
  }

  optionalFloat(name: string): number | undefined {
    return this.value(name) === null ? undefined : this.float(name)
  }

  bool(name: string): boolean {
    const value = this.value(name)
    if (typeof value === 'boolean') return value
    return value === null ? false : refuse(`its argument ${name} must be known while importing`)
  }

  text(name: string): string {
    const value = this.value(name)
    return typeof value === 'string' ? value : refuse(`its argument ${name} is no text`)
  }
}

function toAxis(axis: number, rank: number): number {
  const wrapped = axis < 0 ? axis + Math.max(rank, 1) : axis
  if (wrapped < 0 || wrapped >= Math.max(rank, 1))
    refuse(`it names the dimension ${axis} of a tensor with ${rank}`)
  return wrapped
}

/** A number behind a known tensor without dimensions. */
export function toPlain(value: Value): Value {
  if (!(value instanceof Tensor)) return value
  const element = value.ref.scalar
  return element ?? value
}

export function toInt(value: Value, name: string): Int {
  const plain = toPlain(value)
  if (isInt(plain)) return plain
  if (typeof plain === 'boolean') return plain ? 1n : 0n
  return refuse(`its argument ${name} must be a whole number that is known while importing`)
}

export function staticNumber(value: Int, name: string): number {
  if (value instanceof Sym)
    return refuse(`its argument ${name} depends on the input's size ${show(value)}; give that size a number`)
  return Number(value)
}

function sameValue(a: Value, b: Value): boolean {
  if (a instanceof List && b instanceof List)
    return (
      a.items.length === b.items.length &&
      a.items.every((item, index) => sameValue(item, b.items[index] ?? null))
    )
  return a === b || (isInt(a) && typeof b === 'number' && Number(a) === b)
}

/** How a value is shown in a message. */
export function describe(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (isInt(value)) return show(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof List) return `[${value.items.slice(0, 8).map(describe).join(', ')}]`
  return value instanceof Tensor || value instanceof Scalar ? 'a tensor' : 'an object'
}
