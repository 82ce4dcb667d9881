import { refusal } from './refusal.ts'
import type { Token } from './tokenizer.ts'

/** Goes through the tokens of one file; whatever is not expected is a refusal with its line. */
export class Cursor {
  readonly #tokens: readonly Token[]
  readonly #file: string
  #at = 0

  constructor(tokens: readonly Token[], file: string) {
    this.#tokens = tokens
    this.#file = file
  }

  /** The token `offset` places from here. */
  look(offset: number): Token | undefined {
    return this.#tokens[this.#at + offset]
  }

  peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: 0 }
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  is(mark: string): boolean {
    const token = this.peek()
    return token.kind === 'mark' && token.text === mark
  }

  isName(name: string): boolean {
    const token = this.peek()
    return token.kind === 'name' && token.text === name
  }

  accept(mark: string): boolean {
    if (!this.is(mark)) return false
    this.#at++
    return true
  }

  expect(mark: string): void {
    if (!this.accept(mark)) this.fail(`"${mark}" is expected`)
  }

  name(): string {
    const token = this.next()
    return token.kind === 'name' ? token.text : this.fail('a name is expected')
  }

  line(): void {
    if (this.next().kind !== 'newline') this.fail('the end of the line is expected')
  }

  fail(what: string): never {
    throw refusal(what, { file: this.#file, line: this.peek().line })
  }
}
