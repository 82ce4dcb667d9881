import type { Dtype } from './dtypes.ts'
import type { Scope } from './scope.ts'
import type { StoredTensor } from './stored-tensor.ts'
import type { Int } from './sym.ts'

/** One element of a tensor that is known while importing. Whole numbers may be symbolic. */
export type Element = Int | number | boolean

export type Content =
  /** The output of a node or an input, visible in `scope` and below it. */
  | { readonly kind: 'value'; readonly name: string; readonly scope: Scope }
  /** Elements in row order: constants of the program and what is computed from sizes. */
  | { readonly kind: 'known'; readonly elements: readonly Element[] }
  /** A parameter or buffer. */
  | { readonly kind: 'stored'; readonly tensor: StoredTensor; readonly path: string }
  /** Only its type and shape are known; to use its elements is refused. */
  | { readonly kind: 'unreadable'; readonly why: string }

/** A tensor value: never changes. `shape` has one size per axis. */
export class Ref {
  readonly dtype: Dtype
  readonly shape: readonly Int[]
  readonly content: Content
  /** A number that a trace wrote as a tensor: it promotes like a number. */
  readonly wrapped: boolean

  constructor(dtype: Dtype, shape: readonly Int[], content: Content, wrapped = false) {
    this.dtype = dtype
    this.shape = shape
    this.content = content
    this.wrapped = wrapped
  }

  get rank(): number {
    return this.shape.length
  }

  /** The elements, if they are known while importing. */
  get known(): readonly Element[] | undefined {
    return this.content.kind === 'known' ? this.content.elements : undefined
  }

  /** The one element of a known tensor without dimensions. */
  get scalar(): Element | undefined {
    return this.rank === 0 ? this.known?.[0] : undefined
  }
}
