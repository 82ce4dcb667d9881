import type { Context } from './context.ts'
import { dtype } from './dtypes.ts'
import { cast, reshape, toRef } from './emit.ts'
import { isNumeric } from './numbers.ts'
import { refuse } from './refusal.ts'
import type { Ref } from './ref.ts'
import { product, Sym } from './sym.ts'
import { Tensor } from './tensor.ts'
import { isInt, Scalar, Uninitialised, type Value } from './values.ts'

/** The tensor without dimensions behind a tensor of one element. */
export function oneElement(c: Context, ref: Ref): Ref {
  if (ref.rank === 0) return ref
  if (product(ref.shape) !== 1n) refuse('a tensor of several elements is used as one number')
  return reshape(c, ref, [])
}

/** `int(value)`: rounds towards zero. */
export function toWhole(c: Context, value: Value): bigint | Sym {
  if (isInt(value)) return value
  if (value instanceof Scalar) return c.g.dataInt(cast(c, value.ref, dtype.int64))
  if (value instanceof Tensor) return c.g.dataInt(cast(c, oneElement(c, value.ref), dtype.int64))
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'string' && /^\s*-?\d+\s*$/.test(value)) return BigInt(value.trim())
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value))
  return refuse('int() of something that is no finite number')
}

/** `float(value)`. */
export function toFloat(c: Context, value: Value): number | Scalar {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
  if (typeof value === 'string') return parseFloatText(value)
  if (value instanceof Sym) return new Scalar('float', toRef(c, value, dtype.float64))
  const ref =
    value instanceof Scalar ? value.ref : value instanceof Tensor ? oneElement(c, value.ref) : undefined
  if (ref === undefined) return refuse('float() of something that is no number')
  const wide = cast(c, ref, dtype.float64)
  const known = wide.scalar
  return typeof known === 'number' ? known : new Scalar('float', wide)
}

function parseFloatText(text: string): number {
  const special = new Map([
    ['inf', Infinity],
    ['-inf', -Infinity],
    ['nan', NaN],
  ]).get(text)
  if (special !== undefined) return special
  const value = Number(text)
  return text.trim() === '' || Number.isNaN(value) ? refuse('float() of a text that is no number') : value
}

/** `bool(value)`: what an `if` looks at. */
export function toTruth(c: Context, value: Value): boolean | Scalar {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0
  if (value instanceof Tensor) return truthOf(c, oneElement(c, value.ref))
  if (value instanceof Scalar) return truthOf(c, value.ref)
  if (value instanceof Sym) return truthOf(c, toRef(c, value, dtype.int64))
  if (value instanceof Uninitialised) return refuse(value.why)
  return refuse('a condition is neither a truth value nor a number')
}

function truthOf(c: Context, ref: Ref): boolean | Scalar {
  const truth = cast(c, ref, dtype.bool)
  const known = truth.scalar
  return typeof known === 'boolean' ? known : new Scalar('bool', truth)
}

/** `item()`: a Python number of the tensor's own kind. */
export function itemOf(c: Context, tensor: Tensor): Value {
  const ref = oneElement(c, tensor.ref)
  if (ref.dtype === dtype.bool) return toTruth(c, tensor)
  return isWhole(ref) ? toWhole(c, tensor) : toFloat(c, tensor)
}

function isWhole(ref: Ref): boolean {
  return ref.dtype <= dtype.int64
}

/** A number as a tensor without dimensions, of the type that `torch.tensor` would give it. */
export function numberTensor(c: Context, value: Value): Ref {
  if (value instanceof Scalar) return value.type === 'bool' ? value.ref : cast(c, value.ref, dtype.float32)
  if (!isNumeric(value)) return refuse('a tensor is made of something that is no number')
  if (typeof value === 'boolean') return c.g.scalar(dtype.bool, value)
  return typeof value === 'number' ? c.g.scalar(dtype.float32, value) : c.g.scalar(dtype.int64, value)
}
