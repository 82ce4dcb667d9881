import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import {
  cast,
  concat,
  elementwise,
  reshape,
  sizeAt,
  sliceAxis,
  staticSize,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operator, Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import type { Ref } from '../ref.ts'
import type { Attributes } from '../scope.ts'
import { addInts, floorDivInts, mulInts, type Int } from '../sym.ts'
import { Tensor } from '../tensor.ts'
import { Tuple } from '../values.ts'
import { linear } from './linear.ts'
import { packedData, packedSequence, packing } from './packed.ts'
import { number, sub, unary } from './pointwise.ts'

/** A recurrent network: its ONNX node, and where ONNX wants which gate. */
interface Kind {
  readonly node: string
  readonly gates: readonly number[]
  readonly attributes: Attributes
  readonly cell: boolean
}

const KINDS = {
  // PyTorch: input, forget, cell, output. ONNX: input, output, forget, cell.
  lstm: { node: 'LSTM', gates: [0, 3, 1, 2], attributes: {}, cell: true },
  // PyTorch: reset, update, new. ONNX: update, reset, new; the bias of the new gate is inside the reset.
  gru: { node: 'GRU', gates: [1, 0, 2], attributes: { linear_before_reset: { int: 1 } }, cell: false },
  rnn_tanh: { node: 'RNN', gates: [0], attributes: {}, cell: false },
  rnn_relu: { node: 'RNN', gates: [0], attributes: {}, cell: false },
} satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

export interface Network {
  readonly kind: KindName
  readonly weights: readonly Ref[]
  readonly hasBiases: boolean
  readonly layers: number
  readonly bidirectional: boolean
}

export interface Sequence {
  /** [time, batch, features]. */
  readonly input: Ref
  /** Initial states, [layers * directions, batch, hidden] each. */
  readonly states: readonly Ref[]
  /** int32 [batch]; all steps where undefined. */
  readonly lengths: Ref | undefined
}

/** Runs all layers; gives the output [time, batch, directions * hidden] and the last states. */
export function runLayers(
  c: Context,
  network: Network,
  { input, states, lengths }: Sequence,
): { output: Ref; states: Ref[] } {
  const { layers, bidirectional, hasBiases } = network
  const directions = bidirectional ? 2 : 1
  const each = hasBiases ? 4 : 2
  if (network.weights.length !== layers * directions * each)
    return refuse('it has projections (proj_size), or weights are missing')
  let output = input
  const last: Ref[][] = states.map(() => [])
  for (let layer = 0; layer < layers; layer++) {
    const first = layer * directions
    const initial = states.map(state =>
      sliceAxis(c, state, 0, {
        start: BigInt(first),
        end: BigInt(first + directions),
        size: BigInt(directions),
      }),
    )
    const weights = network.weights.slice(first * each, (first + directions) * each)
    const result = runLayer(c, network, weights, { input: output, states: initial, lengths })
    output = result.output
    result.states.forEach((state, index) => last[index]?.push(state))
  }
  const total = BigInt(layers * directions)
  return { output, states: last.map(each_ => concat(c, each_, 0, total)) }
}

function runLayer(c: Context, network: Network, weights: readonly Ref[], sequence: Sequence) {
  const { bidirectional, hasBiases } = network
  const kind: Kind = KINDS[network.kind]
  const directions = bidirectional ? 2 : 1
  const { input, states, lengths } = sequence
  const each = hasBiases ? 4 : 2
  const part = (index: number) =>
    stackDirections(
      c,
      kind,
      Array.from({ length: directions }, (_, at) => weights[at * each + index]),
    )
  const [w, r] = [part(0), part(1)]
  const hidden = sizeAt(r, 2)
  const bias = hasBiases ? concat(c, [part(2), part(3)], 1, mulInts(sizeAt(w, 1), 2n)) : undefined
  const [time, batch] = [sizeAt(input, 0), sizeAt(input, 1)]
  const stateKind = { dtype: input.dtype, shape: [BigInt(directions), batch, hidden] }
  const kinds = [
    { dtype: input.dtype, shape: [time, BigInt(directions), batch, hidden] },
    ...states.map(() => stateKind),
  ]
  const [all, ...last] = c.g.ops(kind.node, [input, w, r, bias, lengths, ...states], kinds, {
    ...kind.attributes,
    ...activationsOf(network.kind, directions),
    hidden_size: { int: hidden as bigint },
    direction: { string: bidirectional ? 'bidirectional' : 'forward' },
  })
  if (all === undefined) return refuse('it has no result')
  const merged = reshape(c, transpose(c, all, [0, 2, 1, 3]), [
    time,
    batch,
    mulInts(hidden, BigInt(directions)),
  ])
  return { output: merged, states: last }
}

function activationsOf(kind: KindName, directions: number): Attributes {
  if (kind !== 'rnn_relu') return {}
  // ONNX's attribute is a list of names, one per direction; RNN takes Tanh if none is given.
  return { activations: { strings: Array.from({ length: directions }, () => 'Relu') } }
}

/** One direction's gates in ONNX's order, and the directions on a new first axis. */
function stackDirections(c: Context, kind: Kind, parts: readonly (Ref | undefined)[]): Ref {
  const ordered = parts.map(part => {
    if (part === undefined) return refuse('a weight is missing')
    const gate = floorDivInts(sizeAt(part, 0), BigInt(kind.gates.length))
    const slices = kind.gates.map(at => {
      const start = mulInts(gate, BigInt(at))
      return sliceAxis(c, part, 0, { start, end: addInts(start, gate), size: gate })
    })
    return unsqueeze(c, concat(c, slices, 0, sizeAt(part, 0)), [0])
  })
  return concat(c, ordered, 0, BigInt(ordered.length))
}

function networkOf(a: Arguments, kind: KindName): Network {
  if (a.bool('train') && a.float('dropout') > 0) refuse('it was saved in training mode with dropout')
  a.ignore('dropout')
  return {
    kind,
    weights: a.refs('params'),
    hasBiases: a.bool('has_biases'),
    layers: a.number('num_layers'),
    bidirectional: a.bool('bidirectional'),
  }
}

const recurrent =
  (kind: KindName): Operator =>
  (c, a) => {
    const network = networkOf(a, kind)
    const states = kind === 'lstm' ? a.refs('hx') : [a.ref('hx')]
    if (a.has('data')) return packed(c, a, network, states)
    const given = a.ref('input')
    if (given.rank !== 3) return refuse('its input must have a batch')
    const first = a.bool('batch_first')
    const input = first ? transpose(c, given, [1, 0, 2]) : given
    const result = runLayers(c, network, { input, states, lengths: undefined })
    return [first ? transpose(c, result.output, [1, 0, 2]) : result.output, ...result.states]
  }

function packed(c: Context, a: Arguments, network: Network, states: readonly Ref[]): Tuple {
  const sequence = packedSequence(a.tensor('data'))
  a.ignore('batch_sizes')
  const lengths = cast(c, sequence.lengths, dtype.int32)
  const { output, states: last } = runLayers(c, network, { input: sequence.padded, states, lengths })
  const data = packedData(c, { ...sequence, padded: output })
  return new Tuple([data, ...last.map(state => c.tensor(state))])
}

/** The gates of one step. */
function stepGates(c: Context, a: Arguments): { input: Ref; hidden: Ref } {
  const value = a.value('hx')
  const state = value instanceof Tensor ? value.ref : (a.refs('hx')[0] ?? refuse('a state is missing'))
  return {
    input: linear(c, a.ref('input'), a.ref('w_ih'), a.optionalRef('b_ih')),
    hidden: linear(c, state, a.ref('w_hh'), a.optionalRef('b_hh')),
  }
}

function pieces(c: Context, ref: Ref, count: number): Ref[] {
  const axis = ref.rank - 1
  const size: Int = BigInt(staticSize(ref, axis) / count)
  return Array.from({ length: count }, (_, index) =>
    sliceAxis(c, ref, axis, {
      start: mulInts(size, BigInt(index)),
      end: mulInts(size, BigInt(index + 1)),
      size,
    }),
  )
}

const plus = (c: Context, x: Ref, y: Ref): Ref => elementwise(c, 'Add', [x, y])
const times = (c: Context, x: Ref, y: Ref): Ref => elementwise(c, 'Mul', [x, y])

function lstmCell(c: Context, a: Arguments): readonly Ref[] {
  const { input, hidden } = stepGates(c, a)
  const cell = a.refs('hx')[1] ?? refuse('a state is missing')
  const [i, f, g, o] = pieces(c, plus(c, input, hidden), 4)
  if (i === undefined || f === undefined || g === undefined || o === undefined)
    return refuse('a gate is missing')
  const next = plus(
    c,
    times(c, unary(c, 'Sigmoid', f), cell),
    times(c, unary(c, 'Sigmoid', i), unary(c, 'Tanh', g)),
  )
  return [times(c, unary(c, 'Sigmoid', o), unary(c, 'Tanh', next)), next]
}

function gruCell(c: Context, a: Arguments): Ref {
  const { input, hidden } = stepGates(c, a)
  const [ri, zi, ni] = pieces(c, input, 3)
  const [rh, zh, nh] = pieces(c, hidden, 3)
  if (!ri || !zi || !ni || !rh || !zh || !nh) return refuse('a gate is missing')
  const reset = unary(c, 'Sigmoid', plus(c, ri, rh))
  const update = unary(c, 'Sigmoid', plus(c, zi, zh))
  const fresh = unary(c, 'Tanh', plus(c, ni, times(c, reset, nh)))
  return plus(c, times(c, sub(c, number(c, update, 1), update), fresh), times(c, update, a.ref('hx')))
}

const simpleCell =
  (type: string): Operator =>
  (c, a) => {
    const { input, hidden } = stepGates(c, a)
    return unary(c, type, plus(c, input, hidden))
  }

/** Recurrent networks, whole and step by step. */
export const recurrentOperators: Operators = {
  lstm: recurrent('lstm'),
  gru: recurrent('gru'),
  rnn_tanh: recurrent('rnn_tanh'),
  rnn_relu: recurrent('rnn_relu'),
  lstm_cell: lstmCell,
  gru_cell: gruCell,
  rnn_tanh_cell: simpleCell('Tanh'),
  rnn_relu_cell: simpleCell('Relu'),
  ...packing,
}
