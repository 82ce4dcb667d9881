import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of the worker processes that `pid` has started and that still run. Reads /proc: Linux only. */
export function workersOf(pid: number): number[] {
  return processes().filter(
    child => statOf(child)?.parent === pid && commandOf(child).includes('worker/main'),
  )
}

/** Process ids of those of a group that still run: what a detached process has started, and itself. */
export function groupOf(pid: number): number[] {
  return processes().filter(one => statOf(one)?.group === pid)
}

export function isAlive(pid: number): boolean {
  return statOf(pid) !== undefined
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

/** Undefined for a process that is gone, or has ended and only waits to be collected. */
function statOf(pid: number): { parent: number; group: number } | undefined {
  // The name in brackets may hold anything; the state and the ids of parent and group follow it.
  const [state, parent, group] = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
  return parent === undefined || state === 'Z' ? undefined : { parent: Number(parent), group: Number(group) }
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
