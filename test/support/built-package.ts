import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { runToEnd } from './cli.ts'
import { home } from './server.ts'

/** Of package.json, what says where things are. */
interface Manifest {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
}

/**
 * What `npm run build` makes, in a folder of its own as an installation has it: the packages in a node_modules folder
 * above, and the commands as links in `bin`.
 */
export class BuiltPackage {
  readonly dir: string
  readonly manifest: Manifest

  constructor(dir: string, manifest: Manifest) {
    this.dir = dir
    this.manifest = manifest
  }

  /** The whole path of a command, as a shell finds it. */
  command(name: string): string {
    return join(this.dir, 'bin', name)
  }

  /** The content of every file in dist/ with this ending. */
  async contents(ending: string): Promise<string[]> {
    const dist = join(this.dir, 'dist')
    const names = (await readdir(dist, { recursive: true })).filter(name => name.endsWith(ending))
    return Promise.all(names.map(name => readFile(join(dist, name), 'utf8')))
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true })
  }
}

export async function buildPackage(): Promise<BuiltPackage> {
  // Below the repository's node_modules, so that what was built finds its packages.
  const caches = join(home, 'node_modules/.cache')
  await mkdir(caches, { recursive: true })
  const dir = await mkdtemp(join(caches, 'sconce-built-'))
  try {
    return await buildInto(dir)
  } catch (error) {
    await rm(dir, { recursive: true })
    throw error
  }
}

async function buildInto(dir: string): Promise<BuiltPackage> {
  await runToEnd([join(dir, 'dist')], { program: join(home, 'scripts/build.ts') })
  for (const name of ['package.json', 'config'])
    await cp(join(home, name), join(dir, name), { recursive: true })
  // Our own file: what it holds is known.
  const manifest = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as Manifest
  await mkdir(join(dir, 'bin'))
  for (const [name, file] of Object.entries(manifest.bin)) {
    await symlink(join('..', file), join(dir, 'bin', name))
  }
  return new BuiltPackage(dir, manifest)
}
