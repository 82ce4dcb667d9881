/** The server as its users start it: a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { home, onFreePorts } from '../support/server.ts'
import { workersOf } from '../support/processes.ts'

const PAGE_KB = 4
/** As pino numbers it. */
const ERROR_LEVEL = 50

export class ServerProcess {
  readonly inference: string
  readonly management: string
  readonly metrics: string
  /** Lines of its log that are errors. */
  readonly errors: readonly string[]
  readonly #child: ChildProcess
  readonly #tmpdir: string

  private constructor({ child, tmpdir, addresses, errors }: Parts) {
    this.#child = child
    this.#tmpdir = tmpdir
    this.inference = addresses.inference
    this.management = addresses.management
    this.metrics = addresses.metrics
    this.errors = errors
  }

  /** Starts it with a store of which it loads nothing; `tmpdir` is its temporary folder, `nodeFlags` are Node's own. */
  static async start(
    store: string,
    tmpdir: string,
    nodeFlags: readonly string[] = [],
  ): Promise<ServerProcess> {
    const program = join(home, 'src/cli/sconce.ts')
    const flags = [
      '--model-store',
      store,
      '--ncs',
      '--enable-model-api',
      '--disable-token-auth',
      '--foreground',
    ]
    const args = [
      ...nodeFlags,
      program,
      'start',
      ...flags,
      ...onFreePorts,
      '--log-format',
      'json',
      '--log-level',
      'info',
    ]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, TMPDIR: tmpdir, LOG_LOCATION: tmpdir },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const errors: string[] = []
    const addresses = await new Promise<Addresses>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`The server ended with ${code}.`)))
      createInterface({ input: child.stdout }).on('line', line => {
        if (!line.startsWith('{')) return
        const entry = JSON.parse(line) as LogLine
        if (entry.level >= ERROR_LEVEL) errors.push(line)
        if (entry.msg === 'Sconce is up') resolve(entry.addresses)
      })
    })
    return new ServerProcess({ child, tmpdir, addresses, errors })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  workers(): number[] {
    return workersOf(this.pid)
  }

  /** Folders that it has unpacked archives into. */
  async unpacked(): Promise<string[]> {
    const work = (await readdir(this.#tmpdir)).filter(name => name.startsWith(`sconce-${this.pid}-`))
    const inside = await Promise.all(work.map(name => readdir(join(this.#tmpdir, name))))
    return inside.flat()
  }

  async rssKb(): Promise<number> {
    return Number((await readFile(`/proc/${this.pid}/statm`, 'latin1')).split(' ')[1]) * PAGE_KB
  }

  /** Ends it and gives its exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    // The arguments of 'exit' are the code and the signal.
    const [code] = (await ended) as [number | null]
    return code
  }
}

interface Addresses {
  readonly inference: string
  readonly management: string
  readonly metrics: string
}

interface LogLine {
  readonly level: number
  readonly msg: string
  readonly addresses: Addresses
}

interface Parts {
  readonly child: ChildProcess
  readonly tmpdir: string
  readonly addresses: Addresses
  readonly errors: readonly string[]
}
