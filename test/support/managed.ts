import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelStore } from './model-store.ts'
import { workersOf } from './processes.ts'
import { startTestServer, type Description, type TestServer } from './server.ts'

/** What a server answered: its status and its JSON (or text, where it is none). */
export interface Said {
  readonly status: number
  readonly body: unknown
}

/** A server whose models are managed over its API; it starts with none. */
export class Managed {
  readonly server: TestServer
  readonly #store: ModelStore

  constructor(server: TestServer, store: ModelStore) {
    this.server = server
    this.#store = store
  }

  post(query: string): Promise<Said> {
    return this.ask('POST', `/models?${query}`)
  }

  postJson(body: unknown): Promise<Said> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return say(this.server.management, '/models', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    })
  }

  ask(method: string, path: string): Promise<Said> {
    return say(this.server.management, path, { method })
  }

  predict(model: string, body: string | Uint8Array = ''): Promise<Said> {
    return say(this.server.inference, `/predictions/${model}`, { method: 'POST', body: Buffer.from(body) })
  }

  async describe(model: string): Promise<Description> {
    const { status, body } = await this.ask('GET', `/models/${model}`)
    if (status !== 200) throw new Error(`${model} cannot be described: ${JSON.stringify(body)}`)
    // The first version of the answer's list.
    return (body as [Description])[0]
  }

  /** All that registered models hold: names, worker processes, unpacked folders, files of the store. */
  async holdings(): Promise<Holdings> {
    return {
      models: this.server.server.registry.all().map(({ name, version }) => `${name} ${version}`),
      workers: workersOf(process.pid).length,
      unpacked: (await unpackedFolders(process.pid)).length,
      files: (await readdir(this.#store.dir)).toSorted(),
    }
  }

  /** Takes out all that is registered. */
  async clear(): Promise<void> {
    const { registry } = this.server.server
    for (const model of registry.all().toSorted(one => (registry.isDefault(one) ? 1 : -1))) {
      await this.ask('DELETE', `/models/${model.name}/${encodeURIComponent(model.version)}`)
    }
  }

  stop(): Promise<void> {
    return this.server.stop()
  }
}

export interface Holdings {
  readonly models: readonly string[]
  readonly workers: number
  readonly unpacked: number
  readonly files: readonly string[]
}

export async function startManaged(store: ModelStore, flags: readonly string[] = []): Promise<Managed> {
  const server = await startTestServer(store, [
    '--load-models',
    '',
    '--enable-model-api',
    '--disable-token-auth',
    '--ncs',
    '--default-workers-per-model=0',
    ...flags,
  ])
  return new Managed(server, store)
}

/** The folders that the servers of a process have unpacked archives into. */
export async function unpackedFolders(pid: number): Promise<string[]> {
  const work = (await readdir(tmpdir())).filter(name => name.startsWith(`sconce-${pid}-`))
  const inside = await Promise.all(work.map(name => readdir(join(tmpdir(), name)).catch(() => [])))
  return inside.flat()
}

async function say(origin: string, path: string, init: RequestInit): Promise<Said> {
  const response = await fetch(origin + path, init)
  const text = await response.text()
  try {
    return { status: response.status, body: JSON.parse(text) as unknown }
  } catch {
    return { status: response.status, body: text }
  }
}
