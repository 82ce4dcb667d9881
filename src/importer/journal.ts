interface Entry {
  readonly undo: () => void
}

/** What changed since a mark: lets a branch be tried and taken back. */
export class Journal<Tensor extends object> {
  #entries: Entry[] | undefined
  #written = new Set<Tensor>()
  /** Things other than tensors that changed: lists, dictionaries, attributes. */
  #changed = new Set<object>()

  record(undo: () => void): void {
    this.#entries?.push({ undo })
  }

  written(tensor: Tensor): void {
    this.#written.add(tensor)
  }

  /** Notes a change of a list, dictionary or object before it happens. */
  change(what: object, undo: () => void): void {
    this.#changed.add(what)
    this.record(undo)
  }

  /**
   * Runs `work` and takes all its changes back. `work` gets what has been changed so far, to look at when it is done:
   * the tensors that were written, and the lists, dictionaries and objects.
   */
  attempt<T>(work: (changes: Changes<Tensor>) => T): T {
    const outer = { entries: this.#entries, written: this.#written, changed: this.#changed }
    const entries: Entry[] = []
    this.#entries = entries
    this.#written = new Set()
    this.#changed = new Set()
    try {
      return work({ written: this.#written, changed: this.#changed })
    } finally {
      for (const entry of entries.toReversed()) entry.undo()
      this.#entries = outer.entries
      this.#written = outer.written
      this.#changed = outer.changed
    }
  }
}

export interface Changes<Tensor extends object> {
  readonly written: ReadonlySet<Tensor>
  readonly changed: ReadonlySet<object>
}
