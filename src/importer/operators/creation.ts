import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating, type Dtype } from '../dtypes.ts'
import { cast, elementwise, expand, operand, sizeAt, toRef, unsqueeze, type Operand } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import {
  addInts,
  exactQuotient,
  floorDivInts,
  lessThan,
  mulInts,
  product,
  subInts,
  type Int,
} from '../sym.ts'
import { isInt, Scalar, type Value } from '../values.ts'
import { writeInto } from '../write-into.ts'
import { typeArgument } from './queries.ts'

/** A tensor of one repeated value. */
export function filled(c: Context, shape: readonly Int[], value: Operand, type: Dtype): Ref {
  const single = toRef(c, value, type)
  if (shape.length === 0) return single
  const count = product(shape)
  const element = single.scalar
  if (typeof count === 'bigint' && count <= 64n && element !== undefined) {
    return c.g.known(
      type,
      shape.map(Number),
      Array.from({ length: Number(count) }, () => element),
    )
  }
  return expand(c, single, shape)
}

const fresh =
  (value: Operand, sizeName = 'size'): Operator =>
  (c, a) =>
    filled(c, a.ints(sizeName), value, typeArgument(a, dtype.float32))

const like =
  (value: Operand): Operator =>
  (c, a) => {
    const self = a.ref('self')
    return filled(c, self.shape, value, typeArgument(a, self.dtype))
  }

const news =
  (value: Operand): Operator =>
  (c, a) =>
    filled(c, a.ints('size'), value, typeArgument(a, a.ref('self').dtype))

function full(c: Context, a: Arguments): Ref {
  const value = operand(a.value('fill_value'), 'fill_value')
  if (c.version < 5 && a.value('dtype') === null && naturalType(value) !== dtype.float32)
    return refuse('full() of a whole number in an archive of an old PyTorch, where that meant something else')
  return filled(c, a.ints('size'), value, typeArgument(a, naturalType(value)))
}

function naturalType(value: Operand): Dtype {
  if (typeof value === 'boolean' || (value instanceof Scalar && value.type === 'bool')) return dtype.bool
  return isInt(value as Value) ? dtype.int64 : dtype.float32
}

function fullLike(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  return filled(c, self.shape, operand(a.value('fill_value'), 'fill_value'), typeArgument(a, self.dtype))
}

function newFull(c: Context, a: Arguments): Ref {
  return filled(
    c,
    a.ints('size'),
    operand(a.value('fill_value'), 'fill_value'),
    typeArgument(a, a.ref('self').dtype),
  )
}

function arange(c: Context, a: Arguments): Ref {
  const get = (name: string, fallback: Operand): Operand => {
    if (!a.has(name)) return fallback
    const value = a.value(name)
    return operand(
      typeof value === 'object' && value !== null && 'ref' in value && !(value instanceof Scalar)
        ? (value.ref.scalar ?? value)
        : value,
      name,
    )
  }
  const [start, end, step] = [get('start', 0n), get('end', 0n), get('step', 1n)]
  const whole = [start, end, step].every(each => isInt(each as Value))
  const type = typeArgument(a, whole ? dtype.int64 : dtype.float32)
  if (whole) return wholeRange(c, [start, end, step] as [Int, Int, Int], type)
  if (![start, end, step].every(each => typeof each === 'number' || typeof each === 'bigint'))
    return refuse('a range of fractions must be known while importing')
  const [from, to, by] = [Number(start), Number(end), Number(step)]
  const count = Math.ceil((to - from) / by)
  if (!(count >= 0 && count <= 1_000_000)) return refuse('a range is impossible or too long')
  return c.g.known(
    type,
    [count],
    Array.from({ length: count }, (_, index) => from + index * by),
  )
}

function wholeRange(c: Context, [start, end, step]: [Int, Int, Int], type: Dtype): Ref {
  const count = countOf(subInts(end, start), step)
  if (typeof count === 'bigint' && typeof start === 'bigint' && count <= 4096n) {
    const elements = Array.from({ length: Math.max(Number(count), 0) }, (_, index) =>
      addInts(start, mulInts(BigInt(index), step)),
    )
    return cast(c, c.g.known(dtype.int64, [elements.length], elements), type)
  }
  const inputs = [start, end, step].map(each => c.g.scalar(dtype.int64, each))
  return cast(c, c.op('Range', inputs, { dtype: dtype.int64, shape: [count] }), type)
}

function countOf(length: Int, step: Int): Int {
  const up = lessThan(0n, step)
  if (up === undefined || step === 0n) return refuse('a range has a step that is not known')
  // Steps of a row through all rows: as many as there are rows.
  const exact = exactQuotient(length, step)
  return exact ?? floorDivInts(addInts(length, up ? subInts(step, 1n) : addInts(step, 1n)), step)
}

/** PyTorch counts from both ends to the middle. */
function linspace(c: Context, a: Arguments): Ref {
  const [from, to, steps] = [a.float('start'), a.float('end'), a.number('steps')]
  if (steps > 1_000_000) return refuse('it has too many steps')
  const step = (to - from) / (steps - 1)
  const at = (index: number) => (index < steps / 2 ? from + step * index : to - step * (steps - index - 1))
  const values = Array.from({ length: steps }, (_, index) => (steps === 1 ? from : at(index)))
  const type = typeArgument(a, dtype.float32)
  return isFloating(type) ? c.g.known(type, [steps], values) : refuse('its type is no fraction')
}

function eye(c: Context, a: Arguments): Ref {
  const [rows, columns] = [a.number('n'), a.has('m') ? a.number('m') : a.number('n')]
  if (rows * columns > 10_000_000) return refuse('it is too large')
  const type = typeArgument(a, dtype.float32)
  const size = c.g.known(
    dtype.float32,
    [rows, columns],
    Array.from({ length: rows * columns }, (_, index) =>
      Math.floor(index / columns) === index % columns ? 1 : 0,
    ),
  )
  return cast(c, size, type)
}

/** 1 at and below (or above) a diagonal. */
const triangle =
  (upper: boolean): Operator =>
  (c, a) => {
    const self = a.ref('self')
    const mask = triangleMask(c, sizeAt(self, self.rank - 2), sizeAt(self, self.rank - 1), {
      diagonal: BigInt(a.number('diagonal')),
      upper,
    })
    const zero = toRef(c, 0n, self.dtype)
    if (self.dtype === dtype.bool) return elementwise(c, 'And', [self, mask], dtype.bool)
    return elementwise(c, 'Where', [mask, self, zero], self.dtype)
  }

export function triangleMask(
  c: Context,
  rows: Int,
  columns: Int,
  { diagonal, upper }: { diagonal: bigint; upper: boolean },
): Ref {
  const down = unsqueeze(c, wholeRange(c, [0n, rows, 1n], dtype.int64), [1])
  const right = unsqueeze(c, wholeRange(c, [0n, columns, 1n], dtype.int64), [0])
  const limit = elementwise(c, 'Add', [down, c.g.scalar(dtype.int64, diagonal)])
  return elementwise(c, upper ? 'GreaterOrEqual' : 'LessOrEqual', [right, limit], dtype.bool)
}

const fill =
  (get: (a: Arguments) => Operand): Operator =>
  (c, a) => {
    const self = a.tensor('self')
    const { shape, dtype: type } = self.ref
    writeInto(c, self, filled(c, shape, get(a), type))
    return self
  }

const fillWith = (a: Arguments): Operand => operand(a.value('value'), 'value')

function copy(c: Context, a: Arguments): Value {
  const [self, source] = [a.tensor('self'), a.ref('src')]
  writeInto(c, self, expand(c, cast(c, source, self.ref.dtype), self.ref.shape))
  return self
}

const random: Operator = () =>
  refuse('random numbers cannot be imported: the model would not answer the same twice')

/** Tensors made of nothing, and those that are filled in place. Memory that is only reserved is taken as zeros. */
export const creation: Operators = {
  zeros: fresh(0n),
  ones: fresh(1n),
  empty: fresh(0n),
  zeros_like: like(0n),
  ones_like: like(1n),
  empty_like: like(0n),
  new_zeros: news(0n),
  new_ones: news(1n),
  new_empty: news(0n),
  full,
  full_like: fullLike,
  new_full: newFull,
  arange,
  linspace,
  eye,
  tril: triangle(false),
  triu: triangle(true),
  fill_: fill(fillWith),
  fill: fullLikeValue,
  zero_: fill(() => 0n),
  copy_: copy,
  rand: random,
  randn: random,
  rand_like: random,
  randn_like: random,
  randint: random,
  randperm: random,
  bernoulli: random,
  bernoulli_: random,
  uniform_: random,
  normal_: random,
  multinomial: random,
}

function fullLikeValue(c: Context, a: Arguments): Ref {
  const self = a.ref('self')
  return filled(c, self.shape, operand(a.value('value'), 'value'), self.dtype)
}
