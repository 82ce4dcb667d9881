import { storageDtype, type Dtype } from './dtypes.ts'
import {
  Foreign,
  PickledGlobal,
  PickledObject,
  PickledTuple,
  type Pickled,
  type PickleWorld,
} from './pickle.ts'
import { refuse } from './refusal.ts'
import { StoredTensor, type Quantisation, type Storage } from './stored-tensor.ts'
import { shown, type ZipFile } from './zip.ts'

/** A tensor in a pickle. */
export class PickledTensor extends Foreign {
  readonly what = 'tensor'
  readonly tensor: StoredTensor
  constructor(tensor: StoredTensor) {
    super()
    this.tensor = tensor
  }
}

class PickledStorage extends Foreign {
  readonly what = 'storage'
  readonly storage: Storage
  constructor(storage: Storage) {
    super()
    this.storage = storage
  }
}

const PROGRAM = /^__torch__\.[\w.]+$/
const KNOWN = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_qtensor',
  'torch.jit._pickle.build_intlist',
  'torch.jit._pickle.build_doublelist',
  'torch.jit._pickle.build_boollist',
  'torch.jit._pickle.build_tensorlist',
  'torch.jit._pickle.restore_type_tag',
  'torch.per_tensor_affine',
  'torch.per_channel_affine',
  'torch.serialization._get_layout',
  'torch.device',
])

/** PyTorch's names: storages below `folder` of the archive, tensors over them, and the model's own classes. */
export class TorchWorld implements PickleWorld {
  readonly #zip: ZipFile
  readonly #folder: string
  readonly #storages = new Map<string, Storage>()

  constructor(zip: ZipFile, folder: string) {
    this.#zip = zip
    this.#folder = folder
  }

  global(name: string): PickledGlobal {
    if (!PROGRAM.test(name) && !KNOWN.has(name) && storageDtype(name) === undefined)
      refuse(
        `its pickle names ${shown(name)}, which is not among the names that PyTorch's own tensors and modules need`,
      )
    return new PickledGlobal(name)
  }

  object(name: string): PickledObject {
    if (!PROGRAM.test(name)) refuse(`its pickle makes an object of ${shown(name)}`)
    return new PickledObject(name)
  }

  persistent(id: readonly Pickled[]): Pickled {
    const [kind, type, key, , count] = id
    if (
      kind !== 'storage' ||
      !(type instanceof PickledGlobal) ||
      typeof key !== 'string' ||
      typeof count !== 'bigint'
    )
      return refuse('its pickle refers to a storage in an unknown way')
    const dtype = storageDtype(type.name)
    if (dtype === undefined) return refuse(`its pickle has a storage of the unknown type ${shown(type.name)}`)
    return new PickledStorage(this.#storage(key, dtype))
  }

  reduce(name: string, args: readonly Pickled[]): Pickled {
    const rebuild = REBUILDS.get(name)
    return rebuild === undefined ? refuse(`its pickle calls ${shown(name)}`) : rebuild(args)
  }

  #storage(key: string, dtype: Dtype): Storage {
    const known = this.#storages.get(key)
    if (known !== undefined && known.dtype === dtype) return known
    const path = `${this.#folder}${key}`
    const entry = this.#zip.entries.get(path)
    if (entry === undefined) return refuse(`the storage ${shown(key)} is missing`)
    const storage = {
      key: path,
      dtype,
      offset: this.#zip.storedOffset(entry),
      bytes: entry.size,
      zip: this.#zip,
    }
    this.#storages.set(key, storage)
    return storage
  }
}

const first = (args: readonly Pickled[]): Pickled => args[0] ?? null

/** What is done for the names that a pickle may call. */
const REBUILDS = new Map<string, (args: readonly Pickled[]) => Pickled>([
  ['collections.OrderedDict', () => new Map()],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_qtensor', rebuildQuantised],
  ['torch.jit._pickle.restore_type_tag', first],
  ['torch.jit._pickle.build_intlist', first],
  ['torch.jit._pickle.build_doublelist', first],
  ['torch.jit._pickle.build_boollist', first],
  ['torch.jit._pickle.build_tensorlist', first],
  ['torch.device', () => null],
  ['torch.serialization._get_layout', () => null],
])

function rebuildParameter(args: readonly Pickled[]): Pickled {
  return args[0] instanceof PickledTensor ? args[0] : refuse('its pickle has a parameter that is no tensor')
}

function rebuildTensor(args: readonly Pickled[]): PickledTensor {
  const [storage, offset, size, strides] = args
  return new PickledTensor(new StoredTensor(storageOf(storage), viewOf(offset, size, strides)))
}

function storageOf(value: Pickled | undefined): Storage {
  return value instanceof PickledStorage ? value.storage : refuse('its pickle has a tensor without a storage')
}

function viewOf(offset: Pickled | undefined, size: Pickled | undefined, strides: Pickled | undefined) {
  return { offset: whole(offset), shape: wholes(size), strides: wholes(strides) }
}

function wholes(value: Pickled | undefined): number[] {
  return value instanceof PickledTuple
    ? value.items.map(whole)
    : refuse('its pickle has a tensor without a shape')
}

function whole(value: Pickled | undefined): number {
  if (typeof value !== 'bigint' || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    return refuse('its pickle has a tensor of an impossible shape')
  return Number(value)
}

function rebuildQuantised(args: readonly Pickled[]): PickledTensor {
  const [storage, offset, size, strides, parameters] = args
  const quantised = quantisation(parameters)
  return new PickledTensor(
    new StoredTensor(storageOf(storage), { ...viewOf(offset, size, strides), quantised }),
  )
}

function quantisation(value: Pickled | undefined): Quantisation {
  const [scheme, scale, zeroPoint, axis] = value instanceof PickledTuple ? value.items : []
  if (!(scheme instanceof PickledGlobal)) return refuse('its pickle has a quantised tensor without a scheme')
  const scales = numbers(scale)
  const zeroPoints = numbers(zeroPoint)
  if (scales.length !== zeroPoints.length) refuse('its pickle has a quantised tensor without a scale')
  return { scales, zeroPoints, axis: scheme.name === 'torch.per_channel_affine' ? whole(axis) : 0 }
}

function numbers(value: Pickled | undefined): number[] {
  if (typeof value === 'number' || typeof value === 'bigint') return [Number(value)]
  if (value instanceof PickledTuple) return value.items.map(Number)
  if (!(value instanceof PickledTensor)) return refuse('its pickle has a quantised tensor without a scale')
  const { tensor } = value
  if (tensor.elements > 1_000_000) refuse('its pickle has too many scales')
  const bytes = tensor.read()
  const wide = tensor.byteLength / Math.max(tensor.elements, 1)
  const floats = tensor.dtype === 7 || tensor.dtype === 6
  return Array.from({ length: tensor.elements }, (_, index) => {
    if (!floats) return Number(bytes.readBigInt64LE(index * 8))
    return wide === 8 ? bytes.readDoubleLE(index * 8) : bytes.readFloatLE(index * 4)
  })
}
