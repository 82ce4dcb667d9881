import type { Context } from './context.ts'
import { dtype, type Dtype } from './dtypes.ts'
import { toRef } from './emit.ts'
import { isNumeric, type Numeric } from './numbers.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import type { Scope } from './scope.ts'
import { sameInt, Sym, type Atom, type Int } from './sym.ts'
import { Tensor } from './tensor.ts'
import { Dict, isInt, List, Scalar, Tuple, type Value } from './values.ts'

/** What of a value can be data of the running model. */
export type Leaf = Tensor | Numeric

/** A value taken apart: its leaves in order, and how to put one together again that differs only in them. */
export interface Parts {
  readonly leaves: readonly Leaf[]
  /** Equal shapes mean that two values differ only in their leaves. */
  readonly shape: string
  rebuild(leaves: readonly Leaf[]): Value
}

export function isLeaf(value: Value): value is Leaf {
  return value instanceof Tensor || isNumeric(value)
}

/** Takes a value apart; undefined for values that cannot travel through a branch or a loop. */
export function takeApart(value: Value): Parts | undefined {
  if (isLeaf(value)) return { leaves: [value], shape: kindOf(value), rebuild: ([leaf]) => leaf ?? value }
  if (value === null || typeof value === 'string')
    return { leaves: [], shape: JSON.stringify(value), rebuild: () => value }
  if (value instanceof Tuple) return combine('tuple', value.items, items => new Tuple(items, value.names))
  if (value instanceof List && value.scanned === undefined && value.locked === undefined)
    return combine('list', value.items, items => new List(items))
  if (!(value instanceof Dict)) return undefined
  const keys = [...value.entries.keys()]
  const rebuild = (items: Value[]) => new Dict(new Map(keys.map((key, index) => [key, items[index] ?? null])))
  return combine(`dict ${keys.map(String).join()}`, [...value.entries.values()], rebuild)
}

function kindOf(leaf: Leaf): string {
  if (leaf instanceof Tensor) return 'tensor'
  if (isInt(leaf)) return 'int'
  return typeof leaf === 'number' || (leaf instanceof Scalar && leaf.type === 'float') ? 'float' : 'bool'
}

function combine(
  kind: string,
  items: readonly Value[],
  rebuild: (items: Value[]) => Value,
): Parts | undefined {
  const parts = items.map(takeApart)
  if (parts.some(part => part === undefined)) return undefined
  const whole = parts as Parts[]
  return {
    leaves: whole.flatMap(part => part.leaves),
    shape: `${kind}(${whole.map(part => part.shape).join()})`,
    rebuild: leaves => {
      let at = 0
      return rebuild(whole.map(part => part.rebuild(leaves.slice(at, (at += part.leaves.length)))))
    },
  }
}

export function sameLeaf(a: Leaf, b: Leaf): boolean {
  if (a instanceof Sym || b instanceof Sym) return isInt(a) && isInt(b) && sameInt(a, b)
  if (a instanceof Scalar && b instanceof Scalar) return a.ref === b.ref
  return Object.is(a, b)
}

/** The leaf as a tensor: numbers become int64, float64 or bool without dimensions. */
export function leafRef(c: Context, leaf: Leaf): Ref {
  if (leaf instanceof Tensor) return leaf.ref
  return toRef(c, leaf, leafType(leaf))
}

function leafType(leaf: Numeric): Dtype {
  const kind = kindOf(leaf)
  if (kind === 'int') return dtype.int64
  return kind === 'float' ? dtype.float64 : dtype.bool
}

/** A leaf of the same kind as `like`, from a tensor of the running model. */
export function leafFrom(c: Context, ref: Ref, like: Leaf): Leaf {
  if (like instanceof Tensor) return c.tensor(ref)
  const kind = kindOf(like)
  return kind === 'int' ? c.g.dataInt(ref) : new Scalar(kind === 'float' ? 'float' : 'bool', ref)
}

/** Whether a size can be computed from what `scope` sees. */
export function isVisible(scope: Scope, size: Int): boolean {
  return typeof size === 'bigint' || [...size.atoms()].every(atom => atomVisible(scope, atom))
}

function atomVisible(scope: Scope, atom: Atom): boolean {
  const { source } = atom
  if (source.kind === 'derived') return isVisible(scope, source.left) && isVisible(scope, source.right)
  if (!(source.ref instanceof Ref)) return false
  const { content } = source.ref
  return content.kind !== 'value' || scope.sees(content.scope)
}

/** Ends the graph of a branch or body: each value becomes an output of its own. */
export function closeScope(c: Context, scope: Scope, refs: readonly Ref[]): void {
  for (const ref of refs) {
    const input = c.g.nameOf(ref)
    const output = c.g.unique(`${input}:out`)
    scope.nodes.push({
      type: 'Identity',
      name: c.g.unique('Identity'),
      inputs: [input],
      outputs: [output],
      attributes: {},
    })
    scope.outputs.push({ name: output, dtype: ref.dtype, shape: undefined })
  }
}

/** The value that leaves a branch or loop: sizes that only its inside knows become symbols of their own. */
export function outputRef(c: Context, name: string, type: Dtype, shape: readonly (Int | undefined)[]): Ref {
  const sizes: Int[] = []
  const ref = new Ref(type, sizes, { kind: 'value', name, scope: c.g.scope })
  shape.forEach((size, axis) => {
    sizes.push(size !== undefined && isVisible(c.g.scope, size) ? size : c.g.sizeOf(ref, axis))
  })
  return ref
}

/** Refuses kinds of tensors that no branch or loop can hold together. */
export function checkSameKind(a: Ref, b: Ref): string | undefined {
  if (a.dtype !== b.dtype)
    return 'a value has different types in two branches, or before and after a round of a loop'
  return a.rank === b.rank
    ? undefined
    : 'a value has a different number of dimensions in two branches or rounds'
}

export function refuseKind(a: Ref, b: Ref): void {
  const problem = checkSameKind(a, b)
  if (problem !== undefined) refuse(problem)
}
