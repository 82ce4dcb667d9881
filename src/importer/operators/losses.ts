import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { cast, elementwise, reduce, sizeAt, squeeze, unsqueeze } from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { softplus, logSigmoid } from './activations.ts'
import { promoted } from './arithmetic.ts'
import { add, div, mul, number, sub, unary, where } from './pointwise.ts'

const times = (c: Context, x: Ref, y: Ref): Ref => elementwise(c, 'Mul', [x, y])

/** 0 keeps every element, 1 takes the mean, 2 the sum. */
function reduced(c: Context, a: Arguments, ref: Ref): Ref {
  const kind = a.number('reduction')
  if (kind === 0) return ref
  if (kind !== 1 && kind !== 2) return refuse('its reduction is not known')
  return reduce(c, kind === 1 ? 'ReduceMean' : 'ReduceSum', ref, { axes: undefined, keep: false })
}

const loss =
  (work: (c: Context, a: Arguments, x: Ref, y: Ref) => Ref): Operator =>
  (c, a) => {
    const [x, y] = promoted(c, a, ['self', 'target'])
    return reduced(c, a, work(c, a, x, y))
  }

const distance = (c: Context, x: Ref, y: Ref): Ref => unary(c, 'Abs', elementwise(c, 'Sub', [x, y]))

function smoothL1(c: Context, a: Arguments, x: Ref, y: Ref): Ref {
  const beta = a.float('beta')
  const gap = distance(c, x, y)
  if (beta === 0) return gap
  const near = elementwise(c, 'Less', [gap, number(c, gap, beta)], dtype.bool)
  return where(c, near, mul(c, times(c, gap, gap), 0.5 / beta), sub(c, gap, 0.5 * beta))
}

function huber(c: Context, a: Arguments, x: Ref, y: Ref): Ref {
  const delta = a.float('delta')
  const gap = distance(c, x, y)
  const near = elementwise(c, 'LessOrEqual', [gap, number(c, gap, delta)], dtype.bool)
  return where(c, near, mul(c, times(c, gap, gap), 0.5), mul(c, sub(c, gap, 0.5 * delta), delta))
}

function divergence(c: Context, a: Arguments, x: Ref, y: Ref): Ref {
  if (a.bool('log_target')) return times(c, unary(c, 'Exp', y), elementwise(c, 'Sub', [y, x]))
  const zero = elementwise(c, 'Equal', [y, number(c, y, 0)], dtype.bool)
  const entropy = where(c, zero, number(c, y, 0), times(c, y, unary(c, 'Log', y)))
  return elementwise(c, 'Sub', [entropy, times(c, y, x)])
}

function weighted(c: Context, a: Arguments, ref: Ref): Ref {
  const weight = a.optionalRef('weight')
  return weight === undefined ? ref : times(c, ref, weight)
}

/** The logarithms end at -100, as in PyTorch. */
function crossEntropyOfTruth(c: Context, a: Arguments, x: Ref, y: Ref): Ref {
  const log = (ref: Ref) => elementwise(c, 'Max', [unary(c, 'Log', ref), number(c, ref, -100)])
  const rest = (ref: Ref) => sub(c, number(c, ref, 1), ref)
  const total = elementwise(c, 'Add', [times(c, y, log(x)), times(c, rest(y), log(rest(x)))])
  return weighted(c, a, unary(c, 'Neg', total))
}

function crossEntropyOfLogits(c: Context, a: Arguments, x: Ref, y: Ref): Ref {
  const positive = a.optionalRef('pos_weight')
  const log = logSigmoid(c, x)
  const base = times(c, sub(c, number(c, y, 1), y), x)
  if (positive === undefined) return weighted(c, a, elementwise(c, 'Sub', [base, log]))
  const factor = add(c, times(c, y, add(c, positive, -1)), 1)
  return weighted(c, a, elementwise(c, 'Sub', [base, times(c, factor, log)]))
}

/** Minus the value at each target along the classes. */
function negativeLogLikelihood(c: Context, a: Arguments, scores: Ref): Ref {
  const target = a.ref('target')
  if (a.optionalRef('weight') !== undefined) return refuse('weights of classes are not supported')
  const axis = scores.rank === 1 ? 0 : 1
  const places = unsqueeze(c, cast(c, target, dtype.int64), [axis])
  const ignored = elementwise(
    c,
    'Equal',
    [places, c.g.scalar(dtype.int64, BigInt(a.number('ignore_index')))],
    dtype.bool,
  )
  const safe = where(c, ignored, c.g.scalar(dtype.int64, 0n), places)
  const picked = c.op(
    'GatherElements',
    [scores, safe],
    { dtype: scores.dtype, shape: places.shape },
    { axis: { int: axis } },
  )
  const zero = number(c, scores, 0)
  const each = squeeze(c, where(c, ignored, zero, unary(c, 'Neg', picked)), [axis])
  const kind = a.number('reduction')
  if (kind === 0) return each
  const total = reduce(c, 'ReduceSum', each, { axes: undefined, keep: false })
  const counted = reduce(c, 'ReduceSum', where(c, ignored, zero, number(c, scores, 1)), {
    axes: undefined,
    keep: false,
  })
  return kind === 1 ? elementwise(c, 'Div', [total, counted]) : total
}

function crossEntropy(c: Context, a: Arguments): Ref {
  const x = a.ref('self')
  const axis = x.rank === 1 ? 0 : 1
  const scores = c.op('LogSoftmax', [x], { dtype: x.dtype, shape: x.shape }, { axis: { int: axis } })
  const target = a.ref('target')
  if (a.float('label_smoothing') !== 0) return refuse('label smoothing is not supported')
  if (target.dtype === dtype.int64) return negativeLogLikelihood(c, a, scores)
  a.ignore('ignore_index')
  const each = reduce(c, 'ReduceSum', times(c, scores, target), { axes: [axis], keep: false })
  const kind = a.number('reduction')
  const total = unary(
    c,
    'Neg',
    kind === 0 ? each : reduce(c, 'ReduceSum', each, { axes: undefined, keep: false }),
  )
  if (kind !== 1) return total
  const rows = sizeAt(x, 0)
  return typeof rows === 'bigint'
    ? div(c, total, Number(rows))
    : elementwise(c, 'Div', [total, cast(c, c.g.scalar(dtype.int64, rows), x.dtype)])
}

/** Losses, as far as models compute them while they answer. */
export const losses: Operators = {
  mse_loss: loss((c, _, x, y) => times(c, elementwise(c, 'Sub', [x, y]), elementwise(c, 'Sub', [x, y]))),
  l1_loss: loss((c, _, x, y) => distance(c, x, y)),
  smooth_l1_loss: loss(smoothL1),
  huber_loss: loss(huber),
  kl_div: loss(divergence),
  binary_cross_entropy: loss(crossEntropyOfTruth),
  binary_cross_entropy_with_logits: loss(crossEntropyOfLogits),
  soft_margin_loss: loss((c, _, x, y) => softplus(c, unary(c, 'Neg', times(c, x, y)))),
  nll_loss: (c, a) => negativeLogLikelihood(c, a, a.ref('self')),
  nll_loss_nd: (c, a) => negativeLogLikelihood(c, a, a.ref('self')),
  cross_entropy_loss: crossEntropy,
}
