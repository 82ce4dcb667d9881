import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Given } from './flags.ts'
import { keys, Schema, type Key, type KeyName, type Values } from './schema.ts'
import { showValue } from './shown.ts'

/** The keys that a source gave, each with the text and the place that won. */
export type GivenValues = ReadonlyMap<KeyName, Given>

const defaults = Schema.parse({})

/** Whether a key was given a value other than its default. */
function isChanged(key: Key, given: GivenValues, values: Values): boolean {
  return given.has(key.name) && !isDeepStrictEqual(values[key.name], defaults[key.name])
}

/** The keys that differ from the schema's defaults, as text, secrets as `***`. */
export function describeValues(given: GivenValues, values: Values): Record<string, string> {
  const changed = keys.filter(key => key.standing !== 'ignored' && isChanged(key, given, values))
  return Object.fromEntries(changed.map(key => [key.name, showValue(given.get(key.name)!.text, key.secret)]))
}

/** A user and password in a URL. */
const CREDENTIALS = /:\/\/[^/@\s]*@/

/** Every value that was given, as a snapshot keeps it: paths absolute, nothing secret. */
export function describeForSnapshot(given: GivenValues, values: Values): Record<string, string> {
  const kept = keys.filter(
    ({ name, secret }) =>
      name !== 'model_snapshot' && !secret && given.has(name) && !CREDENTIALS.test(given.get(name)!.text),
  )
  return Object.fromEntries(
    kept.map(({ name, kind }) => {
      const value = values[name]
      return [name, kind === 'path' && typeof value === 'string' ? value : given.get(name)!.text]
    }),
  )
}

/** What would be less safe than asked for: starting so in silence would be worse than not starting. */
export function findRefused(values: Values): string[] {
  const { keystore, certificate_file: certificate, private_key_file: privateKey } = values
  const isPairHalf = keystore === undefined && (certificate === undefined) !== (privateKey === undefined)
  if (isPairHalf) return ['certificate_file and private_key_file belong together: one of them is not set']
  const isPair = certificate !== undefined && privateKey !== undefined
  if (!isGrpcEncrypted(values) || isPair) return []
  return ['enable_grpc_ssl=true needs certificate_file and private_key_file; gRPC does not read the keystore']
}

const isGrpcEncrypted = (values: Values) => values.enable_grpc && values.enable_grpc_ssl

/** Keys of TLS that no address uses: what was meant to be encrypted is not. */
export function findUnusedTls(values: Values): string[] {
  const isHttps = (['inference_address', 'management_address', 'metrics_address'] as const).some(
    name => 'scheme' in values[name] && values[name].scheme === 'https',
  )
  const isUsed = { keystore: isHttps, pem: isHttps || isGrpcEncrypted(values) }
  const unused = (['keystore', 'certificate_file', 'private_key_file'] as const).filter(
    name => !isUsed[name === 'keystore' ? 'keystore' : 'pem'] && values[name] !== undefined,
  )
  return unused.length === 0
    ? []
    : [`${unused.join(', ')} without effect: no address begins with https://, so nothing is encrypted`]
}

/** One line for all keys without a meaning here, and one for all keys whose feature is still to come. */
export function findWithoutEffect(given: GivenValues, values: Values): string[] {
  const named = (standing: Key['standing']) =>
    keys.filter(key => key.standing === standing && isChanged(key, given, values)).map(key => key.name)
  const ignored = named('ignored')
  const later = named('not yet')
  return [
    ...(ignored.length === 0
      ? []
      : [
          `Accepted without effect, as they are for Python, Java, GPUs or other versions: ${ignored.join(', ')}`,
        ]),
    ...(later.length === 0 ? [] : [`Not supported yet, ignored: ${later.join(', ')}`]),
  ]
}

const files = [
  { key: 'model_store', name: '--model-store', kind: 'directory' },
  { key: 'workflow_store', name: '--workflow-store', kind: 'directory' },
  { key: 'metrics_config', name: 'metrics_config', kind: 'file' },
  { key: 'keystore', name: 'keystore', kind: 'file' },
  { key: 'certificate_file', name: 'certificate_file', kind: 'file' },
  { key: 'private_key_file', name: 'private_key_file', kind: 'file' },
] as const

/** Whether the folders and files that are named exist, and whether the one that must be named is. */
export async function checkPaths(given: GivenValues, cwd: string): Promise<string[]> {
  const problems: string[] = []
  for (const { key, name, kind } of files) {
    const path = given.get(key)?.text.trim()
    if (path && !(await exists(resolve(cwd, path), kind))) {
      problems.push(`${name} ${kind} not found: ${showValue(path)}`)
    }
  }
  if (!given.get('model_store')?.text.trim()) problems.push('Missing mandatory parameter --model-store')
  return problems
}

/** Whether `path` is there and is what is expected; a path that cannot be looked at is not. */
export async function exists(path: string, kind: 'file' | 'directory'): Promise<boolean> {
  try {
    const found = await stat(path)
    return kind === 'file' ? found.isFile() : found.isDirectory()
  } catch {
    return false
  }
}

/** `job_queue_size=abc (config.properties line 7)`. */
export function place(key: Key, given: GivenValues): string {
  const value = given.get(key.name)
  return value === undefined ? key.name : `${key.name}=${showValue(value.text, key.secret)} (${value.where})`
}
