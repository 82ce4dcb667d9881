import { TorchArchive } from './archive.ts'
import { PickledObject, type Pickled } from './pickle.ts'
import { asFailure, refusal, refuse } from './refusal.ts'
import type { StoredTensor } from './stored-tensor.ts'
import { PickledTensor } from './torch-pickle.ts'
import { shown } from './zip.ts'

/** The weights of a `.pth` by their names. They are read from the file when they are needed: `close` it afterwards. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  close(): void
}

/** Where training scripts put the weights beside the optimiser and the like. */
const USUAL_KEYS = ['state_dict', 'model_state_dict', 'model']
const MAX_DEPTH = 64
const MAX_MODULES = 100_000

/**
 * Reads what `torch.save(model.state_dict(), 'weights.pth')` wrote; a TorchScript archive gives its own weights. Throws
 * IMPORT_REFUSED for anything else, and says what the file holds.
 */
export function readStateDict(path: string): StateDict {
  const archive = new TorchArchive(path)
  try {
    const tensors = asFailure(() => weightsOf(archive))
    return { tensors, close: () => archive.close() }
  } catch (error) {
    archive.close()
    throw error
  }
}

function weightsOf(archive: TorchArchive): Map<string, StoredTensor> {
  if (archive.kind !== 'torchscript' && archive.kind !== 'weights')
    return refuse('it holds no weights of PyTorch')
  const content = archive.pickle('data')
  if (content instanceof PickledObject) return namedTensors(content)
  return tensorsOf(content) ?? nested(content) ?? refuse(`it holds ${describe(content)}, and no state_dict`)
}

/** The weights and buffers of a module tree, as `state_dict()` names them. */
export function namedTensors(root: PickledObject): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>()
  collect(root, '', { found, modules: 0 }, 0)
  return found
}

interface Collected {
  readonly found: Map<string, StoredTensor>
  /** How many were looked at: one that stands in many places counts in each. */
  modules: number
}

function collect(module: PickledObject, path: string, collected: Collected, depth: number): void {
  if (depth > MAX_DEPTH) refuse('its modules are nested too deeply')
  if (++collected.modules > MAX_MODULES) refuse(`it has more than ${MAX_MODULES} modules`)
  if (!(module.state instanceof Map)) return
  for (const [key, value] of module.state) {
    const name = path === '' ? nameOf(key) : `${path}.${nameOf(key)}`
    if (value instanceof PickledTensor) collected.found.set(name, value.tensor)
    else if (value instanceof PickledObject) collect(value, name, collected, depth + 1)
  }
}

/** Keys are strings or numbers: the pickle machine refuses others. */
function nameOf(key: Pickled): string {
  return typeof key === 'object' ? '' : String(key)
}

function tensorsOf(content: Pickled): Map<string, StoredTensor> | undefined {
  if (!(content instanceof Map) || content.size === 0) return undefined
  const found = new Map<string, StoredTensor>()
  for (const [key, value] of content) {
    if (typeof key !== 'string' || !(value instanceof PickledTensor)) return undefined
    found.set(key, value.tensor)
  }
  return found
}

function nested(content: Pickled): Map<string, StoredTensor> | undefined {
  if (!(content instanceof Map)) return undefined
  for (const key of USUAL_KEYS) {
    const found = tensorsOf(content.get(key) ?? null)
    if (found !== undefined) return found
  }
  return undefined
}

function describe(content: Pickled): string {
  if (content instanceof PickledTensor) return 'one tensor'
  if (Array.isArray(content)) return 'a list'
  if (!(content instanceof Map)) return 'a single value'
  return `a dictionary with the keys ${[...content.keys()]
    .slice(0, 10)
    .map(key => shown(nameOf(key)))
    .join(', ')}`
}

/** Says in one error which names are missing, unexpected or of another shape or type. */
export function checkNames(
  wanted: ReadonlyMap<string, StoredTensor>,
  given: ReadonlyMap<string, StoredTensor>,
): void {
  const missing = [...wanted.keys()].filter(name => !given.has(name) && !isCounter(name))
  const unexpected = [...given.keys()].filter(name => !wanted.has(name) && !isCounter(name))
  const misshapen = [...given].flatMap(([name, tensor]) => {
    const old = wanted.get(name)
    const same = old === undefined || (old.shape.join() === tensor.shape.join() && old.dtype === tensor.dtype)
    return same ? [] : [`${name} ([${tensor.shape.join(', ')}] for [${old.shape.join(', ')}])`]
  })
  throwProblems({ missing, unexpected, misshapen })
}

/** How many batches a batch norm has seen says nothing about its answers. */
export function isCounter(name: string): boolean {
  return name.endsWith('num_batches_tracked')
}

/** Throws IMPORT_REFUSED with the lists, if any of them holds a name. */
export function throwProblems(
  problems: Readonly<Record<'missing' | 'unexpected' | 'misshapen', readonly string[]>>,
): void {
  const lists = Object.entries(problems).filter(([, names]) => names.length > 0)
  if (lists.length === 0) return
  const text = lists.map(([kind, names]) => `${kind}: ${shorten(names)}`).join('; ')
  throw refusal(`the weights do not fit the model: ${text}`)
}

function shorten(names: readonly string[]): string {
  const more = names.length > 12 ? ` and ${names.length - 12} more` : ''
  return `${names.slice(0, 12).join(', ')}${more}`
}
