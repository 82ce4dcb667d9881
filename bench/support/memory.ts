/** Memory as Linux accounts it. Elsewhere every figure is NaN. */
import { readText, treeOf } from './processes.ts'

/** Megabytes of a process and its descendants, pages that several of them map counted once. */
export function pssMb(pid: number): number {
  return sumMb(pid, 'smaps_rollup', /^Pss:\s+(\d+)/m)
}

/** Megabytes: for each process of the tree the most that it has held, added up. */
export function peakMb(pid: number): number {
  return sumMb(pid, 'status', /^VmHWM:\s+(\d+)/m)
}

function sumMb(pid: number, file: string, pattern: RegExp): number {
  const readings = treeOf(pid).map(one => Number(pattern.exec(readText(`/proc/${one}/${file}`))?.[1]) / 1024)
  // A process that has just ended holds nothing; where none can be read there is no figure.
  const known = readings.filter(reading => !Number.isNaN(reading))
  return known.length === 0 ? Number.NaN : known.reduce((sum, reading) => sum + reading, 0)
}
