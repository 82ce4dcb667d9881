/**
 * The documents are true: their shell blocks run, in order, each document in a folder of its own with servers of its
 * own; a JSON block below a shell block is its answer; quoted files are the files; links lead somewhere.
 *
 * ```sh is executed, ```console is only shown. A block that starts a server in front runs beside the ones after it.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const executed = [
  'README.md',
  'docs/guides/*.md',
  'examples/*/README.md',
  'model-store/README.md',
  'CONTRIBUTING.md',
]
const everywhere = [...executed, 'CHANGELOG.md', 'docs/**/*.md']

interface Block {
  readonly language: string
  readonly text: string
  readonly line: number
  /** `<!-- file: path -->` above the block: what it quotes. */
  readonly quotes: string | undefined
}

function list(patterns: readonly string[]): string[] {
  const names = new Set(globSync(patterns, { cwd: root }))
  return [...names].toSorted((one, other) => one.localeCompare(other))
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/(?:<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$/gms)].map(
    ({ 1: quotes, 2: language = '', 3: content = '', index }) => {
      return { quotes, language, text: content, line: text.slice(0, index).split('\n').length }
    },
  )
}

/** A copy of what the commands use: what they write stays there. */
async function makeWorkplace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sconce-docs-'))
  for (const name of ['src', 'handlers', 'node_modules']) await symlink(join(root, name), join(folder, name))
  for (const name of ['package.json', 'config', 'examples', 'model-store', 'proto', 'test/fixtures']) {
    await cp(join(root, name), join(folder, name), { recursive: true })
  }
  return folder
}

/** The variable of each port that a document may name, and what it says. */
const APIS: Readonly<Record<string, readonly [name: string, toValue: (port: number | undefined) => string]>> =
  {
    7070: ['TS_GRPC_INFERENCE_PORT', String],
    7071: ['TS_GRPC_MANAGEMENT_PORT', String],
    8080: ['TS_INFERENCE_ADDRESS', port => `http://127.0.0.1:${port}`],
    8081: ['TS_MANAGEMENT_ADDRESS', port => `http://127.0.0.1:${port}`],
    8082: ['TS_METRICS_ADDRESS', port => `http://127.0.0.1:${port}`],
  }

/** Held all at once and then let go, so that no two documents get the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  // Listening on TCP, the address is an object.
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

/** A shell in a workplace, in which a document's ports are free ones. */
class Shell {
  readonly #folder: string
  readonly #ports: ReadonlyMap<string, number>
  readonly #env: NodeJS.ProcessEnv
  #server: ChildProcess | undefined

  constructor(folder: string, ports: readonly number[]) {
    this.#folder = folder
    this.#ports = new Map(Object.keys(APIS).map((port, index) => [port, ports[index] ?? 0]))
    const addresses = Object.entries(APIS).map(
      ([port, [name, toValue]]) => [name, toValue(this.#ports.get(port))] as const,
    )
    // A place for the process id of a server in the background that is not everybody's.
    this.#env = {
      ...process.env,
      ...Object.fromEntries(addresses),
      TMPDIR: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
    }
  }

  async run({ text }: Block): Promise<string> {
    const script = text
      .replaceAll(/(?<=127\.0\.0\.1:)(808[012]|707[01])/g, port => String(this.#ports.get(port)))
      // What a clone begins with has been done here.
      .replaceAll('npm ci && ', '')
    if (/^(npm start|npx node src\/cli\/sconce\.ts start)(?!.*--(background|stop))/m.test(script)) {
      return this.#serve(script)
    }
    if (script.includes('--background')) await this.stop()
    const options = { cwd: this.#folder, env: this.#env }
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], options)
    return stdout
  }

  async #serve(script: string): Promise<string> {
    await this.stop()
    const options = { cwd: this.#folder, env: this.#env, detached: true } as const
    const server = spawn('bash', ['-euc', script], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#server = server
    let output = ''
    return new Promise((resolve, reject) => {
      server.stdout.on('data', chunk => {
        output += String(chunk)
        if (output.includes('Model server started.')) resolve(output)
      })
      server.once('exit', () => reject(new Error(`The server did not start: ${output}`)))
    })
  }

  /** Ends the server with everything between it and this shell. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'close')
    process.kill(-server.pid, 'SIGTERM')
    await ended
  }
}

/** JSON with its numbers cut to what every processor agrees on. */
function rounded(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown) =>
    typeof value === 'number' ? Number(value.toFixed(3)) : value,
  )
}

/** Runs a document's shell blocks; each answer that it prints, with what the document prints. */
async function runDocument(document: string, shell: Shell): Promise<Answer[]> {
  const blocks = blocksOf(document)
  const answers: Answer[] = []
  for (const [index, block] of blocks.entries()) {
    if (block.language !== 'sh') continue
    const output = await shell.run(block).catch((cause: unknown) => {
      throw new Error(`${document}, line ${block.line} does not run`, { cause })
    })
    const next = blocks[index + 1]
    if (next?.language !== 'json' || next.quotes !== undefined) {
      // curl is content with an error; a document that does not show it is not.
      if (/"type": "\w+Exception"/.test(output)) {
        throw new Error(`${document}, line ${block.line} is answered with an error: ${output}`)
      }
      continue
    }
    answers.push({ line: next.line, printed: rounded(next.text), given: rounded(output) })
  }
  return answers
}

interface Answer {
  readonly line: number
  readonly printed: unknown
  readonly given: unknown
}

const documents = list(executed)
const apis = Object.keys(APIS).length
const ports = await freePorts(apis * documents.length)

test.each(documents.map((document, index) => ({ document, first: index * apis })))(
  'the commands of $document work and answer what it says',
  async ({ document, first }) => {
    const folder = await makeWorkplace()
    const shell = new Shell(folder, ports.slice(first, first + apis))
    try {
      const answers = await runDocument(document, shell)
      expect(answers.map(({ line, given }) => ({ line, answer: given }))).toEqual(
        answers.map(({ line, printed }) => ({ line, answer: printed })),
      )
    } finally {
      await shell.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test.each(documents)('the files that %s quotes are as it quotes them', document => {
  const quoted = blocksOf(document).flatMap(({ quotes, text }) => (quotes ? [{ quotes, text }] : []))
  expect(quoted).toEqual(
    quoted.map(({ quotes }) => ({ quotes, text: readFileSync(join(root, quotes), 'utf8') })),
  )
})

test.each(list(everywhere))('%s links to what is there', document => {
  const text = readFileSync(join(root, document), 'utf8').replaceAll(/^```.*?^```$/gms, '')
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  expect(links.filter(link => !/^https?:/.test(link) && !leadsSomewhere(document, link))).toEqual([])
})

function leadsSomewhere(document: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? document : join(dirname(document), path)
  if (!existsSync(join(root, target))) return false
  if (heading === undefined) return true
  const headings = readFileSync(join(root, target), 'utf8').match(/^#+ .*$/gm) ?? []
  return headings.map(toAnchor).includes(heading)
}

/** As GitHub names headings: lower case, hyphens for spaces, no punctuation. */
function toAnchor(heading: string): string {
  const words = heading.replace(/^#+ /, '').toLowerCase()
  return words.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
}
