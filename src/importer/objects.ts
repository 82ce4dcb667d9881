import type { TorchArchive } from './archive.ts'
import type { Context } from './context.ts'
import { dtype } from './dtypes.ts'
import { PickledObject, PickledTuple, type Pickled } from './pickle.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import { checkNames, namedTensors } from './state-dict.ts'
import { readElements, type StoredTensor } from './stored-tensor.ts'
import type { Tensor } from './tensor.ts'
import { PickledTensor } from './torch-pickle.ts'
import { Dict, Instance, List, Opaque, Tuple, type Key, type Value } from './values.ts'

const MAX_KNOWN = 16

/** Turns what the pickles hold into values of the program, each object once and only when it is asked for. */
export class Objects {
  readonly #archive: TorchArchive
  readonly #context: Context
  readonly #weights: ReadonlyMap<string, StoredTensor> | undefined
  readonly #instances = new Map<PickledObject, Instance>()
  readonly #tensors = new Map<PickledTensor, Tensor>()
  readonly #containers = new Map<Pickled, Value>()
  #constants: readonly Pickled[] | undefined

  /** `weights` stand for the archive's own, by name. */
  constructor(archive: TorchArchive, context: Context, weights?: ReadonlyMap<string, StoredTensor>) {
    this.#archive = archive
    this.#weights = weights
    this.#context = context
  }

  /** The model itself. */
  root(): Instance {
    const pickled = this.#archive.pickle('data')
    if (this.#weights !== undefined && pickled instanceof PickledObject)
      checkNames(namedTensors(pickled), this.#weights)
    const value = this.#value(pickled, '')
    return value instanceof Instance ? value : refuse('its data.pkl holds no module')
  }

  /** `CONSTANTS.c3`. */
  constant(name: string): Value {
    this.#constants ??= this.#readConstants()
    const index = /^c\d{1,9}$/.test(name) ? Number(name.slice(1)) : -1
    const value = this.#constants[index]
    return value === undefined
      ? refuse(`the constant ${name} is missing`)
      : this.#value(value, `CONSTANTS.${name}`)
  }

  #readConstants(): readonly Pickled[] {
    const pickled = this.#archive.pickle('constants')
    return pickled instanceof PickledTuple ? pickled.items : refuse('its constants.pkl holds no tuple')
  }

  /** An attribute that the archive gives, or a constant of the class. */
  attribute(instance: Instance, name: string): Value | undefined {
    const known = instance.attributes.get(name)
    if (known !== undefined) return known
    const pickled = this.#states.get(instance)?.get(name)
    if (pickled === undefined) return undefined
    const value = this.#value(pickled, instance.path === '' ? name : `${instance.path}.${name}`)
    instance.attributes.set(name, value)
    return value
  }

  readonly #states = new Map<Instance, ReadonlyMap<Pickled, Pickled>>()

  #value(pickled: Pickled, path: string): Value {
    if (pickled === null || typeof pickled !== 'object') return pickled
    if (pickled instanceof PickledTensor) return this.#tensor(pickled, path)
    if (pickled instanceof PickledObject) return this.#object(pickled, path)
    const known = this.#containers.get(pickled)
    if (known !== undefined) return known
    return this.#container(pickled, path)
  }

  #container(pickled: Pickled, path: string): Value {
    const item = (value: Pickled, name: Pickled | number) =>
      this.#value(value, `${path}.${typeof name === 'object' ? '' : String(name)}`)
    if (Array.isArray(pickled)) {
      const list = new List([])
      this.#containers.set(pickled, list)
      list.items.push(...pickled.map(item))
      return list
    }
    if (pickled instanceof PickledTuple) {
      const tuple = new Tuple(pickled.items.map(item))
      // A few hundred bytes can nest a pair of the same pair so often that nobody could go through all of it twice.
      this.#containers.set(pickled, tuple)
      return tuple
    }
    if (!(pickled instanceof Map)) return refuse('its pickle holds something that is no value')
    const dict = new Dict()
    this.#containers.set(pickled, dict)
    for (const [key, value] of pickled) dict.entries.set(key as Key, item(value, key))
    return dict
  }

  #object(pickled: PickledObject, path: string): Value {
    if (pickled.type.startsWith('__torch__.torch.classes.')) return new Opaque('packed', pickled)
    const known = this.#instances.get(pickled)
    if (known !== undefined) return known
    const type = this.#archive.classOf(pickled.type) ?? refuse(`the class ${pickled.type} has no code`)
    const instance = new Instance(type, path, new Map())
    this.#instances.set(pickled, instance)
    this.#states.set(instance, pickled.state instanceof Map ? pickled.state : new Map())
    return instance
  }

  #tensor(pickled: PickledTensor, path: string): Tensor | Opaque {
    const swapped = path.startsWith('CONSTANTS.') ? undefined : this.#weights?.get(path)
    const tensor = swapped ?? pickled.tensor
    if (tensor.quantised !== undefined) return new Opaque('quantised', tensor)
    const known = swapped === undefined ? this.#tensors.get(pickled) : undefined
    if (known !== undefined) return known
    const made = this.#context.tensor(refOf(tensor, path))
    const what = path.startsWith('CONSTANTS.') ? 'a constant' : `${path}, a part of the model`
    made.locked = `it writes to ${what}; what a request changes is not kept for the next one`
    this.#tensors.set(pickled, made)
    return made
  }
}

/** PyTorch loads constants without dimensions as the numbers that they were in the program. */
function isWrapped(tensor: StoredTensor, path: string): boolean {
  return (
    path.startsWith('CONSTANTS.') &&
    tensor.shape.length === 0 &&
    (tensor.dtype === dtype.float64 || tensor.dtype === dtype.int64)
  )
}

/** Small constants are read at once, so that sizes computed from them are known. */
function refOf(tensor: StoredTensor, path: string): Ref {
  const shape = tensor.shape.map(BigInt)
  const small = tensor.elements <= MAX_KNOWN && tensor.shape.length <= 1
  const simple = tensor.dtype === dtype.int64 || tensor.dtype === dtype.float64 || tensor.dtype === dtype.bool
  const scalar = tensor.shape.length === 0 && tensor.dtype === dtype.float32
  if (small && (simple || scalar) && (path.startsWith('CONSTANTS.') || tensor.dtype === dtype.int64))
    return new Ref(
      tensor.dtype,
      shape,
      { kind: 'known', elements: readElements(tensor) },
      isWrapped(tensor, path),
    )
  return new Ref(tensor.dtype, shape, { kind: 'stored', tensor, path })
}
