import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stopBackground } from '../../../src/cli/background.ts'
import { isRunning, pidFile, readBackground, writeBackground } from '../../../src/cli/pid-file.ts'
import { isAlive } from '../../support/processes.ts'
import { freshTmpdir } from '../../support/server.ts'
import { waitFor } from '../../support/wait-for.ts'

let tmp: Awaited<ReturnType<typeof freshTmpdir>>
let running: ChildProcess
let pid: number
beforeEach(async () => {
  tmp = await freshTmpdir()
  running = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
  pid = running.pid ?? 0
})
afterEach(async () => {
  running.kill('SIGKILL')
  await tmp.remove()
})

async function stop(): Promise<{ code: number; said: string }> {
  let said = ''
  const say = (text: string) => void (said += text)
  return { code: await stopBackground({ out: say, err: say }), said }
}

test('a process that was noted is found again, its number alone in the first line', async () => {
  writeBackground(pid)
  expect(readBackground()).toMatchObject({ pid })
  expect((await readFile(pidFile(), 'utf8')).split('\n')[0]).toBe(String(pid))
  expect((await stat(pidFile())).mode & 0o777).toBe(0o600)
})

test('TorchServe’s file, which has only the number, is understood', async () => {
  await writeFile(pidFile(), String(pid))
  expect(readBackground()).toEqual({ pid, startTime: undefined })
  expect(await stop()).toEqual({ code: 0, said: 'TorchServe has stopped.\n' })
  expect(isAlive(pid)).toBe(false)
})

test('a stranger that got the number of a server that is gone is left alone, and its place can be taken', async () => {
  await writeFile(pidFile(), `${pid}\n1\n`)
  // Where the system does not tell when a process started, its number has to do.
  const isKnown = isRunning({ pid, startTime: undefined }) && !isRunning({ pid, startTime: '1' })
  expect(isKnown).toBe(process.platform === 'linux')
  if (!isKnown) return
  expect(await stop()).toEqual({ code: 0, said: 'TorchServe is not currently running.\n' })
  expect(isAlive(pid)).toBe(true)
  writeBackground(pid)
  expect(readBackground()).toMatchObject({ pid })
})

test.runIf(process.platform === 'linux')(
  'one that has ended runs no more, though nobody collects it',
  async () => {
    // A shell that goes on as a program that never asks for the shell's child, as the first one of many containers.
    const script = 'exec 3<&0; cat <&3 & echo $!; exec sleep 1000'
    const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer]
      const ended = Number(line.toString())
      const name = () => readFile(`/proc/${parent.pid}/comm`, 'utf8')
      await waitFor('the shell to be another program', async () => (await name()) === 'sleep\n')
      parent.stdin.end() // And with it the child.
      await waitFor('its end', () => !isRunning({ pid: ended, startTime: undefined }))
      expect(() => process.kill(ended, 0)).not.toThrow()
      await writeFile(pidFile(), String(ended))
      expect(await stop()).toEqual({ code: 0, said: 'TorchServe is not currently running.\n' })
    } finally {
      parent.kill('SIGKILL')
    }
  },
)

test('one that runs keeps its place', () => {
  writeBackground(pid)
  expect(() => writeBackground(process.pid)).toThrow('EEXIST')
  expect(readBackground()).toMatchObject({ pid })
})

test.each(['', 'no number', '-1', '0', '1', '1.5', '99999999999'])(
  'a file with %j names nobody',
  async text => {
    await writeFile(pidFile(), text)
    expect(readBackground()).toBeUndefined()
  },
)

test('a link is neither followed nor written through', async () => {
  const target = join(tmp.dir, 'target')
  await writeFile(target, String(pid))
  await symlink(target, pidFile())
  for (const use of [() => readBackground(), () => writeBackground(process.pid)]) {
    expect(use).toThrow('is a link or belongs to another user')
  }
  await expect(stop()).rejects.toThrow('set TMPDIR')
  expect(await readFile(target, 'utf8')).toBe(String(pid))
  expect(isAlive(pid)).toBe(true)
})

test('a file of another user is not believed', () => {
  writeBackground(pid)
  const somebodyElse = (process.getuid?.() ?? 0) + 1
  expect(() => readBackground(pidFile(), somebodyElse)).toThrow('belongs to another user')
})
