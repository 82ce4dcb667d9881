/** What each action of `sconce models` asks the management API for, and what it shows. */
import { DEFAULT_ADDRESS, ManagementError, type ManagementClient } from './management-client.ts'
import { records, shown, viewModel, viewModels, type Described } from './model-views.ts'

/** Flags by name without their dashes; a switch is 'true'. */
export type Given = Readonly<Record<string, string | undefined>>

export interface Answer {
  /** For `--json`. */
  readonly json: unknown
  readonly text: string
}

export interface Action {
  /** Words after the action's name; one in brackets may be left out. */
  readonly words: readonly string[]
  readonly flags: readonly string[]
  readonly meaning: string
  readonly run: (client: ManagementClient, words: readonly string[], given: Given) => Promise<Answer>
}

export interface FlagFacts {
  /** Undefined for a switch. */
  readonly argument?: string
  readonly meaning: string
  readonly isCount?: true
}

export const flags: Readonly<Record<string, FlagFacts>> = {
  'management-address': {
    argument: 'ADDRESS',
    meaning: `where the server listens (${DEFAULT_ADDRESS}); unix:/path too`,
  },
  token: { argument: 'TOKEN', meaning: 'the management key of a server that asks for one' },
  'token-file': {
    argument: 'FILE',
    meaning: 'the key_file.json of such a server: no key in the list of processes',
  },
  json: { meaning: 'the answer as JSON' },
  help: { meaning: 'this text' },
  all: { meaning: 'every version' },
  customized: { meaning: 'asks the handler too what it says of itself' },
  name: { argument: 'NAME', meaning: "in place of the archive's name" },
  handler: { argument: 'HANDLER', meaning: "in place of the archive's handler" },
  'initial-workers': { argument: 'N', meaning: 'workers to start (1)', isCount: true },
  'batch-size': { argument: 'N', meaning: 'most requests in a batch', isCount: true },
  'max-batch-delay': {
    argument: 'MS',
    meaning: 'milliseconds that a request waits for company',
    isCount: true,
  },
  'response-timeout': { argument: 'S', meaning: 'seconds for one batch', isCount: true },
  'startup-timeout': { argument: 'S', meaning: 'seconds to load', isCount: true },
  'min-workers': { argument: 'N', meaning: 'workers to have (1)', isCount: true },
  'max-workers': { argument: 'N', meaning: 'workers to have at most (as --min-workers)', isCount: true },
  'no-wait': { meaning: 'does not wait until the workers are up' },
}

/** Flags of every action. */
export const commonFlags = ['management-address', 'token', 'token-file', 'json', 'help']

export const actions: Readonly<Record<string, Action>> = {
  list: {
    words: [],
    flags: [],
    meaning: 'every registered version and how it is',
    run: async client => {
      const models = await listVersions(client)
      return { json: models, text: viewModels(models) }
    },
  },
  describe: {
    words: ['MODEL', '[VERSION]'],
    flags: ['all', 'customized'],
    meaning: 'settings, inputs, outputs and workers of a version',
    run: async (client, [name, version], given) => {
      const path = modelPath(name, given['all'] === undefined ? version : 'all')
      const json = await client.call({ method: 'GET', path, query: { customized: given['customized'] } })
      return { json, text: records(json).map(viewModel).join('\n') }
    },
  },
  register: {
    words: ['ARCHIVE'],
    flags: [
      'name',
      'handler',
      'initial-workers',
      'batch-size',
      'max-batch-delay',
      'response-timeout',
      'startup-timeout',
      'no-wait',
    ],
    meaning: 'registers an archive of the model store, or a URL that the server allows',
    run: async (client, [url], given) => {
      const query = {
        url,
        model_name: given['name'],
        handler: given['handler'],
        initial_workers: given['initial-workers'] ?? 1,
        batch_size: given['batch-size'],
        max_batch_delay: given['max-batch-delay'],
        response_timeout: given['response-timeout'],
        startup_timeout: given['startup-timeout'],
        synchronous: given['no-wait'] === undefined,
      }
      return toStatus(await client.call({ method: 'POST', path: '/models', query }))
    },
  },
  scale: {
    words: ['MODEL', '[VERSION]'],
    flags: ['min-workers', 'max-workers', 'no-wait'],
    meaning: 'changes how many workers a version has',
    run: async (client, [name, version], given) => {
      const query = {
        min_worker: given['min-workers'] ?? 1,
        max_worker: given['max-workers'],
        synchronous: given['no-wait'] === undefined,
      }
      return toStatus(await client.call({ method: 'PUT', path: modelPath(name, version), query }))
    },
  },
  default: {
    words: ['MODEL', 'VERSION'],
    flags: [],
    meaning: 'makes a version the one that answers where none is named',
    run: async (client, [name, version]) =>
      toStatus(await client.call({ method: 'PUT', path: `${modelPath(name, version)}/set-default` })),
  },
  rm: {
    words: ['MODEL', '[VERSION]'],
    flags: [],
    meaning: 'unregisters a version once its requests are answered',
    run: async (client, [name, version]) =>
      toStatus(await client.call({ method: 'DELETE', path: modelPath(name, version) })),
  },
}

function modelPath(name = '', version?: string): string {
  return ['/models', name, ...(version === undefined ? [] : [version])]
    .map((part, index) => (index === 0 ? part : encodeURIComponent(part)))
    .join('/')
}

/** The server's one sentence. */
function toStatus(json: unknown): Answer {
  const status = typeof json === 'object' && json !== null && 'status' in json ? json.status : json
  return { json, text: `${shown(status)}\n` }
}

/** Every version of every name, each with whether it is the default one. */
async function listVersions(client: ManagementClient): Promise<Described[]> {
  const found: Described[] = []
  for (const name of await listNames(client)) {
    const [[current], versions] = await Promise.all([
      describeOrNothing(client, modelPath(name)),
      describeOrNothing(client, modelPath(name, 'all')),
    ])
    for (const version of versions) {
      found.push({ ...version, isDefault: version['modelVersion'] === current?.['modelVersion'] })
    }
  }
  return found
}

async function listNames(client: ManagementClient): Promise<string[]> {
  const names: string[] = []
  let token: unknown = '0'
  while (typeof token === 'string') {
    const page = await client.call({ method: 'GET', path: '/models', query: { next_page_token: token } })
    const { models, nextPageToken } = page as Record<string, unknown>
    const found = records(models).map(model => String(model['modelName']))
    names.push(...found)
    // The last page may have a token too, which leads to an empty one.
    token = found.length === 0 ? undefined : nextPageToken
  }
  return names
}

/** One that was unregistered meanwhile is not there. */
async function describeOrNothing(client: ManagementClient, path: string): Promise<Described[]> {
  try {
    return records(await client.call({ method: 'GET', path }))
  } catch (error) {
    if (error instanceof ManagementError && error.status === 404) return []
    throw error
  }
}
