/** Processor time as Linux accounts it. Elsewhere every figure is NaN. */
import { MS_PER_TICK, readProcesses, readText, treeOf } from './processes.ts'

export interface CpuReading {
  /** `performance.now()` of the reading. */
  readonly at: number
  /** Milliseconds of processor time that a process has used. */
  ownMs(pid: number): number
  /** The same with its descendants, those that have ended included. */
  treeMs(pid: number): number
  /** Of all processes of the machine together. */
  readonly machineMs: number
}

export function readCpu(): CpuReading {
  const stats = readProcesses()
  const ownMs = (pid: number): number => stats.get(pid)?.cpuMs ?? Number.NaN
  const treeMs = (pid: number): number =>
    treeOf(pid, stats).reduce((sum, one) => sum + ownMs(one) + (stats.get(one)?.endedMs ?? 0), 0)
  return { at: performance.now(), ownMs, treeMs, machineMs: readMachineMs() }
}

/** Cores that processes other than this one and its descendants kept busy between two readings. */
export function foreignCores(before: CpuReading, after: CpuReading): number {
  const allMs = after.machineMs - before.machineMs
  const ourMs = after.treeMs(process.pid) - before.treeMs(process.pid)
  return Math.max(0, (allMs - ourMs) / (after.at - before.at))
}

/** Microseconds of processor time per request: of the server's process, and of its workers. */
export interface CpuPerRequest {
  readonly cpuUs: number
  readonly serverUs: number
  readonly workersUs: number
}

/** Runs `work` and shares the processor time that a server took for it out over its requests. */
export async function cpuPerRequest<T extends { readonly requests: number }>(
  pid: number | undefined,
  work: () => Promise<T>,
): Promise<T & CpuPerRequest> {
  const before = readCpu()
  const result = await work()
  const after = readCpu()
  const perRequest = (read: (reading: CpuReading) => number): number =>
    (1000 * (read(after) - read(before))) / result.requests
  const cpuUs = pid === undefined ? Number.NaN : perRequest(reading => reading.treeMs(pid))
  const serverUs = pid === undefined ? Number.NaN : perRequest(reading => reading.ownMs(pid))
  return { ...result, cpuUs, serverUs, workersUs: cpuUs - serverUs }
}

function readMachineMs(): number {
  const [user, nice, system] =
    readText('/proc/stat').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? []
  return ((user ?? Number.NaN) + (nice ?? 0) + (system ?? 0)) * MS_PER_TICK
}
