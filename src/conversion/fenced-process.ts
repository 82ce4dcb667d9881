import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Readable } from 'node:stream'

/** What a program is started with. */
export interface FencedOptions<R> {
  readonly program: string
  /** Its argument, as JSON. */
  readonly order: unknown
  readonly readable: readonly string[]
  /** The one folder that it may write. */
  readonly folder: string
  readonly limits: FenceLimits
  /** Takes each line of JSON that it says: the result where it is one. */
  take(message: unknown): R | undefined
}

export interface FenceLimits {
  readonly timeLimitMs: number
  readonly memoryLimitBytes: number
  /** Ends it. */
  readonly signal?: AbortSignal
}

export type FencedEnd<R> =
  | { readonly type: 'result'; readonly result: R }
  | { readonly type: 'stopped' }
  | { readonly type: 'limit'; readonly limit: 'time' | 'memory' }
  | { readonly type: 'crashed'; readonly what: string; readonly detail: string }

const MEMORY_CHECK_MS = 200
const PAGE_BYTES = 4096
const LAST_WORDS_CHARS = 2000
/** A report has the names of inputs and outputs, which the file chooses. */
const MAX_LINE_CHARS = 16 * 2 ** 20

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/**
 * A program of Sconce's own that works on a file from a stranger: in a process of its own, fenced in by Node's
 * permission model, and killed where it takes too long or too much. It tells how far it is, and its result, in lines of
 * JSON on file descriptor 3. Never rejects.
 */
export class FencedProcess<R> {
  readonly ended: Promise<FencedEnd<R>>
  readonly #child: ChildProcess
  #end: FencedEnd<R> | undefined
  #lastWords = ''

  constructor(options: FencedOptions<R>) {
    this.#child = start(options)
    children.add(this.#child)
    const stop = this.#guard(options.limits)
    this.#listen(options)
    this.ended = new Promise(resolve => {
      const finish = (what: string, detail: string) => {
        stop()
        children.delete(this.#child)
        resolve(this.#end ?? { type: 'crashed', what, detail })
      }
      this.#child.once('error', error => finish('its process could not be started', String(error)))
      this.#child.once('close', (code, signal) =>
        finish(`its process ended with ${signal ?? `code ${code}`}`, this.#lastWords),
      )
    })
  }

  /** Kills what takes too long or too much; the result ends that. */
  #guard({ timeLimitMs, memoryLimitBytes, signal }: FenceLimits): () => void {
    const kill = (end: FencedEnd<R>) => {
      this.#end ??= end
      this.#child.kill('SIGKILL')
    }
    const abort = () => kill({ type: 'stopped' })
    signal?.addEventListener('abort', abort)
    if (signal?.aborted === true) abort()
    const timer = setTimeout(() => kill({ type: 'limit', limit: 'time' }), timeLimitMs)
    const memory = setInterval(() => {
      if (residentBytes(this.#child.pid) > memoryLimitBytes) kill({ type: 'limit', limit: 'memory' })
    }, MEMORY_CHECK_MS)
    return () => {
      signal?.removeEventListener('abort', abort)
      clearTimeout(timer)
      clearInterval(memory)
    }
  }

  #listen(options: FencedOptions<R>): void {
    // stdio[3] was asked for as a pipe; it is not there where the system had no file descriptors left.
    const wire = this.#child.stdio?.[3] as Readable | undefined
    if (wire === undefined || this.#child.stderr === null) return
    wire.on('error', () => {}) // 'close' of the process tells the story.
    let waiting = ''
    wire.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (waiting + chunk).split('\n')
      // What a process that was killed has not finished saying stays here, and is not looked at.
      waiting = lines.pop() ?? ''
      for (const line of lines) this.#hear(line, options)
      if (waiting.length > MAX_LINE_CHARS) this.#child.kill('SIGKILL')
    })
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS_CHARS)
    })
  }

  /** Whoever a file has got the better of says anything. */
  #hear(line: string, options: FencedOptions<R>): void {
    try {
      const result = options.take(JSON.parse(line))
      if (result !== undefined) this.#end ??= { type: 'result', result }
    } catch (error) {
      this.#end ??= { type: 'crashed', what: 'it said what is no message', detail: String(error) }
      this.#child.kill('SIGKILL')
    }
  }
}

function start({ program, order, readable, folder }: FencedOptions<unknown>): ChildProcess {
  const flags = [
    '--permission',
    '--allow-addons',
    ...[...readable, folder].map(path => `--allow-fs-read=${path}`),
    `--allow-fs-write=${folder}`,
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
  ]
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: {},
  })
  dieFirst(child.pid)
  return child
}

/** Where memory runs out between two checks, Linux ends this process before the server and its workers. */
function dieFirst(pid: number | undefined): void {
  try {
    if (pid !== undefined) writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // Another system, or one that does not allow it.
  }
}

/** Resident memory, where the system tells it: on Linux. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    return 0
  }
}
