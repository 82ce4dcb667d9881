import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of the worker processes that `pid` has started and that still run. Reads /proc: Linux only. */
export function workersOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => parentOf(child) === pid && commandOf(child).includes('worker/main'))
}

export function isAlive(pid: number): boolean {
  return parentOf(pid) !== undefined
}

/** Undefined for a process that is gone, or has ended and only waits to be collected. */
function parentOf(pid: number): number | undefined {
  // The name in brackets may hold anything; the state and the parent's id follow it.
  const [state, parent] = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
  return parent === undefined || state === 'Z' ? undefined : Number(parent)
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
