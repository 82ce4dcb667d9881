import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { CommandIo } from './command.ts'
import { isRunning, readBackground, removeBackground, writeBackground } from './pid-file.ts'

const STOP_POLL_MS = 50
const TAIL_LINES = 20

/** Starts the same command as a process of its own and returns once it listens, or has failed. */
export async function startInBackground(args: readonly string[], io: CommandIo): Promise<number> {
  if (readBackground() !== undefined) return refuseSecond(io)
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
  try {
    writeBackground(child.pid)
  } catch (error) {
    child.kill() // Nobody would ever stop it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return refuseSecond(io) // Another start was quicker.
  }
  io.out(`Started with process id ${child.pid}; it logs to ${logFile}. Stop it with --stop.\n`)
  child.disconnect()
  child.unref()
  return 0
}

/** Ends the server that runs in the background and waits until it is gone. */
export async function stopBackground(io: CommandIo): Promise<number> {
  const server = readBackground()
  if (server === undefined) {
    io.out('TorchServe is not currently running.\n')
    return 0
  }
  process.kill(server.pid, 'SIGTERM')
  while (isRunning(server)) await pause(STOP_POLL_MS)
  removeBackground()
  io.out('TorchServe has stopped.\n')
  return 0
}

/** Whether this program is `torchserve`, which needs no command name before its flags. */
function isLauncher(): boolean {
  return /torchserve(\.[jt]s)?$/.test(process.argv[1] ?? '')
}

function refuseSecond(io: CommandIo): number {
  io.err('TorchServe is already running, please use torchserve --stop to stop TorchServe.\n')
  return 1
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}
