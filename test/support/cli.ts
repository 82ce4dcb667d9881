import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { home, onFreePorts, type LogLine } from './server.ts'
import { waitFor } from './wait-for.ts'

export interface CliOptions {
  /** A file of src/cli, `sconce.ts` by default; or any other by its whole path. */
  readonly program?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A command line that runs as a process of its own. */
export class Cli {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], { program = 'sconce.ts', env, cwd }: CliOptions = {}) {
    this.child = spawn(process.execPath, [resolve(home, 'src/cli', program), ...args], {
      cwd: cwd ?? home,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()))
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** The lines of its log so far, each parsed; throws where one is no JSON. */
  get log(): LogLine[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return whole.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as LogLine]))
  }

  logged(message: string): Promise<LogLine> {
    return waitFor(`"${message}" in the log of the server`, () => {
      if (this.child.exitCode !== null) throw new Error(`It ended: ${this.stdout}${this.stderr}`)
      return this.log.find(({ msg }) => msg === message)
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Runs a command to its end and gives what it said; throws that where it failed. */
export async function runToEnd(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const cli = new Cli(args, options)
  const { code } = await cli.ended
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${cli.stdout}${cli.stderr}`)
  return cli.stdout + cli.stderr
}

export interface CliServer {
  readonly cli: Cli
  readonly inference: string
  readonly management: string
  readonly metrics: string
}

/** Starts a server with everything in the store on free ports, and waits until it is up. */
export async function startCliServer(
  store: string,
  flags: readonly string[] = [],
  options: CliOptions = {},
): Promise<CliServer> {
  const cli = new Cli(['start', '--model-store', store, '--models', 'all', ...onFreePorts, ...flags], options)
  const { addresses } = await cli.logged('Sconce is up').catch(async (error: unknown) => {
    cli.signal('SIGKILL') // Nobody else knows of it.
    await cli.ended
    throw error
  })
  // What the banner of this very version says.
  return { cli, ...(addresses as { inference: string; management: string; metrics: string }) }
}
