import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureWith } from '../errors.ts'

const FILE = 'index_to_name.json'

/** The label of a class index; the index itself, as text, where there is none. */
export type Labels = (index: number) => string

/** Reads the model folder's index_to_name.json; without the file every index is its own label. */
export function loadLabels(dir: string): Labels {
  const text = readIfThere(join(dir, FILE))
  return text === undefined ? String : parseLabels(text)
}

/**
 * TorchServe's three forms: `{"0": "tench"}`, `{"0": ["n01440764", "tench"]}` where the last element counts, and
 * `{"object_type_names": ["background", "person"]}` by position. INVALID_MODEL for anything else.
 */
export function parseLabels(text: string): Labels {
  const json = parse(text)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw refuse('expected an object from class index to label')
  }
  const names: unknown = 'object_type_names' in json ? json.object_type_names : undefined
  if (names !== undefined && !Array.isArray(names))
    throw refuse('"object_type_names" should be a list of labels')
  const entries = names === undefined ? Object.entries(json) : Object.entries(names)
  const labels = new Map(entries.map(([index, label]) => [index, toLabel(index, label)]))
  return index => labels.get(String(index)) ?? String(index)
}

function toLabel(index: string, value: unknown): string {
  const label: unknown = Array.isArray(value) ? value.at(-1) : value
  if (typeof label === 'string') return label
  throw refuse(`the label of ${JSON.stringify(index)} should be a string, or a list that ends with one`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw refuse('it is not JSON', cause)
  }
}

function refuse(what: string, cause?: unknown): Error {
  return failureWith({ cause }, 'INVALID_MODEL', `${FILE}: ${what}`)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw refuse('it cannot be read', cause)
  }
}
