/** How many bytes of requests and answers may be held at a time, whichever connection they came by. */
export class ByteBudget {
  readonly #limit: number
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Takes bytes where they are to be had; false where they are not. */
  tryTake(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false
    this.#used += bytes
    return true
  }

  /** Takes bytes that are there already, such as an answer's: what comes next finds less. */
  take(bytes: number): void {
    this.#used += bytes
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
  }
}
