/** Processor time as Linux accounts it. Elsewhere every figure is NaN. */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node.js runs on. */
const MS_PER_TICK = 10

export interface CpuReading {
  /** `performance.now()` of the reading. */
  readonly at: number
  /** Milliseconds of processor time that a process has used, with its descendants that are alive. */
  treeMs(pid: number): number
  /** Of all processes of the machine together. */
  readonly machineMs: number
}

interface ProcessStat {
  readonly parent: number
  readonly cpuMs: number
}

export function readCpu(): CpuReading {
  const stats = readProcesses()
  const children = Map.groupBy(stats.keys(), pid => stats.get(pid)?.parent)
  const ownMs = (pid: number): number => stats.get(pid)?.cpuMs ?? Number.NaN
  const treeMs = (pid: number): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + treeMs(child), ownMs(pid))
  return { at: performance.now(), treeMs, machineMs: readMachineMs() }
}

/** Cores that processes other than this one and its descendants kept busy between two readings. */
export function foreignCores(before: CpuReading, after: CpuReading): number {
  const allMs = after.machineMs - before.machineMs
  const ourMs = after.treeMs(process.pid) - before.treeMs(process.pid)
  return Math.max(0, (allMs - ourMs) / (after.at - before.at))
}

function readProcesses(): Map<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>()
  for (const name of listProc()) {
    if (!/^\d+$/.test(name)) continue
    const text = readText(`/proc/${name}/stat`)
    // The command's name, in parentheses, may hold anything; the third field comes after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    if (fields.length < 13) continue // It has just ended.
    const ticks = Number(fields[11]) + Number(fields[12])
    stats.set(Number(name), { parent: Number(fields[1]), cpuMs: ticks * MS_PER_TICK })
  }
  return stats
}

function readMachineMs(): number {
  const [user, nice, system] =
    readText('/proc/stat').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? []
  return ((user ?? Number.NaN) + (nice ?? 0) + (system ?? 0)) * MS_PER_TICK
}

function listProc(): string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
