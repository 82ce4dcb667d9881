import type { Leaf, Parts } from './leaves.ts'
import type { Ref } from './ref.ts'
import type { Scope } from './scope.ts'
import type { Tensor } from './tensor.ts'
import type { List, Scalar } from './values.ts'

/** Something that goes from round to round: its value at the begin and the end of the body. */
export interface Carried {
  readonly key: string
  readonly begin: Ref
  readonly end: Ref
}

/** One try of the body. */
export interface Round {
  readonly scope: Scope
  readonly carried: readonly (Carried & { readonly start: Leaf })[]
  readonly tensors: readonly (Carried & { readonly tensor: Tensor })[]
  readonly scans: readonly { readonly list: List; readonly item: Ref; readonly sources: readonly Tensor[] }[]
  readonly again: boolean | Scalar
  /** The variables at the end of the body. */
  readonly after: ReadonlyMap<string, Parts | undefined>
  readonly written: ReadonlySet<Tensor>
  readonly changed: ReadonlySet<object>
  /** The tensors that stand for carried values. */
  readonly placeholders: ReadonlySet<Tensor>
}
