/** Who imports whom in src/ and handlers/, and what docs/architecture.md allows. */
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Import {
  /** A path from the root, `src/errors.ts`, or the name of a package. */
  readonly target: string
  readonly isPackage: boolean
  readonly isType: boolean
  readonly isDynamic: boolean
}

export interface SourceFile {
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
}

export function readSources(): SourceFile[] {
  const paths = globSync(['src/**/*.ts', 'handlers/**/*.ts'], { cwd: root })
  return paths.map(path => parseSource(path, readFileSync(join(root, path), 'utf8')))
}

const STATIC = /^(?:import|export)\s+(type\s)?[^'"`;]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm
const DYNAMIC = /\bimport\('([^']+)'\)/g

export function parseSource(path: string, text: string): SourceFile {
  const imports = [
    ...[...text.matchAll(STATIC)].map(([, type, from, bare]) => ({
      name: from ?? bare ?? '',
      isType: type !== undefined,
      isDynamic: false,
    })),
    ...[...text.matchAll(DYNAMIC)].map(([, name = '']) => ({ name, isType: false, isDynamic: true })),
  ]
  return {
    path,
    lines: text.trimEnd().split('\n').length,
    imports: imports
      .filter(({ name }) => !name.startsWith('node:'))
      .map(({ name, ...kind }) => {
        const isPackage = !name.startsWith('.')
        const target = isPackage ? packageOf(name) : posix.join(posix.dirname(path), name)
        return { target, isPackage, ...kind }
      }),
  }
}

/** `@scope/name/inner` belongs to `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export interface Grant {
  /** A part of src/ as the table names it: `errors.ts`, `config`, `worker/protocol.ts`; `*` is any. */
  readonly part: string
  readonly typesOnly: boolean
}

/** The rows of the table below the heading: what the backticks of the first column may do with those of the second. */
export function readTable(heading: string): Map<string, Grant[]> {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const section = text.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter(line => line.startsWith('| `'))
  return new Map(
    rows.flatMap(row => {
      const [, names = '', grants = ''] = row.split('|')
      const granted = [...grants.matchAll(/`([^`]+)`( \(types\))?/g)].map(([, part = '', types]) => ({
        part,
        typesOnly: types !== undefined,
      }))
      return [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, granted] as const)
    }),
  )
}

/** The row of a file: its folder below src/, the file itself where it lies in src/, or `handlers`. */
export function partOf(path: string): string {
  const [top = '', folder = ''] = path.split('/')
  return top === 'src' ? folder : top
}

/** What is wrong with a file's imports by the table: one sentence each. */
export function forbiddenImports(file: SourceFile, table: ReadonlyMap<string, readonly Grant[]>): string[] {
  const part = partOf(file.path)
  const grants = table.get(part)
  if (grants === undefined) return [`${file.path}: docs/architecture.md has no row for ${part}`]
  const isAllowed = ({ target, isType }: Import) =>
    partOf(target) === part ||
    (target.startsWith('src/') &&
      grants.some(
        grant =>
          (grant.part === '*' || `${target}/`.startsWith(`src/${grant.part}/`)) &&
          (isType || !grant.typesOnly),
      ))
  return file.imports
    .filter(one => !one.isPackage && !isAllowed(one))
    .map(one => `${file.path} imports ${one.isType ? 'types of ' : ''}${one.target}`)
}

/** Packages that a file imports and that have another owner, or none. */
export function strayPackages(file: SourceFile, owners: ReadonlyMap<string, readonly Grant[]>): string[] {
  const isOwned = ({ target }: Import) =>
    owners.get(target)?.some(({ part }) => `${file.path}/`.startsWith(`src/${part}/`)) ?? false
  return file.imports
    .filter(one => one.isPackage && !isOwned(one))
    .map(({ target }) => `${file.path} imports ${target}`)
}

/** A cycle of static imports as the paths along it; undefined where there is none. */
export function findCycle(files: readonly SourceFile[]): string[] | undefined {
  const byPath = new Map(files.map(file => [file.path, file]))
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    const at = trail.indexOf(path)
    if (at >= 0) return [...trail.slice(at), path]
    if (done.has(path)) return undefined
    for (const { target, isPackage, isDynamic } of byPath.get(path)?.imports ?? []) {
      const cycle = isPackage || isDynamic ? undefined : visit(target, [...trail, path])
      if (cycle !== undefined) return cycle
    }
    done.add(path)
    return undefined
  }
  for (const { path } of files) {
    const cycle = visit(path, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}
