import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { planCpu, readCpuLimits } from '../../../src/config/cpu-plan.ts'

describe('the CPU plan', () => {
  test.each([
    [
      { cores: 8, quota: undefined },
      { usable: 8, workersPerModel: 4, threadsPerWorker: 2 },
    ],
    [
      { cores: 2, quota: undefined },
      { usable: 2, workersPerModel: 2, threadsPerWorker: 1 },
    ],
    [
      { cores: 64, quota: 2.5 },
      { usable: 2, workersPerModel: 2, threadsPerWorker: 1 },
    ],
    [
      { cores: 4, quota: 0.5 },
      { usable: 1, workersPerModel: 1, threadsPerWorker: 1 },
    ],
    [
      { cores: 4, quota: 16 },
      { usable: 4, workersPerModel: 4, threadsPerWorker: 1 },
    ],
    [
      { cores: 16, quota: undefined, workers: 3 },
      { usable: 16, workersPerModel: 3, threadsPerWorker: 5 },
    ],
    [
      { cores: 2, quota: undefined, workers: 9 },
      { usable: 2, workersPerModel: 9, threadsPerWorker: 1 },
    ],
    [
      { cores: 2, quota: undefined, workers: 0 },
      { usable: 2, workersPerModel: 2, threadsPerWorker: 1 },
    ],
  ])('%j gives %j', (facts, plan) => {
    expect(planCpu(facts)).toEqual(plan)
  })
})

describe('the quota of the control group', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cgroup-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  test.each<[what: string, files: Record<string, string>, quota: number | undefined]>([
    ['nothing there is no limit', {}, undefined],
    [
      'version 2 at the root',
      { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n' },
      1.5,
    ],
    ['max is no limit', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' }, undefined],
    ['without /proc the root is read', { 'sys/fs/cgroup/cpu.max': '200000 100000\n' }, 2],
    [
      'the tightest group above counts',
      {
        'proc/self/cgroup': '0::/pod/box\n',
        'sys/fs/cgroup/pod/cpu.max': '100000 100000\n',
        'sys/fs/cgroup/pod/box/cpu.max': '400000 100000\n',
      },
      1,
    ],
    [
      'a path that is seen from outside falls back to the root',
      { 'proc/self/cgroup': '0::/docker/abc\n', 'sys/fs/cgroup/cpu.max': '300000 100000\n' },
      3,
    ],
    [
      'a path that climbs stays below the root',
      { 'proc/self/cgroup': '0::/../../../box\n', 'sys/fs/cgroup/box/cpu.max': '50000 100000\n' },
      0.5,
    ],
    [
      'version 1',
      {
        'proc/self/cgroup': '5:memory:/m\n4:cpu,cpuacct:/box\n',
        'sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us': '250000\n',
        'sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us': '100000\n',
      },
      2.5,
    ],
    [
      'version 1 without a limit',
      {
        'proc/self/cgroup': '4:cpu:/\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      undefined,
    ],
    ['nonsense is no limit', { 'proc/self/cgroup': '???', 'sys/fs/cgroup/cpu.max': 'a b c' }, undefined],
    ['an empty file is no limit', { 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '' }, undefined],
  ])('%s', async (_, files, quota) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    expect(await readCpuLimits(root)).toEqual({ cores: availableParallelism(), quota })
  })
})
