import { z } from 'zod'
import { LONGEST_TIMER_S } from './timers.ts'

const positive = z.int32().positive()
/** Seconds. */
const timeout = positive.max(LONGEST_TIMER_S)

/** What the `models` key may say about one version. A field that is absent or was not usable is left out. */
const Settings = z.object({
  defaultVersion: z.boolean(),
  marName: z.string().min(1),
  minWorkers: positive,
  maxWorkers: positive,
  batchSize: positive,
  /** Milliseconds. */
  maxBatchDelay: positive,
  responseTimeout: timeout,
  startupTimeout: timeout,
  runtimeType: z.string().min(1),
  parallelLevel: positive,
  retry: z.enum(['auto', 'never']),
  /** Milliseconds. */
  clientTimeoutInMills: positive,
  /** Milliseconds. */
  maxQueueWait: positive,
  jobQueueBytes: positive,
  preferredBatchSizes: z.array(positive),
})

export type ModelSettings = Readonly<Partial<z.infer<typeof Settings>>>

/** Settings by model name and version; objects without a prototype, so that any name may be looked up. */
export type SettingsByVersion = Readonly<Record<string, Readonly<Record<string, ModelSettings>>>>

export interface ModelTable {
  readonly settings: SettingsByVersion
  readonly warnings: readonly string[]
}

/**
 * Reads the value of the `models` key; undefined when it is not a JSON object. A value of a wrong type or below 1 is
 * left out with a warning, as TorchServe leaves it out.
 */
export function parseModelTable(text: string): ModelTable | undefined {
  const tree = parseObject(text)
  if (tree === undefined) return undefined
  const warnings: string[] = []
  const leaveOut = (where: string, why: string): undefined => {
    warnings.push(`models: ${where} is ignored: ${why}`)
  }
  const pickField = (where: string, name: string, value: unknown) => {
    const field = Object.hasOwn(Settings.shape, name)
      ? Settings.shape[name as keyof ModelSettings]
      : undefined
    if (field === undefined) return leaveOut(where, 'there is no such setting')
    const result = field.safeParse(value)
    return result.success ? result.data : leaveOut(where, result.error.issues[0]!.message)
  }
  const pickSettings = (where: string, fields: unknown): ModelSettings | undefined =>
    isRecord(fields)
      ? // Each field was checked by the type of its name.
        mapRecord(fields, (name, value) => pickField(`${where}.${name}`, name, value))
      : leaveOut(where, 'expected an object with settings')
  const settings = mapRecord(tree, (model, versions) =>
    isRecord(versions)
      ? mapRecord(versions, (version, fields) => pickSettings(`${model}.${version}`, fields))
      : leaveOut(model, 'expected an object with versions'),
  )
  return { settings, warnings }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const tree: unknown = JSON.parse(text)
    return isRecord(tree) ? tree : undefined
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The record with each value mapped, without those that became undefined, and without a prototype. */
function mapRecord<T>(
  record: Record<string, unknown>,
  map: (key: string, value: unknown) => T | undefined,
): Record<string, T> {
  const out = Object.create(null) as Record<string, T>
  for (const [key, value] of Object.entries(record)) {
    const mapped = map(key, value)
    if (mapped !== undefined) out[key] = mapped
  }
  return out
}
