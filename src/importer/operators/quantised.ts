import type { Arguments } from '../arguments.ts'
import type { Context } from '../context.ts'
import { dtype } from '../dtypes.ts'
import type { Operators } from '../operator.ts'
import { PickledObject, PickledTuple, type Pickled } from '../pickle.ts'
import { refuse } from '../refusal.ts'
import { Ref } from '../ref.ts'
import type { StoredTensor } from '../stored-tensor.ts'
import { PickledTensor } from '../torch-pickle.ts'
import { Opaque } from '../values.ts'
import { linear } from './linear.ts'

/** The weight (int8 with scales) and bias inside a packed-parameters object, wherever its version keeps them. */
function packedParts(packed: Opaque): { weight: StoredTensor; bias: StoredTensor | undefined } {
  const { content } = packed
  if (!(content instanceof PickledObject)) return refuse('its packed weights are not known')
  const tensors = [...tensorsIn(content.state, 0)]
  const weight = tensors.find(tensor => tensor.quantised !== undefined)
  const bias = tensors.find(
    tensor => tensor.quantised === undefined && tensor.shape.length === 1 && tensor.dtype === dtype.float32,
  )
  return weight === undefined ? refuse('its packed weights are not quantised') : { weight, bias }
}

function* tensorsIn(value: Pickled, depth: number): Generator<StoredTensor> {
  if (depth > 8) return
  if (value instanceof PickledTensor) yield value.tensor
  const items = value instanceof PickledTuple ? value.items : Array.isArray(value) ? value : []
  for (const item of items) yield* tensorsIn(item, depth + 1)
}

/** (integer - zero point) * scale, per tensor or per row. */
function dequantise(c: Context, tensor: StoredTensor): Ref {
  const { quantised, shape } = tensor
  if (quantised === undefined || shape.length !== 2 || quantised.axis !== 0 || tensor.dtype !== dtype.qint8)
    return refuse('its weights are quantised in a way that is not supported')
  const source = tensor.read()
  const bytes = Buffer.alloc(source.length * 4)
  const row = shape[1] ?? 1
  for (let at = 0; at < source.length; at++) {
    const slice = quantised.scales.length === 1 ? 0 : Math.floor(at / row)
    const value =
      (source.readInt8(at) - (quantised.zeroPoints[slice] ?? 0)) * Math.fround(quantised.scales[slice] ?? 1)
    bytes.writeFloatLE(value, at * 4)
  }
  return c.g.bytes(dtype.float32, shape, bytes)
}

/** PyTorch rounds the input to 8 bits first; here it stays exact, which differs by the rounding. */
function linearDynamic(c: Context, a: Arguments): Ref {
  const packed = a.value('W_prepack')
  a.ignore('reduce_range')
  if (!(packed instanceof Opaque)) return refuse('its packed weights are not known')
  const { weight, bias } = packedParts(packed)
  const biasRef =
    bias === undefined
      ? undefined
      : new Ref(dtype.float32, bias.shape.map(BigInt), { kind: 'stored', tensor: bias, path: 'bias' })
  c.warn('dynamically quantised layers are computed in float32 with their dequantised weights')
  return linear(c, a.ref('X'), dequantise(c, weight), biasRef)
}

/** Dynamically quantised layers. */
export const quantised: Operators = {
  'quantized::linear_dynamic': linearDynamic,
}
