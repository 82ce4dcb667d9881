import type { Context } from './context.ts'
import { factsOf } from './dtypes.ts'
import { agreed, cast, showShape } from './emit.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import type { Tensor } from './tensor.ts'

/** Replaces the elements of a tensor, which keeps its type and shape. */
export function writeInto(c: Context, target: Tensor, ref: Ref): void {
  const { dtype, shape } = target.ref
  if (factsOf(ref.dtype).category > factsOf(dtype).category)
    refuse(
      `a result of type ${factsOf(ref.dtype).name} is written to a tensor of type ${factsOf(dtype).name}`,
    )
  const fits =
    shape.length === ref.rank &&
    shape.every((size, axis) => agreed(size, ref.shape[axis] ?? -1n) !== undefined)
  if (!fits)
    refuse(`a result of shape ${showShape(ref.shape)} is written to a tensor of shape ${showShape(shape)}`)
  const typed = cast(c, ref, dtype)
  target.write(new Ref(dtype, shape, typed.content))
}
