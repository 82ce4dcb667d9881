import { itemOf, numberTensor, toWhole } from '../conversions.ts'
import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype, isFloating, toDtype, type Dtype } from '../dtypes.ts'
import { cast, concat, sizeAt, unsqueeze } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import { Ref, type Element } from '../ref.ts'
import { product } from '../sym.ts'
import { Tensor } from '../tensor.ts'
import { isInt, List, Opaque, type Value } from '../values.ts'

/** The type that `dtype=` names, or `fallback` where it is None. */
export function typeArgument(a: Arguments, fallback: Dtype): Dtype {
  const value = a.value('dtype')
  if (value === null) return fallback
  return isInt(value) && typeof value === 'bigint'
    ? toDtype(value)
    : refuse('its argument dtype is not known')
}

function size(_: Context, a: Arguments): Value {
  const ref = a.ref('self')
  return a.has('dim') ? sizeAt(ref, a.axis('dim', ref.rank)) : new List([...ref.shape])
}

/** `torch.tensor(data)`: numbers, or nested lists of them. */
function tensor(c: Context, a: Arguments): Ref {
  const value = a.value(a.has('data') ? 'data' : 't')
  const ref =
    value instanceof List ? nested(c, value) : value instanceof Tensor ? value.ref : numberTensor(c, value)
  return cast(c, ref, typeArgument(a, ref.dtype))
}

function nested(c: Context, list: List): Ref {
  const rows = list.items.map(item =>
    item instanceof List ? nested(c, item) : item instanceof Tensor ? item.ref : numberTensor(c, item),
  )
  const [first] = rows
  if (first === undefined) return c.g.known(dtype.float32, [0], [])
  const wide = rows.some(row => isFloating(row.dtype)) ? dtype.float32 : first.dtype
  const typed = rows.map(row => cast(c, row, wide))
  if (typed.some(row => row.rank !== first.rank))
    return refuse('a tensor is made of lists of different depth')
  const elements = typed.map(row => row.known)
  const shape = [BigInt(rows.length), ...first.shape]
  if (elements.every(each => each !== undefined)) {
    const flat: Element[] = elements.flat()
    if (BigInt(flat.length) !== product(shape)) refuse('a tensor is made of lists of different lengths')
    return new Ref(wide, shape, { kind: 'known', elements: flat })
  }
  return concat(
    c,
    typed.map(row => unsqueeze(c, row, [0])),
    0,
    BigInt(rows.length),
  )
}

function scalarTensor(c: Context, a: Arguments): Ref {
  const ref = numberTensor(c, a.value('s'))
  return cast(c, ref, typeArgument(a, dtype.float32))
}

function numToTensor(c: Context, a: Arguments): Ref {
  return numberTensor(c, a.value('a'))
}

function asTensor(c: Context, a: Arguments): Ref | Value {
  const value = a.value('data')
  if (!(value instanceof Tensor)) return tensor(c, a)
  const type = typeArgument(a, value.ref.dtype)
  return type === value.ref.dtype ? value : cast(c, value.ref, type)
}

const answer =
  (value: Value) =>
  (_: Context, a: Arguments): Value => {
    a.ignore(...a.schema.args.map(arg => arg.name))
    return value
  }

/** What the program asks about tensors, and what turns tensors into numbers and back. */
export const queries: Operators = {
  size,
  dim: (_, a) => BigInt(a.ref('self').rank),
  len: (_, a) =>
    a.ref('t').rank === 0 ? refuse('len() of a tensor without dimensions') : sizeAt(a.ref('t'), 0),
  numel: (_, a) => product(a.ref('self').shape),
  is_floating_point: (_, a) => isFloating(a.ref('self').dtype),
  is_complex: answer(false),
  'prim::dtype': (_, a) => BigInt(a.ref('a').dtype),
  'prim::layout': answer(0n),
  'prim::is_cuda': answer(false),
  'prim::is_cpu': answer(true),
  'prim::is_mps': answer(false),
  'prim::is_xpu': answer(false),
  'prim::is_quantized': answer(false),
  'prim::is_sparse': answer(false),
  'prim::is_mkldnn': answer(false),
  'prim::is_nested': answer(false),
  'prim::is_meta': answer(false),
  // Answering True keeps attention and encoder layers on their plain path instead of fused kernels.
  'prim::requires_grad': answer(true),
  'prim::NumToTensor': numToTensor,
  _shape_as_tensor: (c, a) => c.g.ints(a.ref('self').shape),
  tensor,
  scalar_tensor: scalarTensor,
  as_tensor: asTensor,
  item: (c, a) => itemOf(c, a.tensor('self')),
  _local_scalar_dense: (c, a) => itemOf(c, a.tensor('self')),
  IntImplicit: (c, a) => toWhole(c, a.tensor('a')),
  ScalarImplicit: (c, a) => itemOf(c, a.tensor('a')),
  FloatImplicit: (c, a) => itemOf(c, a.tensor('a')),
  'prim::device': () => new Opaque('device', 'cpu'),
  get_device: answer(-1n),
}
