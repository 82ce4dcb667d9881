/** Which requests are traced. */
export interface Sampling {
  readonly isOn: boolean
  /** One in so many requests whose client has not decided it; 0: none of them. */
  readonly rate: number
}

/** The sampling of all models, and of those that have one of their own. Changes hold from the next request on. */
export class TraceSampling {
  readonly #atStart: Sampling
  #global: Sampling
  readonly #ofModels = new Map<string, Partial<Sampling>>()

  /** `isOn` false: spans have nowhere to go. */
  constructor({ isOn, ratio }: { isOn: boolean; ratio: number }) {
    this.#atStart = { isOn, rate: ratio === 0 ? 0 : 1 / ratio }
    this.#global = this.#atStart
  }

  /** Whether spans have somewhere to go; nothing can be traced without. */
  get isPossible(): boolean {
    return this.#atStart.isOn
  }

  /** What holds for a model; undefined: for those without settings of their own. */
  read(model?: string): Sampling {
    return { ...this.#global, ...(model === undefined ? undefined : this.#ofModels.get(model)) }
  }

  /** Sets what is given; what is undefined goes back: a model's to that of all, that of all to the configured one. */
  update(changes: { readonly [key in keyof Sampling]?: Sampling[key] | undefined }, model?: string): void {
    const given = Object.entries(changes)
    const old = Object.entries((model === undefined ? this.#global : this.#ofModels.get(model)) ?? {})
    // A key that is given as undefined falls out, and what is below it shows.
    const kept = Object.fromEntries(
      [...new Map([...old, ...given])].filter(([, value]) => value !== undefined),
    ) as Partial<Sampling> // Its keys are those of two Samplings.
    if (model === undefined) this.#global = { ...this.#atStart, ...kept }
    else if (Object.keys(kept).length > 0) this.#ofModels.set(model, kept)
    else this.#ofModels.delete(model)
  }

  /** Forgets the models that are not among these. */
  keep(models: ReadonlySet<string>): void {
    for (const model of this.#ofModels.keys()) if (!models.has(model)) this.#ofModels.delete(model)
  }

  /** The share of a model's requests to trace, among those whose client has not decided it; undefined: none at all. */
  ratioOf(model: string): number | undefined {
    const { isOn, rate } = this.#ofModels.size === 0 ? this.#global : this.read(model)
    if (!isOn) return undefined
    return rate === 0 ? 0 : 1 / rate
  }
}
