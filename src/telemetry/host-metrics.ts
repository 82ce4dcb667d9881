import { readFile, statfs } from 'node:fs/promises'
import { cpus, freemem, totalmem } from 'node:os'

const MB = 1024 ** 2
const GB = 1024 ** 3

/** The load of the machine, in TorchServe's units. Disk is the file system of `/`. */
export interface HostSample {
  /** 0 to 100, over all cores, since the sample before; in the first, since the machine started. */
  readonly cpuPercent: number
  readonly memoryUsedMB: number
  readonly memoryAvailableMB: number
  readonly memoryPercent: number
  readonly diskUsedGB: number
  readonly diskAvailableGB: number
  readonly diskPercent: number
}

export interface HostMetrics {
  /** The last sample; a new one if that is older than the interval. Undefined where the machine cannot be read. */
  latest(): Promise<HostSample | undefined>
  stop(): void
}

/** Reads the machine's load now and each `intervalS` seconds, without keeping the process alive. */
export function startHostMetrics(intervalS: number): HostMetrics {
  const intervalMs = intervalS * 1000
  let cpuTimes: CpuTimes = { busyMs: 0, totalMs: 0 }
  let sampledAt = -Infinity
  let running: Promise<HostSample | undefined> = Promise.resolve(undefined)

  const sample = () => {
    const before = cpuTimes
    cpuTimes = readCpuTimes()
    sampledAt = performance.now()
    running = readHost(cpuPercent(before, cpuTimes)).catch(() => undefined)
  }
  sample()
  // A timer cannot wait longer than 2^31 - 1 ms.
  const timer = setInterval(sample, Math.min(intervalMs, 2 ** 31 - 1)).unref()
  return {
    latest: () => {
      if (performance.now() - sampledAt > intervalMs) sample()
      return running
    },
    stop: () => clearInterval(timer),
  }
}

async function readHost(cpu: number): Promise<HostSample> {
  const [available, disk] = await Promise.all([readAvailableMemory(), statfs('/')])
  const total = totalmem()
  const diskUsed = (disk.blocks - disk.bfree) * disk.bsize
  const diskAvailable = disk.bavail * disk.bsize
  return {
    cpuPercent: cpu,
    memoryUsedMB: (total - available) / MB,
    memoryAvailableMB: available / MB,
    memoryPercent: percent(total - available, total),
    diskUsedGB: diskUsed / GB,
    diskAvailableGB: diskAvailable / GB,
    diskPercent: percent(diskUsed, diskUsed + diskAvailable),
  }
}

/** Bytes that programs can have without swapping. Linux counts what caches would give back; elsewhere what is free. */
async function readAvailableMemory(): Promise<number> {
  const meminfo = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kB = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1]
  return kB === undefined ? freemem() : Math.min(Number(kB) * 1024, totalmem())
}

interface CpuTimes {
  readonly busyMs: number
  readonly totalMs: number
}

function readCpuTimes(): CpuTimes {
  let busyMs = 0
  let idleMs = 0
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq
    idleMs += times.idle
  }
  return { busyMs, totalMs: busyMs + idleMs }
}

function cpuPercent(before: CpuTimes, now: CpuTimes): number {
  return percent(now.busyMs - before.busyMs, now.totalMs - before.totalMs)
}

function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, Math.max(0, Math.round((part / whole) * 1000) / 10))
}
