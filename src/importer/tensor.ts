import { nextId } from './ids.ts'
import type { Journal } from './journal.ts'
import type { Ref } from './ref.ts'
import { refuse } from './refusal.ts'

/** The shape of an input is needed and nobody has told it. */
export class Untold extends Error {
  override readonly name = 'Untold'
  readonly input: number
  constructor(input: number) {
    super('the shape of an input is not known')
    this.input = input
  }
}

/** How a view comes from its parent. */
export interface View {
  readonly parent: Tensor
  /** The view's value, from the parent's. */
  readonly read: (parent: Ref) => Ref
  /** The parent's value after the view was written; undefined where that cannot be said. */
  readonly write: ((parent: Ref, view: Ref) => Ref) | undefined
}

/** A tensor that may or may not share memory with another one. */
interface Link {
  readonly other: Tensor
  readonly version: number
}

/**
 * A tensor as the program sees it: an object that can be written to, and views of which show the writes. Reading a view
 * whose parent has changed makes the view's value anew; writing to a view changes its parents.
 */
export class Tensor {
  readonly id = nextId()
  #ref: Ref
  #version = nextId()
  #view: View | undefined
  #seen: number
  #links: Link[] = []
  #spoilt: string | undefined
  readonly #journal: Journal<Tensor>
  /** The number of the input whose type and shape nobody has told. */
  untold: number | undefined
  /** Why it cannot be written to. */
  locked: string | undefined

  constructor(ref: Ref, journal: Journal<Tensor>, view?: View) {
    this.#ref = ref
    this.#journal = journal
    this.#view = view
    this.#seen = view?.parent.version ?? 0
  }

  /** Says that the memory may be shared with `other`: a write to either makes the other one unreadable. */
  link(other: Tensor): this {
    this.#links.push({ other, version: other.version })
    return this
  }

  get version(): number {
    return this.#version
  }

  /** The value now. Refuses where a write elsewhere may or may not have changed it. */
  get ref(): Ref {
    if (this.#spoilt !== undefined) refuse(this.#spoilt)
    if (this.untold !== undefined) throw new Untold(this.untold)
    for (const { other, version } of this.#links) {
      void other.ref
      if (other.version !== version) refuse(UNCLEAR)
    }
    if (this.#view !== undefined) this.#sync(this.#view)
    return this.#ref
  }

  #sync(view: View): void {
    const parent = view.parent.ref
    if (view.parent.version === this.#seen) return
    this.#set(view.read(parent), view.parent.version)
  }

  /** Replaces the value, and changes the parents of a view. */
  write(ref: Ref): void {
    void this.ref
    if (this.locked !== undefined) refuse(this.locked)
    for (const { other } of this.#links) {
      if (other.locked !== undefined) refuse(other.locked)
      other.spoil(UNCLEAR)
    }
    if (this.#view !== undefined) {
      const { parent, write } = this.#view
      if (write === undefined) refuse('it writes to a view in a way that cannot be followed')
      parent.write(write(parent.ref, ref))
    }
    this.#set(ref, this.#view?.parent.version ?? 0)
    // The others are spoilt: from here on this one is what counts.
    this.#links = []
    if (this.#view === undefined) this.#journal.written(this)
  }

  /** Replaces the value of a tensor that is no view, without spoiling anything: the outcome of a branch or loop. */
  replace(ref: Ref): void {
    this.#set(ref, 0)
    this.#journal.written(this)
  }

  #set(ref: Ref, seen: number): void {
    const [oldRef, oldVersion, oldSeen, oldLinks] = [this.#ref, this.#version, this.#seen, this.#links]
    this.#journal.record(() => {
      this.#ref = oldRef
      this.#version = oldVersion
      this.#seen = oldSeen
      this.#links = oldLinks
    })
    this.#ref = ref
    this.#seen = seen
    this.#version = nextId()
  }

  spoil(why: string): void {
    if (this.#spoilt !== undefined) return
    this.#journal.record(() => {
      this.#spoilt = undefined
    })
    this.#spoilt = why
    this.#view?.parent.spoil(why)
    for (const { other } of this.#links) other.spoil(why)
  }

  /** The tensors whose memory this one shares for certain or perhaps, itself included. */
  *family(): Generator<Tensor> {
    yield this
    if (this.#view !== undefined) yield* this.#view.parent.family()
    for (const { other } of this.#links) yield* other.family()
  }
}

const UNCLEAR =
  'a tensor is written to that may or may not share its memory with another one that is read later; ' +
  'clone() it before the write'
