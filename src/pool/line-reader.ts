import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

const MAX_LINE_CHARS = 8192
const MAX_LINES_PER_SECOND = 200

/** Cuts a worker's output into lines: at most 8,192 characters each and 200 a second; the rest is counted. */
export class LineReader {
  readonly #onLine: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #second = 0
  #lines = 0

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  read(stream: Readable | null): void {
    stream?.on('data', (chunk: Buffer) => this.#push(this.#decoder.write(chunk)))
    stream?.on('end', () => {
      if (this.#rest !== '') this.#emit(this.#rest)
      this.#tellDropped()
    })
  }

  #push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS)
    for (const line of lines) this.#emit(line.slice(0, MAX_LINE_CHARS))
  }

  #emit(line: string): void {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      this.#tellDropped()
      this.#second = second
      this.#lines = 0
    }
    if (++this.#lines <= MAX_LINES_PER_SECOND) this.#onLine(line)
  }

  #tellDropped(): void {
    const dropped = this.#lines - MAX_LINES_PER_SECOND
    if (dropped > 0) this.#onLine(`(${dropped} more lines within one second were dropped)`)
  }
}
