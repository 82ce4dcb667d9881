/**
 * Builds what is published, into dist/ or the folder that it is given: the programs of src/ and the handlers with all
 * that they import, in few files, which Node.js opens in a third of the time that it takes for hundreds; the types of
 * the handlers' contract; and the licences of the packages that went into the files.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown, type RolldownOutput } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const [folder = join(root, 'dist')] = process.argv.slice(2)
const target = resolve(folder)

/** Whatever is started or imported by the name of its file: src/home.ts knows where. */
const PROGRAMS = [
  'src/cli/sconce',
  'src/cli/torchserve',
  'src/cli/torch-model-archiver',
  'src/worker/main',
  'src/conversion/program',
  'src/conversion/optimise-program',
  'src/runtime/handler',
  ...readdirSync(join(root, 'handlers')).map(file => `handlers/${basename(file, '.ts')}`),
]

/** What stays in node_modules: native code, files read as they are, and what few servers load and is large. */
const EXTERNAL = [
  'onnxruntime-node',
  'sharp',
  'pino-pretty',
  '@fastify/swagger-ui',
  // Not its API, which prom-client loads as well: all copies of that share what they know.
  /^@opentelemetry\/(?!api$)/,
]

rmSync(target, { recursive: true, force: true })
const output = await bundle()
writeTypes()
writeLicences(output)
// Our own file: what it holds is known.
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>
}
for (const file of Object.values(bin)) chmodSync(join(target, file.replace(/^dist\//, '')), 0o755)
console.log(`Built ${folder}`)

async function bundle(): Promise<RolldownOutput> {
  const input = Object.fromEntries(PROGRAMS.map(name => [name, join(root, `${name}.ts`)]))
  const build = await rolldown({ cwd: root, input, external: [/^node:/, ...EXTERNAL], platform: 'node' })
  const written = await build.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // The licences' own; the others would only be read at each start.
    comments: { legal: true, jsdoc: false, annotation: false },
  })
  await build.close()
  return written
}

/** Of what a handler imports, and nothing else: the rest is no library. */
function writeTypes(): void {
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  const args = ['-p', join(root, 'tsconfig.build.json'), '--outDir', target]
  const { status } = spawnSync(compiler, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function writeLicences({ output: files }: RolldownOutput): void {
  const modules = files.flatMap(file => (file.type === 'chunk' ? file.moduleIds : []))
  const packages = new Set(modules.flatMap(module => packageFolder(module) ?? []))
  const texts = [...packages].toSorted().map(folderOfPackage => describeLicence(folderOfPackage))
  const head = 'Packages whose code is in the files of this folder, with their licences.\n'
  writeFileSync(join(target, 'THIRD-PARTY-LICENSES.txt'), [head, ...texts].join(`\n${'-'.repeat(80)}\n\n`))
}

/** The folder of the package that a module is of; undefined for our own. */
function packageFolder(module: string): string | undefined {
  return /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(module)?.[0]
}

function describeLicence(packageRoot: string): string {
  // A package's own file: what is used of it every package has.
  const { name, version, license } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license: string
  }
  const files = readdirSync(packageRoot).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.map(file => readFileSync(join(packageRoot, file), 'utf8').trim())
  if (texts.length === 0) texts.push(licenceInReadme(packageRoot))
  return [`${name} ${version} (${license})`, ...texts, ''].join('\n\n')
}

/** Few packages say it there only, under a heading of its own. */
function licenceInReadme(packageRoot: string): string {
  const readme = readdirSync(packageRoot).find(file => /^readme/i.test(file))
  const text = readme === undefined ? '' : readFileSync(join(packageRoot, readme), 'utf8')
  const said = /^#+ *licen[cs]e *\n(.*?)(?=^#|(?![^]))/ims.exec(text)?.[1]?.trim()
  if (said === undefined) throw new Error(`${packageRoot} does not say what its licence is`)
  return said
}
