import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))

test('a quick benchmark of the hop prints the machine and a ratio for each size', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, '--quick', '--json', 'hop'], {
    encoding: 'utf8',
  })

  expect(stderr).toContain('hop 1 kB in, 4 kB out: round 1')
  expect(status).toBe(0)
  const printed = JSON.parse(stdout)
  expect(printed.machine.cores).toBeGreaterThan(0)
  expect(printed.reports[0].results).toHaveLength(2)
  for (const result of printed.reports[0].results) expect(result.perSecond.ratio.median).toBeGreaterThan(0)
})

test('a benchmark that does not exist is refused with the names of those that do', () => {
  const { stderr, status } = spawnSync(process.execPath, [program, 'hopp'], { encoding: 'utf8' })

  expect(stderr).toBe('There is no benchmark "hopp"; there are http, latency, hop, oip, grpc, import.\n')
  expect(status).toBe(2)
})
