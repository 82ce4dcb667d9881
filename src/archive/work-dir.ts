import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'sconce-'

/**
 * A fresh folder for this server's unpacked archives, readable only by its user. Folders that servers left behind
 * which were killed are removed on the way.
 */
export async function claimWorkDir(): Promise<string> {
  const parent = tmpdir()
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = /^sconce-(\d+)-\w{6}$/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) {
      // Somebody else's folder stays: it cannot be removed, and need not be.
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
    }
  }
  return mkdtemp(join(parent, `${PREFIX}${process.pid}-`))
}

/** Whether a process of this id runs, be it another user's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
