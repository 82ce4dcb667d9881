import { refuse } from './refusal.ts'

/**
 * A size that is known only when the model runs: a symbol of an input, or something computed from such symbols that
 * has no simpler form. `key` names it; equal keys mean equal sizes. `min` and `max` hold for every run.
 */
export interface Atom {
  readonly key: string
  readonly min: bigint
  readonly max: bigint | undefined
  readonly source: AtomSource
}

export type AtomSource =
  | { readonly kind: 'value'; readonly ref: unknown; readonly axis: number | undefined }
  | { readonly kind: 'derived'; readonly op: DerivedOp; readonly left: Sym; readonly right: Sym }

export type DerivedOp = 'div' | 'mod' | 'min' | 'max'

/** A whole number: known, or a polynomial over atoms. */
export type Int = bigint | Sym

interface Term {
  readonly factor: bigint
  readonly atoms: readonly Atom[]
}

const MAX_TERMS = 64

/** A polynomial over atoms with whole coefficients; never a plain number (that is a bigint). */
export class Sym {
  readonly terms: ReadonlyMap<string, Term>
  readonly key: string

  constructor(terms: ReadonlyMap<string, Term>) {
    if (terms.size > MAX_TERMS)
      refuse('the sizes of this model depend on each other in too complicated a way')
    this.terms = terms
    const sorted = [...terms].toSorted(([a], [b]) => (a < b ? -1 : 1))
    this.key = sorted.map(([name, term]) => showTerm(name, term.factor)).join('+')
  }

  /** Every atom that occurs in it. */
  *atoms(): Generator<Atom> {
    for (const term of this.terms.values()) yield* term.atoms
  }

  /** The one atom that this is, if it is nothing else. */
  single(): Atom | undefined {
    const [term] = this.terms.values()
    return this.terms.size === 1 && term?.factor === 1n && term.atoms.length === 1 ? term.atoms[0] : undefined
  }
}

function showTerm(name: string, factor: bigint): string {
  if (name === '') return String(factor)
  return factor === 1n ? name : `${factor}*${name}`
}

export function fromAtom(atom: Atom): Sym {
  return new Sym(new Map([[atom.key, { factor: 1n, atoms: [atom] }]]))
}

/** How a size is shown to people: `7`, `batch`, `2*batch+1`. */
export function show(value: Int): string {
  return typeof value === 'bigint' ? String(value) : value.key
}

function termsOf(value: Int): ReadonlyMap<string, Term> {
  if (typeof value !== 'bigint') return value.terms
  return value === 0n ? new Map() : new Map([['', { factor: value, atoms: [] }]])
}

function fromTerms(terms: Map<string, Term>): Int {
  for (const [name, term] of terms) if (term.factor === 0n) terms.delete(name)
  if (terms.size === 0) return 0n
  const constant = terms.size === 1 ? terms.get('') : undefined
  return constant === undefined ? new Sym(terms) : constant.factor
}

export function addInts(a: Int, b: Int): Int {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a + b
  const terms = new Map(termsOf(a))
  for (const [name, term] of termsOf(b))
    terms.set(name, { factor: term.factor + (terms.get(name)?.factor ?? 0n), atoms: term.atoms })
  return fromTerms(terms)
}

export function mulInts(a: Int, b: Int): Int {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a * b
  const terms = new Map<string, Term>()
  for (const left of termsOf(a).values())
    for (const right of termsOf(b).values()) {
      const atoms = [...left.atoms, ...right.atoms].toSorted((x, y) => (x.key < y.key ? -1 : 1))
      const name = atoms.map(atom => atom.key).join('*')
      const factor = left.factor * right.factor + (terms.get(name)?.factor ?? 0n)
      terms.set(name, { factor, atoms })
    }
  return fromTerms(terms)
}

export function subInts(a: Int, b: Int): Int {
  return addInts(a, mulInts(b, -1n))
}

export function sameInt(a: Int, b: Int): boolean {
  return typeof a === 'bigint' || typeof b === 'bigint' ? a === b : a.key === b.key
}

export function product(values: readonly Int[]): Int {
  return values.reduce(mulInts, 1n)
}

interface Bounds {
  readonly min: bigint | undefined
  readonly max: bigint | undefined
}

/** What holds for the number in every run; undefined where nothing is known. */
export function boundsOf(value: Int): Bounds {
  if (typeof value === 'bigint') return { min: value, max: value }
  let [min, max]: [bigint | undefined, bigint | undefined] = [0n, 0n]
  for (const term of value.terms.values()) {
    const bounds = termBounds(term)
    min = min === undefined || bounds.min === undefined ? undefined : min + bounds.min
    max = max === undefined || bounds.max === undefined ? undefined : max + bounds.max
  }
  return { min, max }
}

function termBounds({ factor, atoms }: Term): Bounds {
  let [min, max]: [bigint, bigint | undefined] = [1n, 1n]
  for (const atom of atoms) {
    // The product of bounds is a bound only where no factor can be negative.
    if (atom.min < 0n) return { min: undefined, max: undefined }
    min *= atom.min
    max = max === undefined || atom.max === undefined ? undefined : max * atom.max
  }
  if (factor >= 0n) return { min: factor * min, max: max === undefined ? undefined : factor * max }
  return { min: max === undefined ? undefined : factor * max, max: factor * min }
}

/** Whether a < b; undefined where it depends on the run. */
export function lessThan(a: Int, b: Int): boolean | undefined {
  const { min, max } = boundsOf(subInts(b, a))
  if (min !== undefined && min > 0n) return true
  return max !== undefined && max <= 0n ? false : undefined
}

/** Whether a = b; undefined where it depends on the run. */
export function equalInts(a: Int, b: Int): boolean | undefined {
  const difference = subInts(a, b)
  if (typeof difference === 'bigint') return difference === 0n
  const { min, max } = boundsOf(difference)
  return (min !== undefined && min > 0n) || (max !== undefined && max < 0n) ? false : undefined
}

function derived(op: DerivedOp, left: Int, right: Int, bounds: Bounds): Int {
  const [a, b] = [asSym(left), asSym(right)]
  const key = `${op}(${show(left)},${show(right)})`
  const source = { kind: 'derived', op, left: a, right: b } as const
  return fromAtom({ key, min: bounds.min ?? -(2n ** 62n), max: bounds.max, source })
}

/** Constants inside derived atoms are polynomials of one constant term. */
function asSym(value: Int): Sym {
  return typeof value === 'bigint' ? new Sym(new Map([['', { factor: value, atoms: [] }]])) : value
}

/** The number, if the polynomial has no atoms. */
export function asInt(value: Sym): Int {
  return fromTerms(new Map(value.terms))
}

function floorDivBig(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}

/** Division that rounds down, exact wherever the coefficients allow it. Refuses a divisor of zero. */
export function floorDivInts(a: Int, b: Int): Int {
  if (typeof b === 'bigint' && b === 0n) refuse('division by zero')
  if (typeof a === 'bigint' && typeof b === 'bigint') return floorDivBig(a, b)
  if (sameInt(a, b)) return 1n
  if (typeof b !== 'bigint') return divideBySym(a, b)
  const [quotient, rest] = [new Map<string, Term>(), new Map<string, Term>()]
  for (const [name, { factor, atoms }] of termsOf(a)) {
    const whole = floorDivBig(factor, b)
    quotient.set(name, { factor: whole, atoms })
    rest.set(name, { factor: factor - whole * b, atoms })
  }
  const [whole, left] = [fromTerms(quotient), fromTerms(rest)]
  if (typeof left === 'bigint') return addInts(whole, floorDivBig(left, b))
  return addInts(whole, derived('div', left, b, divBounds(left, b)))
}

function divBounds(left: Int, divisor: bigint): Bounds {
  const { min, max } = boundsOf(left)
  if (divisor < 0n) return { min: undefined, max: undefined }
  return {
    min: min === undefined ? undefined : floorDivBig(min, divisor),
    max: max === undefined ? undefined : floorDivBig(max, divisor),
  }
}

function divideBySym(a: Int, b: Sym): Int {
  const exact = exactQuotient(a, b)
  if (exact !== undefined) return exact
  const positive = (boundsOf(a).min ?? -1n) >= 0n && (boundsOf(b).min ?? 0n) > 0n
  return derived('div', a, b, { min: positive ? 0n : undefined, max: undefined })
}

/** a / b where b is one term that divides every term of a. */
export function exactQuotient(a: Int, b: Int): Int | undefined {
  const divisors = [...termsOf(b).values()]
  const [divisor] = divisors
  if (divisor === undefined || divisors.length !== 1) return sameInt(a, b) ? 1n : proportional(a, b)
  const terms = new Map<string, Term>()
  for (const term of termsOf(a).values()) {
    const atoms = withoutAtoms(term.atoms, divisor.atoms)
    if (atoms === undefined || term.factor % divisor.factor !== 0n) return undefined
    terms.set(atoms.map(atom => atom.key).join('*'), { factor: term.factor / divisor.factor, atoms })
  }
  return fromTerms(terms)
}

/** a / b for a divisor of several terms: tries the quotients of the leading terms. */
function proportional(a: Int, b: Int): Int | undefined {
  for (const left of termsOf(a).values())
    for (const right of termsOf(b).values()) {
      const guess = exactQuotient(
        fromTerms(new Map([[left.atoms.map(atom => atom.key).join('*'), left]])),
        fromTerms(new Map([[right.atoms.map(atom => atom.key).join('*'), right]])),
      )
      if (guess !== undefined && sameInt(mulInts(guess, b), a)) return guess
    }
  return undefined
}

function withoutAtoms(atoms: readonly Atom[], gone: readonly Atom[]): Atom[] | undefined {
  const left = [...atoms]
  for (const atom of gone) {
    const index = left.findIndex(other => other.key === atom.key)
    if (index < 0) return undefined
    left.splice(index, 1)
  }
  return left
}

/** The remainder with the sign of the divisor, as in Python. */
export function modInts(a: Int, b: Int): Int {
  if (typeof a === 'bigint' && typeof b === 'bigint')
    return a - (b === 0n ? refuse('division by zero') : floorDivBig(a, b)) * b
  const whole = exactQuotient(a, b)
  if (whole !== undefined) return 0n
  const limit = typeof b === 'bigint' && b > 0n ? b - 1n : undefined
  return derived('mod', a, b, { min: limit === undefined ? undefined : 0n, max: limit })
}

export function minInts(a: Int, b: Int): Int {
  const less = lessThan(a, b)
  if (less !== undefined) return less ? a : b
  if (lessThan(b, a) === false) return a
  const [left, right] = [boundsOf(a), boundsOf(b)]
  const min =
    left.min === undefined || right.min === undefined
      ? undefined
      : left.min < right.min
        ? left.min
        : right.min
  const max =
    left.max === undefined
      ? right.max
      : right.max === undefined || left.max < right.max
        ? left.max
        : right.max
  return derived('min', ...inOrder(a, b), { min, max })
}

export function maxInts(a: Int, b: Int): Int {
  const less = lessThan(a, b)
  if (less !== undefined) return less ? b : a
  if (lessThan(b, a) === false) return b
  const [left, right] = [boundsOf(a), boundsOf(b)]
  const min =
    left.min === undefined
      ? right.min
      : right.min === undefined || left.min > right.min
        ? left.min
        : right.min
  return derived('max', ...inOrder(a, b), { min, max: undefined })
}

function inOrder(a: Int, b: Int): [Int, Int] {
  return show(a) < show(b) ? [a, b] : [b, a]
}
