import type { Context } from './context.ts'
import type { Interpreter } from './interpreter.ts'
import { refuse } from './refusal.ts'
import { Sym } from './sym.ts'
import { Tensor } from './tensor.ts'
import { Callable, Dict, Instance, isInt, List, Opaque, Tuple, Uninitialised, type Value } from './values.ts'
import { toKey } from './keys.ts'
import { squeeze } from './emit.ts'
import type { Ref } from './ref.ts'

/** `base.name`: a field of a NamedTuple, an attribute, a method or a constant of the class. */
export function getAttribute(evaluator: Interpreter, base: Value, name: string): Value {
  if (base instanceof Tuple) return fieldOf(base, name)
  if (base instanceof Tensor || base instanceof Opaque)
    return new Callable({ kind: 'operator', name: `prim::${name}` })
  if (base instanceof Uninitialised) return refuse(base.why)
  return base instanceof Instance
    ? memberOf(evaluator, base, name)
    : refuse(`it reads ${name} of something that is no object`)
}

function fieldOf(tuple: Tuple, name: string): Value {
  const index = tuple.names?.indexOf(name) ?? -1
  return tuple.items[index] ?? (index < 0 ? refuse(`a tuple has no field ${name}`) : null)
}

function memberOf(evaluator: Interpreter, base: Instance, name: string): Value {
  // A saved model runs in evaluation mode, whatever mode it was saved in.
  if (name === 'training') return false
  const value = evaluator.objects.attribute(base, name)
  if (value !== undefined) {
    if (!base.written.has(name)) base.read.add(name)
    return value
  }
  const definition = base.type.methods.get(name)
  if (definition !== undefined) return new Callable({ kind: 'method', self: base, definition })
  const constant = base.type.fields.get(name)?.value
  return constant === undefined
    ? refuse(`${base.type.name} has no attribute ${name}`)
    : evaluator.constant(constant)
}

/** `base[index]`. */
export function getItem(c: Context, base: Value, index: readonly Value[]): Value {
  const [key] = index
  if (key === undefined || index.length > 1) return refuse('it indexes with several values at once')
  if (base instanceof Dict) {
    const value = base.entries.get(toKey(key))
    return value === undefined ? refuse('it reads a key that a dictionary does not have') : value
  }
  if (!isInt(key)) return refuse('it indexes with something that is no whole number')
  if (base instanceof List) return listItem(c, base, key)
  if (base instanceof Tuple) return pick(base.items, key)
  if (typeof base === 'string') return pick(Array.from(base), key)
  return refuse('it indexes something that is no list')
}

function pick(items: readonly Value[], key: bigint | Sym): Value {
  if (key instanceof Sym)
    return refuse('it indexes a list with a number that is known only when the model runs')
  const at = Number(key) < 0 ? Number(key) + items.length : Number(key)
  const value = items[at]
  return value === undefined ? refuse(`it reads element ${key} of a list of ${items.length}`) : value
}

function listItem(c: Context, list: List, key: bigint | Sym): Value {
  if (list.locked !== undefined) refuse(list.locked)
  if (list.scanned === undefined) return pick(list.items, key)
  if (list.items.length > 0)
    return refuse('a list that a loop collected is read in a way that is not supported')
  return c.tensor(gatherAt(c, list.scanned.stacked, key))
}

/** One slice along axis 0, at a place that may be known only when the model runs. Negative numbers count from the end. */
export function gatherAt(c: Context, stacked: Ref, key: bigint | Sym): Ref {
  const [, ...shape] = stacked.shape
  const picked = c.op(
    'Gather',
    [stacked, c.g.ints([key])],
    { dtype: stacked.dtype, shape: [1n, ...shape] },
    { axis: { int: 0 } },
  )
  return squeeze(c, picked, [0])
}

/** The items of a list, tuple or NamedTuple that is taken apart into `count` variables. */
export function unpack(value: Value, count: number): readonly Value[] {
  const items = value instanceof Tuple ? value.items : value instanceof List ? itemsOf(value) : undefined
  if (value instanceof Uninitialised) return refuse(value.why)
  if (items === undefined) return refuse('it takes something apart that is no tuple')
  return items.length === count ? items : refuse(`it takes ${items.length} values apart into ${count}`)
}

/** The elements of a list whose length is known. */
export function itemsOf(list: List): readonly Value[] {
  if (list.locked !== undefined) refuse(list.locked)
  return list.scanned === undefined
    ? list.items
    : refuse('a list that a loop collected is used in a way that is not supported')
}
