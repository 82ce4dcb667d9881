import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import {
  cast,
  elementwise,
  reduce,
  reshape,
  sizeAt,
  staticSize,
  toRef,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { exactQuotient, type Int } from '../sym.ts'
import { Tuple, Uninitialised, type Value } from '../values.ts'
import { triangleMask } from './creation.ts'
import { linear, matmul } from './linear.ts'
import { number, unary, where } from './pointwise.ts'
import { tile } from './joining.ts'

function softmax(c: Context, ref: Ref): Ref {
  return c.op('Softmax', [ref], { dtype: ref.dtype, shape: ref.shape }, { axis: { int: ref.rank - 1 } })
}

const swapLast = (c: Context, ref: Ref): Ref => {
  const order = ref.shape.map((_, axis) => axis)
  return transpose(c, ref, [...order.slice(0, -2), ref.rank - 1, ref.rank - 2])
}

/** Adds a mask of numbers, or keeps where a mask of truth values is true. */
function masked(c: Context, scores: Ref, mask: Ref): Ref {
  if (mask.dtype !== dtype.bool) return elementwise(c, 'Add', [scores, cast(c, mask, scores.dtype)])
  return where(c, mask, scores, number(c, scores, -Infinity))
}

/** softmax(q k' * scale + mask) v. */
function scaledDotProduct(c: Context, a: Arguments): Ref {
  const [query, mask] = [a.ref('query'), a.optionalRef('attn_mask')]
  if (a.float('dropout_p') > 0) c.warn('an attention was saved with dropout; it is imported for evaluation')
  const grouped = a.has('enable_gqa') && a.bool('enable_gqa')
  const [key, value] = [a.ref('key'), a.ref('value')].map(ref =>
    grouped ? repeatHeads(c, ref, sizeAt(query, query.rank - 3)) : ref,
  )
  if (key === undefined || value === undefined) return refuse('an argument is missing')
  const width = staticSize(query, query.rank - 1)
  const scale = a.value('scale') === null ? 1 / Math.sqrt(width) : a.float('scale')
  // PyTorch scales both factors by the root: the products stay small.
  const root = toRef(c, Math.sqrt(scale), query.dtype)
  if (scale < 0) return refuse('its scale is negative')
  let scores = matmul(
    c,
    elementwise(c, 'Mul', [query, root]),
    elementwise(c, 'Mul', [swapLast(c, key), root]),
  )
  if (a.bool('is_causal')) {
    const causal = triangleMask(c, sizeAt(query, query.rank - 2), sizeAt(key, key.rank - 2), {
      diagonal: 0n,
      upper: false,
    })
    scores = masked(c, scores, causal)
  }
  if (mask !== undefined) scores = masked(c, scores, mask)
  return matmul(c, withoutEmpty(c, softmax(c, scores), mask), value)
}

/** A row that is masked altogether has no weights: PyTorch gives zeros there. */
function withoutEmpty(c: Context, weights: Ref, mask: Ref | undefined): Ref {
  if (mask === undefined || mask.dtype !== dtype.bool) return weights
  const missing = c.op('IsNaN', [weights], { dtype: dtype.bool, shape: weights.shape })
  return where(c, missing, number(c, weights, 0), weights)
}

function repeatHeads(c: Context, ref: Ref, heads: Int): Ref {
  const axis = ref.rank - 3
  const times = exactQuotient(heads, sizeAt(ref, axis)) ?? refuse('its heads do not divide')
  const wide = tile(c, unsqueeze(c, ref, [axis + 1]), [
    ...ref.shape.map((_, each) => (each === axis + 1 ? times : 1n)),
    1n,
  ])
  return reshape(
    c,
    wide,
    ref.shape.map((size, each) => (each === axis ? heads : size)),
  )
}

interface Heads {
  readonly count: number
  readonly inWeight: Ref
  readonly inBias: Ref
  readonly outWeight: Ref
  readonly outBias: Ref
}

/** Self-attention as in nn.MultiheadAttention, batch first. `mask` is true where a key is not to be seen. */
function selfAttention(
  c: Context,
  x: Ref,
  heads: Heads,
  mask: Ref | undefined,
): { output: Ref; weights: Ref } {
  const [batch, time, width] = [sizeAt(x, 0), sizeAt(x, 1), staticSize(x, 2)]
  const each = BigInt(width / heads.count)
  const all = reshape(c, linear(c, x, heads.inWeight, heads.inBias), [
    batch,
    time,
    3n,
    BigInt(heads.count),
    each,
  ])
  const parts = transpose(c, all, [2, 0, 3, 1, 4])
  const [q, k, v] = [0, 1, 2].map(at =>
    c.op(
      'Gather',
      [parts, c.g.scalar(dtype.int64, BigInt(at))],
      { dtype: x.dtype, shape: parts.shape.slice(1) },
      { axis: { int: 0 } },
    ),
  )
  if (q === undefined || k === undefined || v === undefined) return refuse('it has no result')
  const scaled = elementwise(c, 'Div', [q, number(c, q, Math.sqrt(Number(each)))])
  const scores = matmul(c, scaled, swapLast(c, k))
  const seen = mask === undefined ? scores : where(c, mask, number(c, scores, -Infinity), scores)
  const weights = softmax(c, seen)
  const merged = reshape(c, transpose(c, matmul(c, weights, v), [0, 2, 1, 3]), [batch, time, BigInt(width)])
  return { output: linear(c, merged, heads.outWeight, heads.outBias), weights }
}

function headsOf(a: Arguments, names: { count: string; prefix: string }): Heads {
  const p = names.prefix
  return {
    count: a.number(names.count),
    inWeight: a.ref('qkv_weight'),
    inBias: a.ref('qkv_bias'),
    outWeight: a.ref(`${p}proj_weight`),
    outBias: a.ref(`${p}proj_bias`),
  }
}

/** What tracing without gradients records of nn.MultiheadAttention. */
function nativeAttention(c: Context, a: Arguments): Value {
  const query = a.tensor('query')
  if (a.tensor('key') !== query || a.tensor('value') !== query)
    return refuse('it is supported for self-attention only')
  a.ignore('embed_dim')
  if (a.value('mask') !== null)
    return refuse('its mask is not supported; trace the model with gradients enabled')
  const { output, weights } = selfAttention(
    c,
    query.ref,
    headsOf(a, { count: 'num_head', prefix: '' }),
    undefined,
  )
  if (!a.bool('need_weights')) {
    a.ignore('average_attn_weights')
    return new Tuple([
      c.tensor(output),
      new Uninitialised('the weights of an attention that was asked for none'),
    ])
  }
  const shown = a.bool('average_attn_weights')
    ? reduce(c, 'ReduceMean', weights, { axes: [1], keep: false })
    : weights
  return new Tuple([c.tensor(output), c.tensor(shown)])
}

/** What tracing without gradients records of nn.TransformerEncoderLayer. */
function encoderLayer(c: Context, a: Arguments): Ref {
  const source = a.ref('src')
  a.ignore('embed_dim', 'mask_type')
  if (a.value('mask') !== null)
    return refuse('its mask is not supported; trace the model with gradients enabled')
  const eps = a.float('eps')
  const normalise = (ref: Ref, at: number) =>
    c.op(
      'LayerNormalization',
      [ref, a.ref(`norm_weight_${at}`), a.ref(`norm_bias_${at}`)],
      { dtype: ref.dtype, shape: ref.shape },
      { axis: { int: -1 }, epsilon: { float: eps } },
    )
  const feed = (ref: Ref) => {
    const inner = linear(c, ref, a.ref('ffn_weight_1'), a.ref('ffn_bias_1'))
    const active = a.bool('use_gelu') ? unary(c, 'Gelu', inner) : unary(c, 'Relu', inner)
    return linear(c, active, a.ref('ffn_weight_2'), a.ref('ffn_bias_2'))
  }
  const attend = (ref: Ref) =>
    selfAttention(c, ref, headsOf(a, { count: 'num_heads', prefix: '' }), undefined).output
  const plus = (x: Ref, y: Ref) => elementwise(c, 'Add', [x, y])
  if (!a.bool('norm_first')) {
    const first = normalise(plus(source, attend(source)), 1)
    return normalise(plus(first, feed(first)), 2)
  }
  const first = plus(source, attend(normalise(source, 1)))
  return plus(first, feed(normalise(first, 2)))
}

/** Attention. */
export const attention: Operators = {
  scaled_dot_product_attention: scaledDotProduct,
  _native_multi_head_attention: nativeAttention,
  _transformer_encoder_layer_fwd: encoderLayer,
}
