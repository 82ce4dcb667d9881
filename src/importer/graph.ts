import { Constants } from './constants.ts'
import { dtype, factsOf, type Dtype } from './dtypes.ts'
import { refuse } from './refusal.ts'
import { Ref, type Element } from './ref.ts'
import { Scope, type Attribute, type Attributes } from './scope.ts'
import { asInt, fromAtom, Sym, type Atom, type Int } from './sym.ts'

/** What a node's output is. */
export interface Kind {
  readonly dtype: Dtype
  readonly shape: readonly Int[]
}

const MAX_NODES = 400_000

/** The ONNX graph while it grows: names, constants, and symbolic sizes turned into nodes where they are needed. */
export class GraphBuilder {
  readonly top = new Scope()
  readonly constants = new Constants(wish => this.unique(wish))
  scope: Scope = this.top
  /** The module whose code runs: the first part of the names of nodes. */
  path = ''
  readonly #names = new Set<string>()
  readonly #counts = new Map<string, number>()
  #nodes = 0
  #atoms = 0

  /** A name that nothing else has, as near to the wish as can be. */
  unique(wish: string): string {
    if (!this.#names.has(wish)) {
      this.#names.add(wish)
      return wish
    }
    for (let count = this.#counts.get(wish) ?? 1; ; count++) {
      const name = `${wish}_${count}`
      if (this.#names.has(name)) continue
      this.#counts.set(wish, count + 1)
      this.#names.add(name)
      return name
    }
  }

  /** One node with one output. */
  op(type: string, inputs: readonly (Ref | undefined)[], kind: Kind, attributes: Attributes = {}): Ref {
    const [output] = this.ops(type, inputs, [kind], attributes)
    return output ?? refuse(`a ${type} without an output`)
  }

  /** One node with one output per kind. */
  ops(
    type: string,
    inputs: readonly (Ref | undefined)[],
    kinds: readonly Kind[],
    attributes: Attributes = {},
  ): Ref[] {
    const names = inputs.map(input => (input === undefined ? '' : this.nameOf(input)))
    const outputs = this.node(type, names, kinds.length, attributes)
    return kinds.map(({ dtype: type_, shape }, index) =>
      this.value(outputs[index] ?? '', { dtype: type_, shape }),
    )
  }

  value(name: string, kind: Kind): Ref {
    return new Ref(kind.dtype, kind.shape, { kind: 'value', name, scope: this.scope })
  }

  /** Adds a node, or finds the one that computes the same already. Gives the names of its outputs. */
  node(
    type: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Attributes = {},
  ): readonly string[] {
    while (inputs.length > 0 && inputs.at(-1) === '') inputs = inputs.slice(0, -1)
    const key = `${type}(${inputs.join()})${outputCount}${describe(attributes)}`
    const known = key.includes('#graph') ? undefined : this.scope.find(key)
    if (known !== undefined) return known
    if (++this.#nodes > MAX_NODES) refuse(`the graph gets more than ${MAX_NODES} nodes`)
    const name = this.unique(this.path === '' ? type : `${this.path}/${type}`)
    const outputs = Array.from({ length: outputCount }, (_, index) => this.unique(`${name}:${index}`))
    this.scope.nodes.push({ type, name, inputs, outputs, attributes })
    this.scope.computed.set(key, outputs)
    return outputs
  }

  /** A tensor of known numbers. */
  known(type: Dtype, shape: readonly number[], elements: readonly Element[]): Ref {
    return new Ref(type, shape.map(BigInt), { kind: 'known', elements })
  }

  ints(values: readonly (Int | number)[]): Ref {
    const elements = values.map(value => (typeof value === 'number' ? BigInt(value) : value))
    return this.known(dtype.int64, [values.length], elements)
  }

  scalar(type: Dtype, value: Element): Ref {
    return this.known(type, [], [value])
  }

  bytes(type: Dtype, shape: readonly number[], content: Buffer): Ref {
    const name = this.constants.fromBytes(type, shape, content)
    return new Ref(type, shape.map(BigInt), { kind: 'value', name, scope: this.top })
  }

  /** The name under which nodes of the current scope can use the tensor. */
  nameOf(ref: Ref): string {
    const { content } = ref
    if (content.kind === 'value') {
      if (!this.scope.sees(content.scope))
        refuse('a value that is made within a loop or a branch is used outside of it')
      return content.name
    }
    if (content.kind === 'unreadable') refuse(content.why)
    if (content.kind === 'stored') {
      if (content.tensor.quantised !== undefined) refuse('a quantised tensor is used like a plain one')
      return this.constants.fromStored(content.tensor, content.path)
    }
    const { elements } = content
    if (!elements.some(element => element instanceof Sym))
      return this.constants.fromElements(ref.dtype, ref.shape.map(Number), elements)
    return this.#symbolic(ref, elements)
  }

  #symbolic(ref: Ref, elements: readonly Element[]): string {
    const parts = elements.map(element => this.#sizeName(element))
    let [name = ''] = parts.length === 1 ? parts : this.node('Concat', parts, 1, { axis: { int: 0 } })
    if (ref.rank !== 1) [name = ''] = this.node('Reshape', [name, this.nameOf(this.ints(ref.shape))], 1)
    if (ref.dtype !== dtype.int64)
      [name = ''] = this.node('Cast', [name], 1, { to: { int: factsOf(ref.dtype).onnx } })
    return name
  }

  #sizeName(element: Element): string {
    if (element instanceof Sym) return this.#polynomial(element)
    if (typeof element !== 'bigint') refuse('sizes are mixed with numbers that are not whole')
    return this.nameOf(this.ints([element]))
  }

  /** The name of an int64 vector of one element. */
  #polynomial(value: Sym): string {
    const terms = [...value.terms].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const names = terms.map(([, { factor, atoms }]) => {
      const factors = atoms.map(atom => this.#atom(atom))
      if (factor !== 1n || atoms.length === 0) factors.push(this.nameOf(this.ints([factor])))
      return factors.reduce((a, b) => this.node('Mul', [a, b], 1)[0] ?? '')
    })
    return names.reduce((a, b) => this.node('Add', [a, b], 1)[0] ?? '')
  }

  #atom(atom: Atom): string {
    const { source } = atom
    if (source.kind === 'derived') return this.#derived(source.op, asInt(source.left), asInt(source.right))
    if (!(source.ref instanceof Ref)) refuse(`the size ${atom.key} has no source`)
    const name = this.nameOf(source.ref)
    if (source.axis === undefined)
      return this.node('Reshape', [this.#asInt64(name, source.ref), this.nameOf(this.ints([1]))], 1)[0] ?? ''
    const attributes = { start: { int: source.axis }, end: { int: source.axis + 1 } }
    return this.node('Shape', [name], 1, attributes)[0] ?? ''
  }

  #asInt64(name: string, ref: Ref): string {
    if (ref.dtype === dtype.int64) return name
    return this.node('Cast', [name], 1, { to: { int: factsOf(dtype.int64).onnx } })[0] ?? ''
  }

  #derived(op: 'div' | 'mod' | 'min' | 'max', left: Int, right: Int): string {
    const [a, b] = [this.#sizeName(left), this.#sizeName(right)]
    if (op === 'min' || op === 'max') return this.node(op === 'min' ? 'Min' : 'Max', [a, b], 1)[0] ?? ''
    const [rest = ''] = this.node('Mod', [a, b], 1)
    if (op === 'mod') return rest
    // ONNX divides towards zero: taking the remainder away first makes the division exact, that is, rounded down.
    const [whole = ''] = this.node('Sub', [a, rest], 1)
    return this.node('Div', [whole, b], 1)[0] ?? ''
  }

  /** A new symbol for the size of an axis of a value. */
  sizeOf(ref: Ref, axis: number, min = 0n): Sym {
    const key = `size${++this.#atoms}`
    return fromAtom({ key, min, max: undefined, source: { kind: 'value', ref, axis } })
  }

  /** A whole number that is an element of the running model's data. */
  dataInt(ref: Ref): Int {
    const known = ref.scalar
    if (typeof known === 'bigint' || known instanceof Sym) return known
    const key = ref.content.kind === 'value' ? `int(${ref.content.name})` : `int${++this.#atoms}`
    return fromAtom({
      key,
      min: -(2n ** 62n),
      max: undefined,
      source: { kind: 'value', ref, axis: undefined },
    })
  }
}

function describe(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, attribute]) => ` ${name}=${describeOne(attribute)}`)
    .join('')
}

function describeOne(attribute: Attribute): string {
  if ('graph' in attribute) return '#graph'
  return Object.values(attribute).map(String).join()
}
