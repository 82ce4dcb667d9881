/**
 * MAR-INF/MANIFEST.json as torch-model-archiver writes it:
 * https://github.com/pytorch/serve/blob/master/model-archiver/README.md
 */
import { z } from 'zod'
import { failure, failureWith } from '../errors.ts'
import { isRecord, plainCopy } from './plain-data.ts'
import { shown } from './entry-name.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/
const VERSION = /^[^\p{Cc}/\\]{1,128}$/u
const RUNTIMES = ['python', 'python3', 'LSP'] as const

export type Runtime = (typeof RUNTIMES)[number]

/** Whether a text can name a model: letters, digits, `_`, `.` and `-`, the first a letter or digit, at most 128. */
export function isName(text: string): boolean {
  return NAME.test(text)
}

// TorchServe takes null and '' for "not there".
const Text = z
  .string({ error: 'must be a string' })
  .nullish()
  .transform(value => (value === '' || value === null ? undefined : value))

const Model = z.object({
  modelName: Text.refine(name => name === undefined || isName(name), {
    error: 'must consist of letters, digits, "_", "." and "-" and begin with a letter or digit',
  }),
  modelVersion: Text.transform(version => version ?? '1.0').refine(version => VERSION.test(version), {
    error: 'must have 1 to 128 characters, none of them a slash or a control character',
  }),
  serializedFile: Text,
  handler: Text,
  modelFile: Text,
  requirementsFile: Text,
  configFile: Text,
})

export interface Manifest {
  readonly runtime: Runtime
  readonly model: {
    readonly modelName: string | undefined
    readonly modelVersion: string
    /** Names of files inside the archive; not yet checked to be there. */
    readonly serializedFile: string | undefined
    readonly handler: string | undefined
    readonly modelFile: string | undefined
    readonly requirementsFile: string | undefined
    readonly configFile: string | undefined
  }
  /** The whole JSON as it stands, unknown fields included, but for keys named `__proto__`. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** Reads MANIFEST.json. Unknown fields are left alone. Throws INVALID_MODEL with TorchServe's texts and a reason. */
export function parseManifest(text: string): Manifest {
  const raw = parseJson(text)
  const runtime = raw['runtime'] === undefined ? 'python' : RUNTIMES.find(known => known === raw['runtime'])
  if (runtime === undefined) {
    const reason = `runtime in MANIFEST.json must be one of ${RUNTIMES.join(', ')}`
    throw failureWith({ reason }, 'INVALID_MODEL', 'Runtime is not defined or invalid.')
  }
  if (raw['model'] === undefined || raw['model'] === null) {
    throw failure('INVALID_MODEL', 'Missing Model entry in manifest file.')
  }
  const model = Model.safeParse(raw['model'])
  if (!model.success) throw unreadable(describe(model.error.issues[0]))
  return { runtime, model: model.data, raw }
}

/** The manifest of an archive that has none. */
export function defaultManifest(facts: {
  modelName?: string
  serializedFile?: string
  handler?: string
}): Manifest {
  const model = {
    modelName: facts.modelName,
    modelVersion: '1.0',
    serializedFile: facts.serializedFile,
    handler: facts.handler,
    modelFile: undefined,
    requirementsFile: undefined,
    configFile: undefined,
  }
  const stated = Object.entries(model).filter(([, value]) => value !== undefined)
  return { runtime: 'python', model, raw: { runtime: 'python', model: Object.fromEntries(stated) } }
}

function parseJson(text: string): Record<string, unknown> {
  let raw: unknown
  try {
    // Windows editors put a byte order mark in front.
    raw = plainCopy(JSON.parse(text.replace(/^\uFEFF/, '')))
  } catch (error) {
    throw unreadable(
      `MANIFEST.json cannot be read: ${shown(String(error instanceof Error ? error.message : error))}`,
    )
  }
  if (!isRecord(raw)) throw unreadable('MANIFEST.json must hold one JSON object')
  return raw
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined || issue.path.length === 0) return 'model in MANIFEST.json must be an object'
  return `model.${issue.path.join('.')} in MANIFEST.json ${issue.message}`
}

function unreadable(reason: string) {
  return failureWith({ reason }, 'INVALID_MODEL', 'Failed to parse signature.json.')
}
