/** The processes of this machine as Linux shows them in /proc. Elsewhere there are none. */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node.js runs on. */
export const MS_PER_TICK = 10

export interface ProcessStat {
  readonly parent: number
  /** Milliseconds of processor time so far. */
  readonly cpuMs: number
  /** The same of its descendants that have ended. */
  readonly endedMs: number
}

export function readProcesses(): Map<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>()
  for (const name of listProc()) {
    if (!/^\d+$/.test(name)) continue
    const text = readText(`/proc/${name}/stat`)
    // The command's name, in parentheses, may hold anything; the third field comes after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    if (fields.length < 15) continue // It has just ended.
    const ms = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) * MS_PER_TICK
    stats.set(Number(name), { parent: Number(fields[1]), cpuMs: ms(11), endedMs: ms(13) })
  }
  return stats
}

/** A process and its descendants that are alive. */
export function treeOf(pid: number, stats: ReadonlyMap<number, ProcessStat> = readProcesses()): number[] {
  const children = [...stats].filter(([, { parent }]) => parent === pid)
  return [pid, ...children.flatMap(([child]) => treeOf(child, stats))]
}

/** Empty where it cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

function listProc(): string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
}
