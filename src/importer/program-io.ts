import type { Context } from './context.ts'
import { numberTensor } from './conversions.ts'
import { dtype, dtypeNamed } from './dtypes.ts'
import { cast } from './emit.ts'
import type { InputSpec } from './inputs.ts'
import { isNumeric } from './numbers.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import { fromAtom, type Int, type Sym } from './sym.ts'
import { dotted, type Expression, type FunctionDef } from './syntax.ts'
import { Tensor } from './tensor.ts'
import { Dict, Instance, List, Scalar, Tuple, Uninitialised, type Value } from './values.ts'

/** What is said about the inputs: by the user, or else what was guessed so far, by number. */
export interface Described {
  readonly given: readonly InputSpec[] | undefined
  readonly guessed: ReadonlyMap<number, Omit<InputSpec, 'name'>>
}

/** Makes the graph's inputs and, of them, the arguments of `forward`. */
export class Arguments {
  readonly #c: Context
  readonly #described: Described
  readonly #symbols = new Map<string, Sym>()
  /** The names that `forward` itself gives, one per input so far. */
  readonly names: string[] = []

  constructor(c: Context, described: Described) {
    this.#c = c
    this.#described = described
  }

  /** Whether an input is described that no argument has taken yet. */
  get #more(): boolean {
    return this.names.length < (this.#described.given?.length ?? 0)
  }

  of(definition: FunctionDef): Value[] {
    const values: Value[] = []
    for (const { name, type, fallback } of definition.parameters.slice(1)) {
      if (fallback !== undefined && !(this.#more && holdsTensor(type))) break
      values.push(this.#value(type, name))
    }
    if (this.#more)
      refuse(
        `${this.#described.given?.length ?? 0} inputs are described, and forward takes ${this.names.length}: ${this.names.join(', ')}`,
      )
    return values
  }

  #value(type: Expression | undefined, name: string): Value {
    const kind = kindOf(type)
    const [inner, ...more] = type?.kind === 'index' ? type.index : []
    if (kind === 'Tensor') return this.#tensor(name)
    if (kind === 'Optional') return this.#more ? this.#value(inner, name) : null
    if (kind === 'Tuple')
      return new Tuple([inner, ...more].map((item, index) => this.#value(item, `${name}_${index}`)))
    if (kind === 'List' && kindOf(inner) === 'Tensor') return this.#list(name)
    return refuse(
      `the argument ${name} of forward has the type ${kind ?? '?'}; only tensors, and tuples and lists of them, can be inputs`,
    )
  }

  /** A list takes all inputs that are left. */
  #list(name: string): List {
    const items: Value[] = []
    while (this.#more) items.push(this.#tensor(`${name}_${items.length}`))
    return new List(items)
  }

  #tensor(name: string): Tensor {
    const index = this.names.push(name) - 1
    const { given, guessed } = this.#described
    const guess = guessed.get(index)
    const spec = given === undefined ? guess && { name, ...guess } : given[index]
    if (spec !== undefined) return this.#c.tensor(this.#input(spec))
    if (given !== undefined)
      refuse(
        `forward also takes ${name}, which is not described; ${given.length} of its inputs are: --input "${name}=float32[batch,...]"`,
      )
    const tensor = this.#c.tensor(this.#c.g.scalar(dtype.float32, 0))
    tensor.untold = index
    return tensor
  }

  #input({ name, dtype: typeName, shape }: InputSpec): Ref {
    const { g } = this.#c
    const type = dtypeNamed(typeName) ?? refuse(`the type ${typeName} is not known`)
    if (g.unique(name) !== name) refuse(`two inputs are named ${name}`)
    const sizes: Int[] = []
    const ref = new Ref(type, sizes, { kind: 'value', name, scope: g.top })
    shape.forEach((size, axis) =>
      sizes.push(typeof size === 'number' ? BigInt(size) : this.#symbol(size, ref, axis)),
    )
    g.top.inputs.push({ name, dtype: type, shape: sizes })
    return ref
  }

  #symbol(name: string, ref: Ref, axis: number): Sym {
    const known = this.#symbols.get(name)
    if (known !== undefined) return known
    const symbol = fromAtom({ key: name, min: 1n, max: undefined, source: { kind: 'value', ref, axis } })
    this.#symbols.set(name, symbol)
    return symbol
  }
}

/** `Optional` of `Optional[Tensor]`; what has no type is a tensor. */
function kindOf(type: Expression | undefined): string | undefined {
  if (type === undefined) return 'Tensor'
  return dotted(type.kind === 'index' ? type.base : type)
}

function holdsTensor(type: Expression | undefined): boolean {
  if (type === undefined) return true
  if (type.kind !== 'index') return dotted(type) === 'Tensor'
  return type.index.some(holdsTensor)
}

/** The tensors that a program returns, with names: fields, keys, or `output_0` and so on. */
export function outputsOf(c: Context, value: Value): [string, Ref][] {
  const found: [string, Ref][] = []
  collect(c, value, '', found)
  if (found.length === 0) refuse('forward returns no tensor')
  return found.length === 1 && found[0]?.[0] === ''
    ? [['output', found[0][1]]]
    : found.map(([name, ref]) => [name === '' ? 'output' : name, ref])
}

function collect(c: Context, value: Value, path: string, found: [string, Ref][]): void {
  if (value === null) return
  if (value instanceof Tensor) found.push([path, value.ref])
  else if (isNumeric(value)) found.push([path, numberOutput(c, value)])
  else for (const [name, item] of partsOf(value, path)) collect(c, item, name, found)
}

function partsOf(value: Value, path: string): [string, Value][] {
  if (value instanceof Tuple)
    return value.items.map((item, index) => [under(path, value.names?.[index], index), item])
  if (value instanceof List && value.scanned === undefined)
    return value.items.map((item, index) => [under(path, undefined, index), item])
  if (value instanceof Dict)
    return [...value.entries].map(([key, item]) => [under(path, String(key), 0), item])
  if (value instanceof Uninitialised) return refuse(value.why)
  return refuse(
    value instanceof Instance ? 'forward returns an object' : 'forward returns something that is no tensor',
  )
}

function under(path: string, name: string | undefined, index: number): string {
  if (name !== undefined) return path === '' ? name : `${path}_${name}`
  return path === '' ? `output_${index}` : `${path}_${index}`
}

function numberOutput(c: Context, value: Parameters<typeof numberTensor>[1]): Ref {
  const wide = value instanceof Scalar && value.type === 'float' ? value.ref : numberTensor(c, value)
  return typeof value === 'number' ? cast(c, c.g.scalar(dtype.float64, value), dtype.float64) : wide
}
