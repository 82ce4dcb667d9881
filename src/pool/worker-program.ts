import { existsSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { CODE_FOLDERS, HOME, moduleFile } from '../home.ts'

/** What every worker process of this server is started with. */
export interface WorkerProgram {
  readonly program: string
  /** What any worker may read: Sconce itself and its packages. */
  readonly readable: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Variables that would change what the worker's Node.js does, or that hold secrets of the server. */
const NEVER_PASSED = /^(NODE_OPTIONS|NODE_V8_COVERAGE|NODE_CHANNEL_.*|NODE_UNIQUE_ID|TS_KEYSTORE_PASS)$/

/**
 * `hidden` is a regular expression: variables whose whole name matches are not passed on (`blacklist_env_vars`).
 */
export function workerProgram(
  env: Readonly<Record<string, string | undefined>>,
  hidden: string | undefined,
): WorkerProgram {
  const isHidden = hidden === undefined ? () => false : matchesWhole(hidden)
  const passed = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || NEVER_PASSED.test(name) || isHidden(name) ? [] : [[name, value] as const],
  )
  return {
    program: moduleFile('worker/main'),
    readable: [join(HOME, 'package.json'), ...CODE_FOLDERS, ...packageFolders()],
    env: Object.fromEntries(passed),
  }
}

/** The node_modules folders in and above the package's root, where a package manager may have put what Sconce depends on. */
function packageFolders(): string[] {
  const folders: string[] = []
  for (let at = HOME; ; at = dirname(at)) {
    const folder = at.endsWith(`${sep}node_modules`) ? at : join(at, 'node_modules')
    if (existsSync(folder)) folders.push(folder)
    if (dirname(at) === at) return [...new Set(folders)]
  }
}

function matchesWhole(pattern: string): (name: string) => boolean {
  const whole = new RegExp(`^(?:${pattern})$`)
  return name => whole.test(name)
}

/** The memory this process and its children may use together: the control group's limit, or the machine's. */
export function totalMemoryBytes(): number {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFileSync(file, 'latin1'))
      if (limit > 0 && limit < totalmem()) return limit
    } catch {
      // Not this version of control groups, or none at all.
    }
  }
  return totalmem()
}
