import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A child that has not ended by then is killed. */
const GRACE_MS = 5000

const children = new Set<ChildProcess>()
const folders = new Set<string>()

/** Notes a process that has to end with the benchmark, and gives it back. */
export function endWithUs<T extends ChildProcess>(child: T): T {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** A folder of the benchmark's own; whoever made it removes it with `removeFolder`. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sconce-bench-'))
  folders.add(folder)
  return folder
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  folders.delete(folder)
}

/**
 * From now on a signal ends what was noted here before it ends the benchmark, with 128 and the signal's number as the
 * exit code; a second one ends it at once.
 */
export function cleanUpOnSignals(): void {
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      const code = 128 + constants.signals[signal]
      for (const other of SIGNALS) process.once(other, () => process.exit(code))
      process.on('uncaughtException', () => {}) // What is measured fails when its server ends.
      void cleanUp().finally(() => process.exit(code))
    })
  }
}

async function cleanUp(): Promise<void> {
  await Promise.all([...children].map(end))
  await Promise.all([...folders].map(removeFolder))
}

async function end(child: ChildProcess): Promise<void> {
  child.removeAllListeners('exit') // They would call its end a fault.
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await ended
  clearTimeout(timer)
}
