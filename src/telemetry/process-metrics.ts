import { readdirSync } from 'node:fs'
import type { Instruments } from './instruments.ts'
import type { Level, Tally } from './series.ts'

/** The server's own process, read when the page is asked for and at no other time. */
export class ProcessMetrics {
  readonly #cpuUser: Tally
  readonly #cpuSystem: Tally
  readonly #cpu: Tally
  readonly #resident: Level
  readonly #heapUsed: Level
  readonly #lag: Level
  readonly #openFiles: Level
  readonly #start: Level
  #usage = { user: 0, system: 0 }

  constructor(instruments: Instruments) {
    this.#cpuUser = instruments.tally('process_cpu_user_seconds_total', {})
    this.#cpuSystem = instruments.tally('process_cpu_system_seconds_total', {})
    this.#cpu = instruments.tally('process_cpu_seconds_total', {})
    this.#start = instruments.level('process_start_time_seconds', {})
    this.#resident = instruments.level('process_resident_memory_bytes', {})
    this.#openFiles = instruments.level('process_open_fds', {})
    this.#heapUsed = instruments.level('nodejs_heap_size_used_bytes', {})
    this.#lag = instruments.level('nodejs_eventloop_lag_seconds', {})
  }

  async settle(): Promise<void> {
    const askedAt = performance.now()
    await new Promise(resolve => setImmediate(resolve))
    this.#lag.set((performance.now() - askedAt) / 1000)
    this.#readCpu()
    const memory = process.memoryUsage()
    this.#resident.set(memory.rss)
    this.#heapUsed.set(memory.heapUsed)
    this.#start.set(performance.timeOrigin / 1000)
    const files = openFiles()
    if (files !== undefined) this.#openFiles.set(files)
    const levels = [this.#lag, this.#resident, this.#heapUsed, this.#start, this.#openFiles]
    for (const series of [...levels, this.#cpuUser, this.#cpuSystem, this.#cpu]) series.settle()
  }

  #readCpu(): void {
    const { user, system } = process.cpuUsage()
    const userS = (user - this.#usage.user) / 1e6
    const systemS = (system - this.#usage.system) / 1e6
    this.#usage = { user, system }
    this.#cpuUser.add(userS)
    this.#cpuSystem.add(systemS)
    this.#cpu.add(userS + systemS)
  }
}

/** Only Linux lists them. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
