import { writeSync } from 'node:fs'

const CHUNK_CHARS = 32 * 1024
const FLUSH_AFTER_MS = 200
const RETRY_AFTER_MS = 10
const MAX_PENDING_CHARS = 64 * 1024 * 1024
const GIVE_UP_AFTER_MS = 2_000

/**
 * Collects lines and writes them to a file descriptor in large chunks, in order.
 *
 * A write is tried at once and never left to a thread, so that at exit it is known exactly what is still to be
 * written. Node sets a standard output that is a pipe to non-blocking: where its reader is slow, the rest waits here
 * (64 Mi characters at most, then whole lines are dropped and counted) and the event loop goes on.
 */
export class LineWriter {
  readonly #fd: number
  readonly #onDropped: (lines: number) => void
  #lines = ''
  /** What the descriptor did not take of the chunk before. */
  #rest: Uint8Array = new Uint8Array(0)
  #timer: NodeJS.Timeout | undefined
  #dropped = 0
  #closed = false
  #exiting = false

  /** `onDropped` is told how many lines were lost, once there is room to say so. */
  constructor(fd: number, onDropped: (lines: number) => void) {
    this.#fd = fd
    this.#onDropped = onDropped
    process.once('exit', () => {
      this.#exiting = true
      this.flushSync()
    })
  }

  write(line: string): void {
    if (this.#closed) return
    if (this.#lines.length + line.length > MAX_PENDING_CHARS) {
      this.#dropped++
      return
    }
    this.#lines += line
    if (this.#exiting) this.flushSync()
    else if (this.#lines.length >= CHUNK_CHARS && this.#rest.length === 0) this.writeOut()
    else this.#writeOutAfter(FLUSH_AFTER_MS)
  }

  /** Writes what the descriptor takes at once, without waiting. True when nothing is left. */
  writeOut(): boolean {
    try {
      this.#drain()
    } catch (error) {
      this.#onError(error)
    }
    clearTimeout(this.#timer)
    this.#timer = undefined
    const done = this.#isEmpty()
    if (!done) this.#writeOutAfter(RETRY_AFTER_MS)
    else if (this.#dropped > 0) this.#reportDropped()
    return done
  }

  /**
   * Resolves when everything written so far has been taken by the descriptor, or its reader has taken nothing for two
   * seconds: then nothing more is written, so that a server can end whose log nobody reads.
   */
  async flush(): Promise<void> {
    const patience = new Patience()
    while (!this.writeOut() && patience.goesOn(this.#rest.length)) {
      await new Promise(resolve => setTimeout(resolve, RETRY_AFTER_MS))
    }
    this.#closed ||= !this.#isEmpty()
  }

  /** The same, blocking: for the end of the process. Gives up on a reader that takes nothing for two seconds. */
  flushSync(): void {
    if (this.#closed) return
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    const patience = new Patience()
    while (!this.writeOut() && patience.goesOn(this.#rest.length)) {
      Atomics.wait(sleeper, 0, 0, RETRY_AFTER_MS)
    }
  }

  #drain(): void {
    while (!this.#isEmpty()) {
      if (this.#rest.length === 0) {
        this.#rest = Buffer.from(this.#lines)
        this.#lines = ''
      }
      this.#rest = this.#rest.subarray(writeSync(this.#fd, this.#rest))
    }
  }

  #isEmpty(): boolean {
    return this.#rest.length === 0 && this.#lines === ''
  }

  #onError(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EAGAIN' || code === 'EINTR') return
    // Nobody is left to tell: a reader that is gone stays gone, a full disk may have room again for later lines.
    this.#closed = code === 'EPIPE' || code === 'EBADF'
    this.#rest = new Uint8Array(0)
    this.#lines = ''
  }

  #reportDropped(): void {
    const dropped = this.#dropped
    this.#dropped = 0
    this.#onDropped(dropped)
  }

  #writeOutAfter(ms: number): void {
    this.#timer ??= setTimeout(() => this.writeOut(), ms).unref()
  }
}

/** How long a reader is waited for that takes nothing. */
class Patience {
  #left = -1
  #since = 0

  /** To be asked before each pause, with what is left to be taken. */
  goesOn(left: number): boolean {
    const now = performance.now()
    if (left !== this.#left) {
      this.#left = left
      this.#since = now
    }
    return now - this.#since < GIVE_UP_AFTER_MS
  }
}
