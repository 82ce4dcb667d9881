import { nextId } from './ids.ts'
import type { PickledObject } from './pickle.ts'
import type { Ref } from './ref.ts'
import type { StoredTensor } from './stored-tensor.ts'
import { Sym, type Int } from './sym.ts'
import type { Tensor } from './tensor.ts'
import type { ClassDef, FunctionDef } from './syntax.ts'

/**
 * What a variable of the program holds while it is evaluated. Whole numbers are bigint or Sym, floats are number: the
 * two kinds of Python stay apart.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Sym
  | Scalar
  | Tensor
  | List
  | Tuple
  | Dict
  | Instance
  | Range
  | Opaque
  | Callable
  | Uninitialised

/** A float or truth value that is known only when the model runs: a tensor without dimensions. */
export class Scalar {
  readonly type: 'float' | 'bool'
  readonly ref: Ref
  constructor(type: 'float' | 'bool', ref: Ref) {
    this.type = type
    this.ref = ref
  }
}

/** A Python list: shared and changed in place. */
export class List {
  readonly id = nextId()
  items: Value[]
  /** Why its elements cannot be looked at: a Loop is appending to it. */
  locked: string | undefined
  /** Elements that a Loop appended, stacked along axis 0; they come after `items`. */
  scanned: Scan | undefined
  constructor(items: Value[]) {
    this.items = items
  }
}

/** What a Loop collected: `stacked` has one slice per round. */
export interface Scan {
  readonly stacked: Ref
}

export class Tuple {
  readonly items: readonly Value[]
  /** Field names of a NamedTuple. */
  readonly names: readonly string[] | undefined
  constructor(items: readonly Value[], names?: readonly string[]) {
    this.items = items
    this.names = names
  }
}

export type Key = string | bigint | number | boolean

/** A dictionary in the order of insertion. */
export class Dict {
  readonly id = nextId()
  entries: Map<Key, Value>
  constructor(entries: Map<Key, Value> = new Map()) {
    this.entries = entries
  }
}

/** A module or an object of a class of the program. `path` is its place in the model, such as `layer1.0.conv1`. */
export class Instance {
  readonly id = nextId()
  readonly type: ClassDef
  readonly path: string
  readonly attributes: Map<string, Value>
  /** Attributes read while they had the value that the archive gives. */
  readonly read = new Set<string>()
  /** Attributes that the program has set. */
  readonly written = new Set<string>()
  constructor(type: ClassDef, path: string, attributes: Map<string, Value>) {
    this.type = type
    this.path = path
    this.attributes = attributes
  }
}

/** Things that are only handed on: devices, packed weights, quantised tensors. */
export class Opaque {
  readonly what: 'device' | 'packed' | 'quantised' | 'batch sizes'
  readonly content: PickledObject | StoredTensor | string | undefined
  constructor(what: Opaque['what'], content?: Opaque['content']) {
    this.what = what
    this.content = content
  }
}

/** A function, a method with its object, a constructor, or the name of an operator. */
export class Callable {
  readonly target:
    | { readonly kind: 'function'; readonly definition: FunctionDef }
    | { readonly kind: 'method'; readonly self: Instance; readonly definition: FunctionDef }
    | { readonly kind: 'class'; readonly definition: ClassDef; readonly name: string }
    | { readonly kind: 'operator'; readonly name: string }
  constructor(target: Callable['target']) {
    this.target = target
  }
}

/** `range(start, stop, step)`. */
export class Range {
  readonly start: Int
  readonly stop: Int
  readonly step: bigint
  constructor(start: Int, stop: Int, step: bigint) {
    this.start = start
    this.stop = stop
    this.step = step
  }
}

/** Stands where nothing can be said: every path to it raises, or two branches disagree in kind. */
export class Uninitialised {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

export function isInt(value: Value | undefined): value is bigint | Sym {
  return typeof value === 'bigint' || value instanceof Sym
}
