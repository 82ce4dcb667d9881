import { refuse } from './refusal.ts'

/** What a pickle may hold. Dictionaries keep their order; keys are strings or integers. */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Pickled[]
  | PickledTuple
  | Map<Pickled, Pickled>
  | PickledObject
  | PickledGlobal
  | Foreign

export class PickledTuple {
  readonly items: readonly Pickled[]
  constructor(items: readonly Pickled[]) {
    this.items = items
  }
}

/** An instance of one of the model's own classes: its name and what BUILD gave it. */
export class PickledObject {
  readonly type: string
  state: Pickled = null
  constructor(type: string) {
    this.type = type
  }
}

/** A name that the pickle mentions. It is never looked up or called. */
export class PickledGlobal {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** Something that a `PickleWorld` made, such as a tensor. */
export abstract class Foreign {
  abstract readonly what: string
}

/** What names and persistent ids mean. Every method refuses what it does not know. */
export interface PickleWorld {
  global(name: string): PickledGlobal
  /** REDUCE: the value of a known rebuild function. Nothing is ever called but the functions of this object. */
  reduce(name: string, args: readonly Pickled[]): Pickled
  object(name: string): PickledObject
  persistent(id: readonly Pickled[]): Pickled
}

const MARK = Symbol('mark')
const MAX_STEPS = 20_000_000
const MAX_MEMO = 10_000_000
type Cell = Pickled | typeof MARK

/** Reads a pickle of protocol 2 with the few opcodes that PyTorch writes. */
export function unpickle(bytes: Buffer, world: PickleWorld): Pickled {
  return new Machine(bytes, world).run()
}

class Machine {
  readonly #bytes: Buffer
  readonly #world: PickleWorld
  readonly #stack: Cell[] = []
  readonly #memo = new Map<number, Pickled>()
  #at = 0

  constructor(bytes: Buffer, world: PickleWorld) {
    this.#bytes = bytes
    this.#world = world
  }

  run(): Pickled {
    for (let step = 0; step < MAX_STEPS; step++) {
      const code = this.#take(1).readUInt8(0)
      if (code === 0x2e) return this.#stop()
      const opcode = opcodes.get(code)
      if (opcode === undefined)
        refuse(
          `its pickle has the opcode 0x${code.toString(16)} at byte ${this.#at - 1}, which PyTorch does not write`,
        )
      opcode(this)
    }
    return refuse('its pickle is too long')
  }

  #stop(): Pickled {
    const value = this.pop()
    if (this.#stack.length > 0) refuse('its pickle ends with values left over')
    return value
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) refuse('its pickle is truncated')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  protocol(): void {
    const version = this.uint(1)
    if (version !== 2) refuse(`its pickle has protocol ${version}; PyTorch writes 2`)
  }

  uint(width: number): number {
    return this.#take(width).readUIntLE(0, width)
  }

  int32(): bigint {
    return BigInt(this.#take(4).readInt32LE(0))
  }

  float(): number {
    return this.#take(8).readDoubleBE(0)
  }

  long(): bigint {
    const bytes = this.#take(this.uint(1))
    if (bytes.length > 16) refuse('its pickle has a number of more than 128 bits')
    const value = bytes.reduceRight((total, byte) => (total << 8n) + BigInt(byte), 0n)
    return BigInt.asIntN(Math.max(bytes.length * 8, 1), value)
  }

  text(): string {
    return this.#take(this.uint(4)).toString('utf8')
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0 || end - this.#at > 1000) refuse('its pickle is truncated')
    const text = this.#take(end - this.#at).toString('utf8')
    this.#at++
    return text
  }

  push(value: Cell): void {
    this.#stack.push(value)
  }

  pop(): Pickled {
    const value = this.#stack.pop()
    return value === undefined || value === MARK ? refuse('its pickle is damaged: a value is missing') : value
  }

  popMark(): Pickled[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) refuse('its pickle is damaged: a mark is missing')
    // All above the last mark are values.
    return this.#stack.splice(mark).slice(1) as Pickled[]
  }

  top(): Pickled {
    const value = this.#stack.at(-1)
    return value === undefined || value === MARK ? refuse('its pickle is damaged: a value is missing') : value
  }

  put(index: number): void {
    if (this.#memo.size > MAX_MEMO) refuse('its pickle is too long')
    this.#memo.set(index, this.top())
  }

  get(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) refuse('its pickle is damaged: it refers to a value that it has not made')
    this.push(value)
  }

  global(): void {
    this.push(this.#world.global(`${this.line()}.${this.line()}`))
  }

  persistent(): void {
    const id = this.pop()
    if (!(id instanceof PickledTuple)) refuse('its pickle refers to a storage in an unknown way')
    this.push(this.#world.persistent(id.items))
  }

  newObject(): void {
    const args = this.pop()
    const type = this.pop()
    if (!(args instanceof PickledTuple) || args.items.length > 0 || !(type instanceof PickledGlobal))
      refuse('its pickle makes an object in an unknown way')
    this.push(this.#world.object(type.name))
  }

  reduce(): void {
    const args = this.pop()
    const callee = this.pop()
    if (!(args instanceof PickledTuple) || !(callee instanceof PickledGlobal))
      refuse('its pickle calls something unknown')
    this.push(this.#world.reduce(callee.name, args.items))
  }

  build(): void {
    const state = this.pop()
    const target = this.top()
    // OrderedDict objects of a state_dict carry `_metadata`, which says nothing about the values.
    if (target instanceof Map) return
    if (!(target instanceof PickledObject)) refuse('its pickle fills in something that is no object')
    if (target.state !== null) refuse('its pickle fills in an object twice')
    target.state = state
  }

  append(values: readonly Pickled[]): void {
    const list = this.top()
    if (!Array.isArray(list)) refuse('its pickle appends to something that is no list')
    for (const value of values) list.push(value)
  }

  setItems(values: readonly Pickled[]): void {
    const dict = this.top()
    if (!(dict instanceof Map) || values.length % 2 !== 0)
      refuse('its pickle fills in something that is no dictionary')
    for (let index = 0; index < values.length; index += 2) {
      const [key = null, value = null] = values.slice(index, index + 2)
      if (typeof key === 'object' && key !== null)
        refuse('its pickle has a dictionary key that is no string or number')
      dict.set(key, value)
    }
  }
}

const tuple = (machine: Machine, count: number) => {
  const items = Array.from({ length: count }, () => machine.pop()).toReversed()
  machine.push(new PickledTuple(items))
}

const opcodes = new Map<number, (machine: Machine) => void>([
  [0x80, machine => machine.protocol()],
  [0x63, machine => machine.global()],
  [0x71, machine => machine.put(machine.uint(1))],
  [0x72, machine => machine.put(machine.uint(4))],
  [0x68, machine => machine.get(machine.uint(1))],
  [0x6a, machine => machine.get(machine.uint(4))],
  [0x29, machine => machine.push(new PickledTuple([]))],
  [0x74, machine => machine.push(new PickledTuple(machine.popMark()))],
  [0x85, machine => tuple(machine, 1)],
  [0x86, machine => tuple(machine, 2)],
  [0x87, machine => tuple(machine, 3)],
  [0x5d, machine => machine.push([])],
  [0x65, machine => appendAbove(machine)],
  [0x61, machine => appendOne(machine)],
  [0x7d, machine => machine.push(new Map())],
  [0x75, machine => setAbove(machine)],
  [0x73, machine => setOne(machine)],
  [0x28, machine => machine.push(MARK)],
  [0x58, machine => machine.push(machine.text())],
  [0x4a, machine => machine.push(machine.int32())],
  [0x4b, machine => machine.push(BigInt(machine.uint(1)))],
  [0x4d, machine => machine.push(BigInt(machine.uint(2)))],
  [0x8a, machine => machine.push(machine.long())],
  [0x47, machine => machine.push(machine.float())],
  [0x4e, machine => machine.push(null)],
  [0x88, machine => machine.push(true)],
  [0x89, machine => machine.push(false)],
  [0x51, machine => machine.persistent()],
  [0x81, machine => machine.newObject()],
  [0x52, machine => machine.reduce()],
  [0x62, machine => machine.build()],
])

function appendAbove(machine: Machine): void {
  const values = machine.popMark()
  machine.append(values)
}

function appendOne(machine: Machine): void {
  const value = machine.pop()
  machine.append([value])
}

function setAbove(machine: Machine): void {
  const values = machine.popMark()
  machine.setItems(values)
}

function setOne(machine: Machine): void {
  const value = machine.pop()
  const key = machine.pop()
  machine.setItems([key, value])
}
