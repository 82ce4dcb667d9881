import type { Dtype } from './dtypes.ts'
import type { Int } from './sym.ts'

export type Attribute =
  | { readonly int: number | bigint }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly graph: Scope }

export type Attributes = Readonly<Record<string, Attribute>>

export interface Node {
  readonly type: string
  readonly name: string
  /** An empty name is an input that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

/** A name with its type, as ONNX's graph inputs and outputs have. */
export interface Port {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly Int[] | undefined
}

/** One graph under construction: the model's own, or the body of an If or Loop, which also sees its parents' values. */
export class Scope {
  readonly parent: Scope | undefined
  readonly nodes: Node[] = []
  readonly inputs: Port[] = []
  readonly outputs: Port[] = []
  /** Values that were computed here already, by what they compute. */
  readonly computed = new Map<string, readonly string[]>()

  constructor(parent?: Scope) {
    this.parent = parent
  }

  /** Whether values of `other` can be used here. */
  sees(other: Scope): boolean {
    return this === other || (this.parent?.sees(other) ?? false)
  }

  /** Looks through this scope and its parents. */
  find(key: string): readonly string[] | undefined {
    return this.computed.get(key) ?? this.parent?.find(key)
  }
}
