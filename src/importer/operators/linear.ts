import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { isFloating } from '../dtypes.ts'
import {
  agreed,
  broadcast,
  elementwise,
  operand,
  reshape,
  showShape,
  sizeAt,
  squeeze,
  swapAxes,
  toRef,
  transpose,
  unsqueeze,
} from '../emit.ts'
import type { Operators } from '../operator.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import type { Int } from '../sym.ts'
import { StoredTensor } from '../stored-tensor.ts'

/** Rows times columns, with PyTorch's rules for vectors and broadcast batches. */
export function matmul(c: Context, a: Ref, b: Ref): Ref {
  if (a.dtype !== b.dtype) return refuse('its tensors have different types')
  if (a.rank === 0 || b.rank === 0) return refuse('it needs tensors with dimensions')
  const [left, right] = [a.rank === 1 ? unsqueeze(c, a, [0]) : a, b.rank === 1 ? unsqueeze(c, b, [1]) : b]
  const inner = [sizeAt(left, left.rank - 1), sizeAt(right, right.rank - 2)] as const
  if (agreed(...inner) === undefined)
    return refuse(`the shapes ${showShape(a.shape)} and ${showShape(b.shape)} do not multiply`)
  const batch = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2))
  const shape: Int[] = [...batch, sizeAt(left, left.rank - 2), sizeAt(right, right.rank - 1)]
  const result = c.op('MatMul', [left, right], { dtype: a.dtype, shape })
  const gone = [a.rank === 1 ? result.rank - 2 : -1, b.rank === 1 ? result.rank - 1 : -1].filter(
    axis => axis >= 0,
  )
  return squeeze(c, result, gone)
}

/** A weight with rows and columns exchanged: done once while importing for what the archive stores. */
function transposedWeight(c: Context, weight: Ref): Ref {
  const { content } = weight
  if (content.kind !== 'stored') return transpose(c, weight, [1, 0])
  const { storage, offset, shape, strides } = content.tensor
  const turned = new StoredTensor(storage, {
    offset,
    shape: shape.toReversed(),
    strides: strides.toReversed(),
  })
  return new Ref(weight.dtype, weight.shape.toReversed(), {
    kind: 'stored',
    tensor: turned,
    path: `${content.path}.T`,
  })
}

export function linear(c: Context, input: Ref, weight: Ref, bias: Ref | undefined): Ref {
  if (input.dtype !== weight.dtype) return refuse('its input and its weight have different types')
  if (weight.rank === 1) {
    const flat = matmul(c, input, weight)
    return bias === undefined ? flat : elementwise(c, 'Add', [flat, bias])
  }
  const columns = agreed(sizeAt(input, input.rank - 1), sizeAt(weight, 1))
  if (columns === undefined)
    return refuse(`its input has the shape ${showShape(input.shape)}, its weight ${showShape(weight.shape)}`)
  if (input.rank === 2 && isFloating(input.dtype)) {
    const shape = [sizeAt(input, 0), sizeAt(weight, 0)]
    return c.op('Gemm', [input, weight, bias], { dtype: input.dtype, shape }, { transB: { int: 1 } })
  }
  const result = matmul(c, input, transposedWeight(c, weight))
  return bias === undefined ? result : elementwise(c, 'Add', [result, bias])
}

/** beta * self + alpha * (x @ y). */
function addProduct(c: Context, a: Arguments, names: readonly [string, string]): Ref {
  const self = a.ref('self')
  const product = matmul(c, a.ref(names[0]), a.ref(names[1]))
  const scale = (ref: Ref, name: string) => {
    const factor = a.value(name)
    return factor === 1n || factor === 1
      ? ref
      : elementwise(c, 'Mul', [ref, toRef(c, operand(factor, name), ref.dtype)])
  }
  // beta = 0 means that self is not looked at, even where it is not a number.
  const beta = a.value('beta')
  const scaled = scale(product, 'alpha')
  return beta === 0n || beta === 0 ? scaled : elementwise(c, 'Add', [scale(self, 'beta'), scaled])
}

function dot(c: Context, a: Arguments): Ref {
  const other = a.has('tensor') ? 'tensor' : a.has('vec2') ? 'vec2' : 'other'
  return matmul(c, a.ref('self'), a.ref(other))
}

function outer(c: Context, a: Arguments): Ref {
  const [x, y] = [a.ref('self'), a.ref('vec2')]
  return elementwise(c, 'Mul', [unsqueeze(c, x, [1]), unsqueeze(c, y, [0])])
}

/** y[b, o] = x1[b, :] W[o] x2[b, :] + bias[o]. */
function bilinear(c: Context, a: Arguments): Ref {
  const [x1, x2, weight, bias] = [a.ref('input1'), a.ref('input2'), a.ref('weight'), a.optionalRef('bias')]
  const left = unsqueeze(c, unsqueeze(c, x1, [x1.rank - 1]), [x1.rank - 1])
  const right = unsqueeze(c, unsqueeze(c, x2, [x2.rank]), [x2.rank - 1])
  const product = matmul(c, matmul(c, left, weight), right)
  const result = reshape(c, product, [...x1.shape.slice(0, -1), sizeAt(weight, 0)])
  return bias === undefined ? result : elementwise(c, 'Add', [result, bias])
}

/** ONNX's Einsum; ellipses and sublists are left to it or refused. */
function einsum(c: Context, a: Arguments): Ref {
  const equation = a.text('equation').replaceAll(' ', '')
  const refs = a.refs('tensors')
  a.ignore('path')
  if (!/^[a-zA-Z,]+(->[a-zA-Z]*)?$/.test(equation)) return refuse(`its equation ${equation} is not supported`)
  const [inputs = '', output = implicit(inputs)] = equation.split('->')
  const sizes = new Map<string, Int>()
  inputs.split(',').forEach((labels, index) => {
    const ref = refs[index]
    if (ref === undefined || ref.rank !== labels.length)
      return refuse('its equation does not fit its tensors')
    Array.from(labels).forEach((letter, axis) => {
      const [known, size] = [sizes.get(letter), sizeAt(ref, axis)]
      const both =
        known === undefined ? size : known === 1n ? size : size === 1n ? known : agreed(known, size)
      sizes.set(letter, both ?? refuse('its tensors do not agree in size'))
    })
  })
  const shape = Array.from(output).map(
    letter => sizes.get(letter) ?? refuse('its equation has an unknown letter'),
  )
  const first = refs[0] ?? refuse('it has no tensors')
  return c.op('Einsum', refs, { dtype: first.dtype, shape }, { equation: { string: `${inputs}->${output}` } })
}

function implicit(inputs: string): string {
  const all = Array.from(inputs.replaceAll(',', ''))
  return all
    .filter(letter => all.filter(each => each === letter).length === 1)
    .toSorted()
    .join('')
}

const letters = (rank: number, from: number) =>
  Array.from({ length: rank }, (_, axis) => String.fromCharCode(from + axis))

function tensordot(c: Context, a: Arguments): Ref {
  const [x, y] = [a.ref('self'), a.ref('other')]
  const [dimsX, dimsY] = [a.axes('dims_self', x.rank) ?? [], a.axes('dims_other', y.rank) ?? []]
  const [left, right] = [letters(x.rank, 97), letters(y.rank, 65)]
  dimsY.forEach((axis, index) => {
    right[axis] = left[dimsX[index] ?? 0] ?? ''
  })
  const output = [
    ...left.filter((_, axis) => !dimsX.includes(axis)),
    ...right.filter((_, axis) => !dimsY.includes(axis)),
  ]
  const shape = [
    ...x.shape.filter((_, axis) => !dimsX.includes(axis)),
    ...y.shape.filter((_, axis) => !dimsY.includes(axis)),
  ]
  return c.op(
    'Einsum',
    [x, y],
    { dtype: x.dtype, shape },
    { equation: { string: `${left.join('')},${right.join('')}->${output.join('')}` } },
  )
}

/** Products of matrices and vectors. */
export const linearOperators: Operators = {
  linear: (c, a) => linear(c, a.ref('input'), a.ref('weight'), a.optionalRef('bias')),
  matmul: (c, a) => matmul(c, a.ref('self'), a.ref('other')),
  linalg_matmul: (c, a) => matmul(c, a.ref('self'), a.ref('other')),
  mm: (c, a) => matmul(c, a.ref('self'), a.ref('mat2')),
  bmm: (c, a) => matmul(c, a.ref('self'), a.ref('mat2')),
  mv: (c, a) => matmul(c, a.ref('self'), a.ref('vec')),
  dot,
  vdot: dot,
  inner: (c, a) =>
    matmul(
      c,
      a.ref('self'),
      transpose(
        c,
        a.ref('other'),
        swapAxes(a.ref('other').rank, Math.max(a.ref('other').rank - 2, 0), a.ref('other').rank - 1),
      ),
    ),
  outer,
  ger: outer,
  addmm: (c, a) => addProduct(c, a, ['mat1', 'mat2']),
  baddbmm: (c, a) => addProduct(c, a, ['batch1', 'batch2']),
  addmv: (c, a) => addProduct(c, a, ['mat', 'vec']),
  bilinear,
  einsum,
  tensordot,
}
