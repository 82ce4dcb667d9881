import { asInt, type Atom, type DerivedOp, type Int } from './sym.ts'

/** The number that a size has when the symbols of the inputs have these sizes; undefined where only data tells. */
export function sizeAt(value: Int, symbols: ReadonlyMap<string, number>): bigint | undefined {
  if (typeof value === 'bigint') return value
  let sum = 0n
  for (const { factor, atoms } of value.terms.values()) {
    let term = factor
    for (const atom of atoms) {
      const size = atomAt(atom, symbols)
      if (size === undefined) return undefined
      term *= size
    }
    sum += term
  }
  return sum
}

function atomAt({ key, source }: Atom, symbols: ReadonlyMap<string, number>): bigint | undefined {
  if (source.kind === 'value') {
    const size = symbols.get(key)
    return size === undefined ? undefined : BigInt(size)
  }
  const left = sizeAt(asInt(source.left), symbols)
  const right = sizeAt(asInt(source.right), symbols)
  if (left === undefined || right === undefined) return undefined
  return combine(source.op, left, right)
}

function combine(op: DerivedOp, left: bigint, right: bigint): bigint | undefined {
  if (op === 'min') return left < right ? left : right
  if (op === 'max') return left > right ? left : right
  if (right === 0n) return undefined
  // Python's: rounded down, and the remainder with the sign of the divisor.
  const rest = ((left % right) + right) % right
  return op === 'mod' ? rest : (left - rest) / right
}
