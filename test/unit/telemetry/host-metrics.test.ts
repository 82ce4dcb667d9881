import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startHostMetrics } from '../../../src/telemetry/host-metrics.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('the load of this machine is read in the units of TorchServe', async () => {
  const host = startHostMetrics(60)
  const sample = await host.latest()
  host.stop()
  for (const percent of [sample?.cpuPercent, sample?.memoryPercent, sample?.diskPercent]) {
    expect(percent).toBeGreaterThanOrEqual(0)
    expect(percent).toBeLessThanOrEqual(100)
  }
  expect(sample?.memoryUsedMB).toBeGreaterThan(10)
  expect(sample?.memoryAvailableMB).toBeGreaterThan(10)
  expect(sample?.diskUsedGB).toBeGreaterThan(0)
})

test('a sample serves until the interval is over', async () => {
  const host = startHostMetrics(60)
  const first = await host.latest()
  expect(await host.latest()).toBe(first)
  vi.advanceTimersByTime(60_001)
  expect(await host.latest()).not.toBe(first)
  host.stop()
})

test('without the timer an old sample is read anew when it is asked for', async () => {
  const host = startHostMetrics(60)
  const first = await host.latest()
  host.stop()
  vi.advanceTimersByTime(60_001)
  expect(await host.latest()).not.toBe(first)
})
