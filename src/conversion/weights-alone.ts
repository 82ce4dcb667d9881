import { Failure } from '../errors.ts'
import { readStateDict } from '../importer/state-dict.ts'

/** The refusal of a file; where that is weights without a program it says what they are and what is missing. */
export function explainWeights(error: Failure, file: string): Failure {
  try {
    const weights = readStateDict(file)
    const tensors = [...weights.tensors]
    const numbers = tensors.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const examples = tensors.slice(0, 3).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`)
    weights.close()
    if (tensors.length === 0) return error
    const what =
      `; it holds ${tensors.length} tensors with ${numbers} numbers: ${examples.join(', ')}, ... What is missing is the ` +
      'program: sconce swap-weights puts these weights into an .onnx or TorchScript file of the same architecture'
    return new Failure(error.code, error.message + what)
  } catch {
    return error
  }
}
