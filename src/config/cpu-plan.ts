import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

export interface CpuLimits {
  /** Cores that this process may run on. */
  readonly cores: number
  /** Cores' worth of time that the control group allows, as 1.5; undefined without a limit. */
  readonly quota: number | undefined
}

export interface CpuPlan {
  /** Whole cores to plan with, at least 1. */
  readonly usable: number
  readonly workersPerModel: number
  readonly threadsPerWorker: number
}

/** More workers than this for one model cost more memory than they bring; a user may still ask for more. */
const MOST_DEFAULT_WORKERS = 4

/** Shares the cores out: workers times threads is at most the usable cores, unless `workers` alone is more. */
export function planCpu({ cores, quota, workers }: CpuLimits & { readonly workers?: number }): CpuPlan {
  const usable = Math.max(1, Math.floor(Math.min(cores, quota ?? cores)))
  const workersPerModel = workers || Math.min(usable, MOST_DEFAULT_WORKERS)
  return { usable, workersPerModel, threadsPerWorker: Math.max(1, Math.floor(usable / workersPerModel)) }
}

/** What the machine and the control group allow. `root` is where /proc and /sys are found. */
export async function readCpuLimits(root = '/'): Promise<CpuLimits> {
  const cores = availableParallelism()
  const membership = await readText(join(root, 'proc/self/cgroup'))
  const quotas = await Promise.all(
    listGroupFolders(membership ?? '0::/').map(folder => readQuota(join(root, folder))),
  )
  const limits = quotas.filter(quota => quota !== undefined)
  return { cores, quota: limits.length === 0 ? undefined : Math.min(...limits) }
}

/**
 * The folders whose limits apply: the process's own group and every group above it, since each may be the tightest.
 * A container may see its group's path from outside, where only the topmost folder exists; it is in the list too.
 */
function listGroupFolders(membership: string): string[] {
  return membership.split('\n').flatMap(line => {
    const [, hierarchy, controllers = '', path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (path === undefined) return []
    if (hierarchy === '0' && controllers === '')
      return listParents(path).map(group => join('sys/fs/cgroup', group))
    if (!controllers.split(',').includes('cpu')) return []
    return listParents(path).flatMap(group =>
      ['cpu', controllers].map(mount => join('sys/fs/cgroup', mount, group)),
    )
  })
}

/** `/a/b` gives `/a/b`, `/a` and `/`; steps upwards cannot leave the root. */
function listParents(path: string): string[] {
  const names = join('/', path).split('/').filter(Boolean)
  return Array.from({ length: names.length + 1 }, (_, i) => `/${names.slice(0, names.length - i).join('/')}`)
}

/** Cores' worth of time in one folder: `cpu.max` of version 2, else the two files of version 1. */
async function readQuota(folder: string): Promise<number | undefined> {
  const max = await readText(join(folder, 'cpu.max'))
  if (max !== undefined) return toCores(...splitWords(max))
  const [quota, period] = await Promise.all([
    readText(join(folder, 'cpu.cfs_quota_us')),
    readText(join(folder, 'cpu.cfs_period_us')),
  ])
  return toCores(quota, period)
}

const splitWords = (text: string): [string | undefined, string | undefined] => {
  const [first, second] = text.trim().split(/\s+/)
  return [first, second]
}

/** `max`, -1 and what cannot be read are no limit. */
function toCores(quota: string | undefined, period: string | undefined): number | undefined {
  const cores = Number(quota ?? Number.NaN) / Number(period ?? Number.NaN)
  return Number.isFinite(cores) && cores > 0 ? cores : undefined
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}
