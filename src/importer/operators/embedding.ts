import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import { cast, elementwise, expand, reduce, sizeAt, sliceAxis, unsqueeze } from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import { subInts } from '../sym.ts'
import { Tuple, Uninitialised } from '../values.ts'
import { filled } from './creation.ts'
import { gather, toIndex } from './indexing.ts'
import { number, sub, where } from './pointwise.ts'

function embedding(c: Context, a: Arguments): Ref {
  // These say how to learn.
  a.ignore('padding_idx', 'scale_grad_by_freq', 'sparse')
  return gather(c, a.ref('weight'), toIndex(c, a.ref('indices')), 0)
}

/** The rows of a table that the indices name, and what becomes of them. */
interface Bags {
  /** [indices, features]. */
  readonly rows: Ref
  /** [indices, 1]: the bag of each row. */
  readonly bags: Ref
  /** [indices, 1]: whether it is a row of padding. */
  readonly padding: Ref | undefined
  /** [bags, features], of zeros. */
  readonly empty: Ref
}

function bagsOf(c: Context, a: Arguments): Bags {
  const [weight, indices] = [a.ref('weight'), toIndex(c, a.ref('indices'))]
  if (indices.rank !== 1) return refuse('its indices must have one dimension')
  const offsets = toIndex(c, a.ref('offsets'))
  const steps = [0n, sizeAt(indices, 0), 1n].map(each => c.g.scalar(dtype.int64, each))
  const places = c.op('Range', steps, { dtype: dtype.int64, shape: indices.shape })
  const begun = elementwise(c, 'LessOrEqual', [offsets, unsqueeze(c, places, [1])], dtype.bool)
  const bags = reduce(c, 'ReduceSum', cast(c, begun, dtype.int64), { axes: [1], keep: true })
  const skipped = a.has('padding_idx') ? a.optionalInt('padding_idx') : undefined
  const rows = gather(c, weight, indices, 0)
  return {
    rows,
    bags: sub(c, bags, 1),
    padding:
      skipped === undefined
        ? undefined
        : elementwise(c, 'Equal', [unsqueeze(c, indices, [1]), c.g.scalar(dtype.int64, skipped)], dtype.bool),
    empty: filled(c, [sizeAt(offsets, 0), sizeAt(rows, 1)], 0n, rows.dtype),
  }
}

/** What each bag makes of its rows. */
function gathered(c: Context, { bags, empty }: Bags, rows: Ref, reduction: 'add' | 'max'): Ref {
  const start = reduction === 'add' ? empty : expand(c, number(c, empty, -Infinity), empty.shape)
  return c.op(
    'ScatterND',
    [start, bags, rows],
    { dtype: rows.dtype, shape: empty.shape },
    { reduction: { string: reduction } },
  )
}

function without(c: Context, { padding }: Bags, rows: Ref, instead: number): Ref {
  return padding === undefined ? rows : where(c, padding, number(c, rows, instead), rows)
}

function largest(c: Context, all: Bags): Ref {
  const result = gathered(c, all, without(c, all, all.rows, -Infinity), 'max')
  const none = elementwise(c, 'Equal', [result, number(c, result, -Infinity)], dtype.bool)
  return where(c, none, number(c, result, 0), result)
}

function mean(c: Context, all: Bags, total: Ref): Ref {
  const ones = expand(c, number(c, all.rows, 1), all.rows.shape)
  const counts = gathered(c, all, without(c, all, ones, 0), 'add')
  return elementwise(c, 'Div', [total, elementwise(c, 'Max', [counts, number(c, counts, 1)])])
}

/** The last offset may be the end of the last bag: what follows it is in none. */
function withoutLast(c: Context, ref: Ref): Ref {
  const end = subInts(sizeAt(ref, 0), 1n)
  return sliceAxis(c, ref, 0, { start: 0n, end, size: end })
}

/** Sum, mean or largest of the rows of each bag. What else PyTorch gives is for learning. */
function embeddingBag(c: Context, a: Arguments): Tuple {
  a.ignore('scale_grad_by_freq', 'sparse')
  const [bags, mode, weights] = [bagsOf(c, a), a.number('mode'), a.optionalRef('per_sample_weights')]
  const rows =
    weights === undefined ? bags.rows : elementwise(c, 'Mul', [bags.rows, unsqueeze(c, weights, [1])])
  const total = () => gathered(c, bags, without(c, bags, rows, 0), 'add')
  const result = mode === 2 ? largest(c, bags) : mode === 1 ? mean(c, bags, total()) : total()
  const rest = new Uninitialised('only the first result of embedding_bag is supported')
  return new Tuple([
    c.tensor(a.bool('include_last_offset') ? withoutLast(c, result) : result),
    rest,
    rest,
    rest,
  ])
}

/** Rows of tables. */
export const embeddings: Operators = { embedding, embedding_bag: embeddingBag }
