import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { groupOf } from '../support/processes.ts'
import { waitFor } from '../support/wait-for.ts'

const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))

test('a benchmark that is interrupted leaves neither servers nor folders behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const bench = spawn(process.execPath, [program, '--quick', 'kills'], {
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: folder },
    detached: true, // A group of its own: what it has started is found by it.
  })
  const ended = once(bench, 'exit')
  const { pid = 0 } = bench
  onTestFinished(() => groupOf(pid).forEach(one => process.kill(one, 'SIGKILL')))
  await waitFor('a server to have workers', () => groupOf(pid).length >= 3)
  expect(await readdir(folder)).not.toEqual([])
  bench.kill('SIGTERM')
  expect(await ended).toEqual([128 + 15, null])
  await waitFor('all processes of it to have ended', () => groupOf(pid).length === 0)
  expect((await readdir(folder)).filter(name => name.startsWith('sconce-bench-'))).toEqual([])
})
