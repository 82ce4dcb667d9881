import { dtype, factsOf, type Dtype } from './dtypes.ts'
import { GraphBuilder, type Kind } from './graph.ts'
import type { InputSpec } from './inputs.ts'
import { Journal } from './journal.ts'
import type { Ref } from './ref.ts'
import type { Attributes } from './scope.ts'
import { Tensor } from './tensor.ts'
import { needsInt32 } from './wide-types.ts'

/** What an operator's mapping works with: the graph, and tensors as the program sees them. */
export class Context {
  /** The version of the archive: older ones mean other things by `div` and `full`. */
  readonly version: number
  readonly g = new GraphBuilder()
  readonly journal = new Journal<Tensor>()
  readonly warnings = new Set<string>()

  constructor(version: number) {
    this.version = version
  }
  /** What was guessed of inputs that nobody has described, by their numbers. */
  guessed: ReadonlyMap<number, Omit<InputSpec, 'name'>> = new Map()

  tensor(ref: Ref): Tensor {
    return new Tensor(ref, this.journal)
  }

  /** A view of `parent`: `write` gives the parent's new value when the view is written. */
  view(parent: Tensor, read: (parent: Ref) => Ref, write?: (parent: Ref, view: Ref) => Ref): Tensor {
    return new Tensor(read(parent.ref), this.journal, { parent, read, write })
  }

  /** A tensor that PyTorch makes a view of `other` or a copy, depending on how `other` lies in memory. */
  perhapsShared(other: Tensor, ref: Ref): Tensor {
    return this.tensor(ref).link(other)
  }

  op(type: string, inputs: readonly (Ref | undefined)[], kind: Kind, attributes: Attributes = {}): Ref {
    if (kind.dtype === dtype.float16 || kind.dtype === dtype.bfloat16)
      this.warn(
        'parts of the model are in half precision; ONNX Runtime may compute them in float32, which rounds less',
      )
    const narrow = inputs.find(input => input !== undefined && needsInt32(type, input.dtype))?.dtype
    return narrow === undefined
      ? this.g.op(type, inputs, kind, attributes)
      : this.#inInt32(type, inputs, { kind, narrow }, attributes)
  }

  /** ONNX Runtime has no kernel of this node for some small types: the result is the same, cut to the type's bits. */
  #inInt32(
    type: string,
    inputs: readonly (Ref | undefined)[],
    { kind, narrow }: { kind: Kind; narrow: Dtype },
    attributes: Attributes,
  ): Ref {
    const wide = inputs.map(input => (input?.dtype === narrow ? this.#cast(input, dtype.int32) : input))
    if (kind.dtype !== narrow) return this.g.op(type, wide, kind, attributes)
    return this.#cast(this.g.op(type, wide, { ...kind, dtype: dtype.int32 }, attributes), narrow)
  }

  #cast(ref: Ref, to: Dtype): Ref {
    return this.g.op('Cast', [ref], { dtype: to, shape: ref.shape }, { to: { int: factsOf(to).onnx } })
  }

  warn(text: string): void {
    this.warnings.add(text)
  }
}
