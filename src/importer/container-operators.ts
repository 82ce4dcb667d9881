import { itemsOf, getItem } from './access.ts'
import type { Context } from './context.ts'
import { refuse } from './refusal.ts'
import { arithmetic, isNumeric } from './numbers.ts'
import { toKey } from './keys.ts'
import type { ScalarOperator } from './scalar-operators.ts'
import { addInts, floorDivInts, maxInts, subInts, type Int } from './sym.ts'
import { Dict, isInt, List, Range, Tuple, type Value } from './values.ts'

const MAX_LENGTH = 100_000

function change(c: Context, list: List, items: Value[]): void {
  if (items.length > MAX_LENGTH) refuse(`a list gets more than ${MAX_LENGTH} elements`)
  const old = list.items
  c.journal.change(list, () => {
    list.items = old
  })
  list.items = items
}

function changeDict(c: Context, dict: Dict, entries: Dict['entries']): void {
  const old = dict.entries
  c.journal.change(dict, () => {
    dict.entries = old
  })
  dict.entries = entries
}

function append(c: Context, [list, item]: readonly Value[]): Value | undefined {
  if (!(list instanceof List) || item === undefined) return undefined
  if (list.scanned !== undefined) return refuse('it appends to a list that a loop collected')
  change(c, list, [...list.items, item])
  return list
}

function setItem(c: Context, [target, key, value]: readonly Value[]): Value | undefined {
  if (key === undefined || value === undefined) return undefined
  if (target instanceof Dict) {
    changeDict(c, target, new Map([...target.entries, [toKey(key), value]]))
    return null
  }
  if (!(target instanceof List) || typeof key !== 'bigint') return undefined
  const items = [...itemsOf(target)]
  const at = Number(key) < 0 ? Number(key) + items.length : Number(key)
  if (at < 0 || at >= items.length) refuse('it sets an element that a list does not have')
  items[at] = value
  change(c, target, items)
  return target
}

/** `list[start:end:step]`. */
function slice(_: Context, [list, start, end, step]: readonly Value[]): Value | undefined {
  if (!(list instanceof List) && !(list instanceof Tuple) && typeof list !== 'string') return undefined
  const items = list instanceof List ? itemsOf(list) : list instanceof Tuple ? list.items : Array.from(list)
  const [from, to, by] = [
    bound(start, 0, items.length),
    bound(end, items.length, items.length),
    Number(whole(step, 1n)),
  ]
  if (by < 1) return refuse('a list is sliced with a step below 1')
  const picked = items.slice(from, to).filter((__, index) => index % by === 0)
  if (typeof list === 'string') return picked.map(String).join('')
  return list instanceof Tuple ? new Tuple(picked) : new List(picked)
}

function whole(value: Value | undefined, fallback: bigint): bigint {
  if (value === undefined || value === null) return fallback
  return typeof value === 'bigint' ? value : refuse('a list is sliced at a place that is not known')
}

function bound(value: Value | undefined, fallback: number, length: number): number {
  const at = Number(whole(value, BigInt(fallback)))
  return Math.min(Math.max(at < 0 ? at + length : at, 0), length)
}

function pop(c: Context, [holder, key, fallback]: readonly Value[]): Value | undefined {
  if (holder instanceof Dict && key !== undefined) {
    const value = holder.entries.get(toKey(key)) ?? fallback
    const entries = new Map(holder.entries)
    entries.delete(toKey(key))
    changeDict(c, holder, entries)
    return value === undefined ? refuse('it takes a key out that a dictionary does not have') : value
  }
  if (!(holder instanceof List)) return undefined
  const items = [...itemsOf(holder)]
  const at = key === undefined ? items.length - 1 : Number(whole(key, -1n))
  const [value] = items.splice(at, 1)
  change(c, holder, items)
  return value === undefined ? refuse('it takes an element out of an empty list') : value
}

function insert(c: Context, [list, at, item]: readonly Value[]): Value | undefined {
  if (!(list instanceof List) || typeof at !== 'bigint' || item === undefined) return undefined
  change(c, list, itemsOf(list).toSpliced(Number(at), 0, item))
  return null
}

function extend(c: Context, [list, more]: readonly Value[]): Value | undefined {
  if (!(list instanceof List) || !(more instanceof List)) return undefined
  change(c, list, [...itemsOf(list), ...itemsOf(more)])
  return list
}

function toList(_: Context, [value]: readonly Value[]): Value | undefined {
  if (value instanceof List) return new List([...itemsOf(value)])
  if (value instanceof Tuple) return new List([...value.items])
  if (value instanceof Dict) return new List([...value.entries.keys()])
  return typeof value === 'string' ? new List(Array.from(value)) : undefined
}

function toDict(_: Context, [value]: readonly Value[]): Value | undefined {
  if (value === undefined) return new Dict()
  if (value instanceof Dict) return new Dict(new Map(value.entries))
  if (!(value instanceof List)) return undefined
  return new Dict(new Map(itemsOf(value).map(pair => pairOf(pair))))
}

function pairOf(pair: Value): [ReturnType<typeof toKey>, Value] {
  const [key = null, value = null] = pair instanceof Tuple ? pair.items : []
  return [toKey(key), value]
}

const onDict =
  (work: (dict: Dict) => Value): ScalarOperator =>
  (_, [value]) =>
    value instanceof Dict ? work(value) : undefined

function get(_: Context, [dict, key, fallback]: readonly Value[]): Value | undefined {
  if (!(dict instanceof Dict) || key === undefined) return undefined
  return dict.entries.get(toKey(key)) ?? fallback ?? null
}

function reverse(c: Context, [list]: readonly Value[]): Value | undefined {
  if (!(list instanceof List)) return undefined
  change(c, list, itemsOf(list).toReversed())
  return null
}

function sum(c: Context, [list]: readonly Value[]): Value | undefined {
  if (!(list instanceof List)) return undefined
  return itemsOf(list).reduce((total, item) => arithmeticSum(c, total, item), 0n as Value)
}

function arithmeticSum(c: Context, total: Value, item: Value): Value {
  return isNumeric(total) && isNumeric(item)
    ? arithmetic(c, 'add', total, item)
    : refuse('sum() of things that are no numbers')
}

const onText =
  (work: (text: string, args: readonly string[]) => Value): ScalarOperator =>
  (_, [text, ...args]) =>
    typeof text === 'string' && args.every(arg => typeof arg === 'string') ? work(text, args) : undefined

function find(_: Context, [text, part, start = 0n, end]: readonly Value[]): Value | undefined {
  if (typeof text !== 'string' || typeof part !== 'string') return undefined
  const everywhere =
    start === 0n && (end === undefined || (typeof end === 'bigint' && end >= BigInt(text.length)))
  return everywhere || end === -1n ? BigInt(text.indexOf(part)) : refuse('find() within a part of a text')
}

/** `range` helpers that unrolled loops use. */
function derive(c: Context, [index, start, step]: readonly Value[]): Value | undefined {
  if (!isInt(index) || !isInt(start) || !isInt(step)) return undefined
  return arithmetic(c, 'add', start, arithmetic(c, 'mul', index, step))
}

function rangeLength(_: Context, [start, stop, step]: readonly Value[]): Value | undefined {
  if (!isInt(start) || !isInt(stop) || typeof step !== 'bigint' || step === 0n) return undefined
  return maxInts(tripCount(new Range(start, stop, step)), 0n)
}

/** How many rounds a range has; below zero where it has none. */
export function tripCount({ start, stop, step }: Range): Int {
  if (step === 1n) return subInts(stop, start)
  if (step < 0n) return floorDivInts(subInts(subInts(start, stop), addInts(step, 1n)), -step)
  return floorDivInts(addInts(subInts(stop, start), step - 1n), step)
}

/** Lists, dictionaries and texts. */
export const containerOperators = new Map<string, ScalarOperator>([
  ['aten::append', append],
  ['aten::extend', extend],
  ['aten::add_', extend],
  ['aten::insert', insert],
  ['aten::pop', pop],
  ['aten::reverse', reverse],
  ['aten::clear', (c, [list]) => (list instanceof List ? (change(c, list, []), null) : undefined)],
  ['aten::_set_item', setItem],
  [
    'aten::__getitem__',
    (c, [holder, key]) => (holder === undefined || key === undefined ? undefined : getItem(c, holder, [key])),
  ],
  ['aten::slice', slice],
  ['aten::list', toList],
  [
    'aten::copy',
    (c, args) =>
      args[0] instanceof Dict ? toDict(c, args) : args[0] instanceof List ? toList(c, args) : undefined,
  ],
  ['aten::sum', sum],
  ['aten::dict', toDict],
  ['aten::keys', onDict(dict => new List([...dict.entries.keys()]))],
  ['aten::values', onDict(dict => new List([...dict.entries.values()]))],
  ['aten::items', onDict(dict => new List([...dict.entries].map(pair => new Tuple(pair))))],
  ['aten::get', get],
  ['aten::__range_length', rangeLength],
  ['aten::__derive_index', derive],
  ['aten::find', find],
  ['aten::startswith', onText((text, [part = '']) => text.startsWith(part))],
  ['aten::endswith', onText((text, [part = '']) => text.endsWith(part))],
  ['aten::lower', onText(text => text.toLowerCase())],
  ['aten::upper', onText(text => text.toUpperCase())],
  ['aten::strip', onText(text => text.trim())],
  ['aten::replace', onText((text, [from = '', to = '']) => text.replaceAll(from, to))],
  [
    'aten::split',
    onText(
      (text, [separator]) =>
        new List(separator === undefined ? text.trim().split(/\s+/) : text.split(separator)),
    ),
  ],
])

/** The rounds of `for x in items`; undefined where their number is known only when the model runs. */
export function roundsOf(items: Value): readonly Value[] | undefined {
  if (items instanceof List) return itemsOf(items)
  if (items instanceof Tuple) return items.items
  if (items instanceof Dict) return [...items.entries.keys()]
  if (!(items instanceof Range)) return refuse('it loops over something that is no list')
  const { start, step } = items
  const count = tripCount(items)
  if (typeof count !== 'bigint') return undefined
  if (count > MAX_LENGTH) refuse(`a loop takes more than ${MAX_LENGTH} rounds`)
  return Array.from({ length: Math.max(Number(count), 0) }, (_, index) =>
    addInts(start, BigInt(index) * step),
  )
}
