import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive } from '../archive/work-dir.ts'
import type { CommandIo } from './command.ts'

const STOP_POLL_MS = 50
const TAIL_LINES = 20

/** TorchServe's place for it. */
const pidFile = () => join(tmpdir(), '.model_server.pid')

/** Starts the same command as a process of its own and returns once it listens, or has failed. */
export async function startInBackground(args: readonly string[], io: CommandIo): Promise<number> {
  if (runningPid() !== undefined) {
    io.err('TorchServe is already running, please use torchserve --stop to stop TorchServe.\n')
    return 1
  }
  const folder = process.env['LOG_LOCATION'] ?? 'logs'
  mkdirSync(folder, { recursive: true })
  const logFile = join(folder, 'sconce.log')
  const log = openSync(logFile, 'a')
  // argv[1] is the program as it was called; the last flag wins.
  const program = [process.argv[1] ?? '', ...(isLauncher() ? [] : ['start']), ...args, '--foreground']
  const child = spawn(process.execPath, program, { detached: true, stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  const started = await new Promise<unknown>(resolve => {
    child.once('message', resolve)
    child.once('exit', () => resolve(undefined))
    child.once('error', () => resolve(undefined))
  })
  if (started === undefined || child.pid === undefined) {
    io.err(`The server did not start. The end of ${logFile}:\n${tail(logFile)}\n`)
    return 1
  }
  writeFileSync(pidFile(), String(child.pid), { mode: 0o600 })
  io.out(`Started with process id ${child.pid}; it logs to ${logFile}. Stop it with --stop.\n`)
  child.disconnect()
  child.unref()
  return 0
}

/** Ends the server that runs in the background and waits until it is gone. */
export async function stopBackground(io: CommandIo): Promise<number> {
  const pid = runningPid()
  if (pid === undefined) {
    io.out('TorchServe is not currently running.\n')
    return 0
  }
  process.kill(pid, 'SIGTERM')
  while (isAlive(pid)) await pause(STOP_POLL_MS)
  rmSync(pidFile(), { force: true })
  io.out('TorchServe has stopped.\n')
  return 0
}

/** Whether this program is `torchserve`, which needs no command name before its flags. */
function isLauncher(): boolean {
  return /torchserve(\.[jt]s)?$/.test(process.argv[1] ?? '')
}

function runningPid(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile(), 'utf8'))
    return Number.isInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined
  } catch {
    return undefined // No file: nothing runs.
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}
