import { dtype, type Dtype } from './dtypes.ts'

const EIGHT_BITS: readonly Dtype[] = [dtype.uint8, dtype.int8]

/** The whole numbers for which ONNX Runtime has no kernel of a node on the CPU; int32 has one for all of these nodes. */
const WITHOUT_KERNEL: Readonly<Record<string, readonly Dtype[]>> = {
  ArgMax: [dtype.int16, dtype.bool],
  ArgMin: [dtype.int16, dtype.bool],
  CumSum: [...EIGHT_BITS, dtype.int16],
  Max: [dtype.int16],
  Min: [dtype.int16],
  Neg: [dtype.uint8],
  Pad: [dtype.int16],
  Pow: [...EIGHT_BITS, dtype.int16],
  ReduceMax: [dtype.int16, dtype.bool],
  ReduceMin: [dtype.int16, dtype.bool],
  ReduceProd: [...EIGHT_BITS, dtype.int16],
  ReduceSum: [...EIGHT_BITS, dtype.int16],
  Where: [dtype.int8, dtype.int16],
}

/** Whether the node has to be computed in int32, and its result brought back, for inputs of this type. */
export function needsInt32(node: string, type: Dtype): boolean {
  return WITHOUT_KERNEL[node]?.includes(type) ?? false
}
