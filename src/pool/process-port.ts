import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { encode, FrameError, FrameReader } from '../worker/framing.ts'
import { PAYLOAD_FILE, PayloadFile } from '../worker/payload-file.ts'
import type { FromWorker, Item, LoadOrder, ToWorker, Verb } from '../worker/protocol.ts'
import { LineReader } from './line-reader.ts'
import {
  LoadFailed,
  WorkerEnded,
  type BatchResult,
  type Loaded,
  type LogMessage,
  type WorkerPort,
} from './port.ts'

export interface ProcessPortOptions {
  /** The worker's program: src/worker/main.ts, or what it was built to. */
  readonly program: string
  /** Folders and files the worker may read; it may write nothing and start nothing. */
  readonly readable: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The worker is killed once it holds more resident memory than this. */
  readonly memoryLimitBytes: number
  onLog(message: LogMessage): void
}

const MEMORY_CHECK_MS = 500
/** Of the memory between what it held when it was ready and its limit; with more it is replaced between two batches. */
const OUTGROWN_SHARE = 0.7
/** What a frame may have beside the bodies of a batch's answers: heads, log lines, what a model is. */
const FRAME_ROOM_BYTES = 16 * 2 ** 20
/** How long a worker may live without its connection; one that ends closes it just before. */
const UNHEARD_MS = 1000
const PAGE_BYTES = 4096
const LAST_WORDS_CHARS = 2000

/** Workers that run. One that computes does not notice that its server has gone: it must not outlive it. */
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

interface Pending<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/** A worker in a process of its own, spoken to over a socket pair on its file descriptor 3. */
export class ProcessPort implements WorkerPort {
  readonly ended: Promise<WorkerEnded>
  readonly #child: ChildProcess
  readonly #wire: Duplex
  readonly #options: ProcessPortOptions
  readonly #file = PayloadFile.create()
  readonly #reader = new FrameReader<FromWorker>(FRAME_ROOM_BYTES, this.#file)
  #maxAnswerBytes = 0
  #unheard: NodeJS.Timeout | undefined
  #loading: Pending<Loaded> | undefined
  /** Batches that it has: one that it runs, and what was sent after it. */
  readonly #running: (Pending<BatchResult> & { batch: number; size: number })[] = []
  #batch = 0
  #killReason: string | undefined
  #lastWords = ''
  #gone: WorkerEnded | undefined
  /** What it held when it was ready. */
  #loadedBytes: number | undefined
  #outgrown: string | undefined

  constructor(options: ProcessPortOptions) {
    this.#options = options
    try {
      this.#child = startProcess(options, this.#file)
    } catch (error) {
      this.#file?.close()
      throw error
    }
    // stdio[3] was asked for as a pipe: it is a duplex socket.
    this.#wire = this.#child.stdio[3] as Duplex
    this.#listen()
    const guard = setInterval(() => this.#checkMemory(), MEMORY_CHECK_MS)
    guard.unref()
    this.ended = new Promise(resolve => {
      const end = (why: WorkerEnded) => {
        if (this.#gone !== undefined) return // After 'error', 'close' may follow.
        clearInterval(guard)
        clearTimeout(this.#unheard)
        children.delete(this.#child)
        this.#settle(why)
        resolve(why)
      }
      this.#child.once('error', error => end(new WorkerEnded(`could not be started: ${error.message}`)))
      // 'close' and not 'exit': by then the last lines on standard error have been read.
      this.#child.once('close', (code, signal) => end(this.#reasonOf(code, signal)))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  load(order: LoadOrder): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      this.#loading = { resolve, reject }
      this.#maxAnswerBytes = order.maxResponseSize
      this.#send({ type: 'load', order })
    })
  }

  run(verb: Verb, items: readonly Item[]): Promise<BatchResult> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      const batch = ++this.#batch
      this.#running.push({ batch, resolve, reject, size: items.length })
      const largest = Math.max(...this.#running.map(({ size }) => size))
      this.#reader.maxBytes = FRAME_ROOM_BYTES + largest * this.#maxAnswerBytes
      this.#send({ type: 'run', batch, verb, items })
    })
  }

  get outgrown(): string | undefined {
    return this.#outgrown
  }

  memoryBytes(): number | undefined {
    if (this.#gone || this.pid === undefined) return undefined
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, 'latin1').split(' ')[1])
      return pages * PAGE_BYTES
    } catch {
      return undefined // Not Linux, or the process has just gone.
    }
  }

  stop(): void {
    if (!this.#gone) this.#send({ type: 'stop' })
  }

  kill(reason: string): void {
    this.#killReason ??= reason
    this.#child.kill('SIGKILL')
  }

  #send(message: ToWorker): void {
    const pieces = encode(message, this.#file) // It may throw, and must not leave the wire corked.
    this.#wire.cork()
    for (const piece of pieces) this.#wire.write(piece)
    this.#wire.uncork()
  }

  #listen(): void {
    this.#wire.on('data', (chunk: Buffer) => {
      if (this.#killReason !== undefined || this.#gone !== undefined) return
      try {
        for (const message of this.#reader.push(chunk)) this.#take(message)
      } catch (error) {
        const what = error instanceof FrameError ? error.message : String(error)
        this.kill(`sent what is not a message: ${what}`)
      }
    })
    // A worker that dies while it is written to resets the socket; 'close' of the process then tells the story.
    for (const event of ['end', 'error']) {
      this.#wire.on(event, () => {
        if (this.#gone !== undefined) return
        this.#unheard ??= setTimeout(() => this.kill('closed its connection to the server'), UNHEARD_MS)
      })
    }
    const say = (level: 'info' | 'warn') => (line: string) =>
      this.#options.onLog({ type: 'log', level, message: line, fields: {} })
    new LineReader(say('info')).read(this.#child.stdout)
    const warn = say('warn')
    new LineReader(line => {
      this.#lastWords = `${this.#lastWords}${line}\n`.slice(-LAST_WORDS_CHARS)
      warn(line)
    }).read(this.#child.stderr)
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case 'loaded':
        this.#loadedBytes = this.memoryBytes()
        return this.#loading?.resolve(message)
      case 'load-failed':
        return this.#loading?.reject(new LoadFailed(message.message, message.detail, message.outOfMemory))
      case 'done':
        return this.#finish(message)
      case 'log':
        return this.#options.onLog(message)
    }
  }

  #finish(message: Extract<FromWorker, { type: 'done' }>): void {
    const index = this.#running.findIndex(({ batch }) => batch === message.batch)
    const running = this.#running[index]
    if (message.answers.length !== running?.size) {
      throw new FrameError(
        `${message.answers.length} answers to batch ${message.batch}, which is not running`,
      )
    }
    this.#running.splice(index, 1)
    if (this.#running.length === 0) this.#file?.shrink()
    return running.resolve(message)
  }

  #settle(why: WorkerEnded): void {
    this.#gone = why
    this.#loading?.reject(why)
    for (const running of this.#running.splice(0)) running.reject(why)
    this.#wire.destroy()
    this.#file?.close()
  }

  #checkMemory(): void {
    const bytes = this.memoryBytes() ?? 0
    const limit = this.#options.memoryLimitBytes
    const held = `held ${toMegabytes(bytes)} MB of memory; its limit (worker_memory_limit_mb) is ${toMegabytes(limit)} MB`
    if (bytes > limit) this.kill(held)
    // A large model is no leak: what counts is what came since.
    const loaded = this.#loadedBytes ?? Infinity
    if (bytes > loaded + (limit - loaded) * OUTGROWN_SHARE) this.#outgrown ??= held
  }

  #reasonOf(code: number | null, signal: NodeJS.Signals | null): WorkerEnded {
    const memory = /heap out of memory|bad_alloc|worker_memory_limit/
    const ended =
      this.#killReason ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`)
    return new WorkerEnded(ended, {
      outOfMemory: code === 137 || memory.test(ended) || memory.test(this.#lastWords),
      isKilled: this.#killReason === undefined && signal === 'SIGKILL',
      lastWords: this.#lastWords,
    })
  }
}

function startProcess(
  { program, readable, env }: ProcessPortOptions,
  file: PayloadFile | undefined,
): ChildProcess {
  const flags = [
    // Tensors lie outside of V8's heap: they are not to make it search all of that again and again.
    '--external-memory-accounted-in-global-limit',
    '--permission',
    '--allow-addons',
    ...readable.map(path => `--allow-fs-read=${path}`),
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
  ]
  const args = file === undefined ? [] : [PAYLOAD_FILE]
  const child = spawn(process.execPath, [...flags, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', file?.fd ?? 'ignore'],
    env: {
      ...env,
      // Gives freed memory back to the system at once; glibc would keep the largest load it has seen.
      MALLOC_TRIM_THRESHOLD_: '131072',
    },
  })
  // Against what is declared there are no pipes where the system had no file descriptors for them.
  if (Object.hasOwn(child, 'stdio')) {
    children.add(child)
    return child
  }
  child.once('error', () => {}) // It follows, and says the same.
  throw new WorkerEnded('could not be started: the system gave no file descriptors for it')
}

function toMegabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
