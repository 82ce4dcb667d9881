import type { ApiKind } from '../description.ts'
import { KSERVE_SCHEMAS, V1_SCHEMAS } from './kserve-schemas.ts'
import { V1_MODEL_PATHS, V1_PATHS, V2_MANAGEMENT_PATHS, V2_PATHS } from './kserve-paths.ts'
import type { Json, Paths } from './operation.ts'
import {
  DESCRIPTION_PATHS,
  HEALTH_PATHS,
  INFERENCE_PATHS,
  MANAGEMENT_PATHS,
  METRICS_PATHS,
  PAGE_PATHS,
  TOKEN_PATHS,
} from './torchserve-paths.ts'
import { TORCHSERVE_SCHEMAS } from './torchserve-schemas.ts'

/** One address of the server, and what is behind it. */
export interface ServedDoor {
  readonly apis: readonly ApiKind[]
  /** `http://127.0.0.1:8080` or `unix:/path`. */
  readonly address: string
  readonly hasPage: boolean
}

export interface ServedApis {
  readonly version: string
  readonly doors: readonly ServedDoor[]
  /** That of `doors` which the document is asked from: its paths need no server. */
  readonly here: ServedDoor
  /** Whether keys are needed at all, for some API. */
  readonly hasKeys: boolean
  readonly needsKey: (api: ApiKind) => boolean
}

const PATHS_OF: Readonly<Record<ApiKind, Paths>> = {
  inference: { ...INFERENCE_PATHS, ...V1_PATHS, ...V2_PATHS },
  management: { ...MANAGEMENT_PATHS, ...V2_MANAGEMENT_PATHS, ...V1_MODEL_PATHS },
  metrics: METRICS_PATHS,
}

export const KEY_SCHEME: Json = {
  key: { type: 'http', scheme: 'bearer', description: 'The key of the API; the key file tells it.' },
}

/** OpenAPI 3.1 of the whole server. Paths behind another address than the one that is asked say so in `servers`. */
export function describeServer(served: ServedApis): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  const placesOf = new Map<string, ServedDoor[]>()
  for (const door of served.doors) {
    for (const [path, operations] of Object.entries(pathsBehind(door, served))) {
      paths[path] = { ...paths[path], ...operations }
      placesOf.set(path, [...(placesOf.get(path) ?? []), door])
    }
  }
  for (const [path, places] of placesOf) {
    if (!places.includes(served.here)) paths[path] = { ...paths[path], servers: places.map(toServer) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sconce',
      description:
        'PyTorch models behind the APIs of TorchServe, the Open Inference Protocol (KServe v2) and KServe v1.',
      version: served.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { ...TORCHSERVE_SCHEMAS, ...KSERVE_SCHEMAS, ...V1_SCHEMAS },
      ...(served.hasKeys ? { securitySchemes: KEY_SCHEME } : {}),
    },
  }
}

function pathsBehind({ apis, hasPage }: ServedDoor, { hasKeys, needsKey }: ServedApis): Paths {
  const behind = apis.map(api => (needsKey(api) ? withKey(PATHS_OF[api]) : PATHS_OF[api]))
  return Object.assign(
    {},
    ...behind,
    DESCRIPTION_PATHS,
    apis.includes('inference') ? HEALTH_PATHS : {},
    hasPage ? PAGE_PATHS : {},
    hasKeys && apis.includes('management') ? withKey(TOKEN_PATHS) : {},
  )
}

/** The same paths, each operation with the key that it needs. */
export function withKey(paths: Paths): Paths {
  return Object.fromEntries(Object.entries(paths).map(([path, operations]) => [path, guard(operations)]))
}

function guard(operations: Json): Json {
  const guarded = Object.entries(operations).map(
    // Paths are made of operations.
    ([method, operation]) => [method, { ...(operation as Json), security: [{ key: [] }] }] as const,
  )
  return Object.fromEntries(guarded)
}

/** An address that stands for all of the machine's has a host that the reader has to say. */
function toServer({ address }: ServedDoor): Json {
  const [, scheme, port] = /^(https?):\/\/(?:0\.0\.0\.0|\[::\])(:\d+)?$/.exec(address) ?? []
  if (scheme === undefined) return { url: address }
  return { url: `${scheme}://{host}${port ?? ''}`, variables: { host: { default: 'localhost' } } }
}
