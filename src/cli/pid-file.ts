import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../archive/work-dir.ts'
import { failure } from '../errors.ts'

/** A process that may be signalled: its number alone may have gone to another one since. */
export interface BackgroundProcess {
  readonly pid: number
  /** As the system counts it; undefined where it does not tell, or the file came from TorchServe. */
  readonly startTime: string | undefined
}

/** TorchServe's place for it. */
export const pidFile = () => join(tmpdir(), '.model_server.pid')

/**
 * The server that runs in the background: TorchServe's file has its number, and ours when it started in a second line.
 * Undefined where it runs no more. Throws BAD_CONFIG where the file is not one of this user's own.
 */
export function readBackground(file = pidFile(), user = process.getuid?.()): BackgroundProcess | undefined {
  const [first, second = ''] = (readOwn(file, user) ?? '').split('\n')
  const found = { pid: Number(first), startTime: second.trim() || undefined }
  // 0 and below are groups of processes, 1 is the system's own.
  const isNumber = Number.isInteger(found.pid) && found.pid > 1
  return isNumber && isRunning(found) ? found : undefined
}

/** Whether this very process still runs: one that has ended and that its parent has not asked for does not. */
export function isRunning({ pid, startTime }: BackgroundProcess): boolean {
  if (!isAlive(pid)) return false
  const now = statOf(pid)
  if (now === undefined) return true
  return now.state !== 'Z' && (startTime === undefined || now.startTime === startTime)
}

/** Notes a process, in place of one that runs no more. Throws EEXIST where another start was quicker. */
export function writeBackground(pid: number, file = pidFile()): void {
  if (readBackground(file) === undefined) rmSync(file, { force: true })
  const descriptor = openSync(file, 'wx', 0o600)
  writeSync(descriptor, `${pid}\n${statOf(pid)?.startTime ?? ''}\n`)
  closeSync(descriptor)
}

export function removeBackground(file = pidFile()): void {
  rmSync(file, { force: true })
}

/** The text of a file that nobody else can have put there: the folder is open to every user. Undefined: no file. */
function readOwn(file: string, user: number | undefined): string | undefined {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  let descriptor: number
  try {
    descriptor = openSync(
      file,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    )
  } catch {
    throw notOwn(file)
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || (user !== undefined && stats.uid !== user)) throw notOwn(file)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function notOwn(file: string) {
  return failure(
    'BAD_CONFIG',
    `${file} is a link or belongs to another user, so it cannot be trusted. Remove it, or set TMPDIR to a folder of ` +
      'your own.',
  )
}

/**
 * Fields 3 and 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; undefined where there is no /proc.
 */
function statOf(pid: number): { state: string | undefined; startTime: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name before them may hold anything, blanks and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0], startTime: fields[22 - 3] }
  } catch {
    return undefined
  }
}
