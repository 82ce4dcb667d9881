/**
 * Finds where an ONNX file points to, the `external_data` of every TensorProto, wherever one can stand, and which operators
 * it has. Walks the protobuf over a small window of the file, skips what it does not need (weights above all), and never recurses.
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, https://protobuf.dev/programming-guides/encoding/
 */
import type { FileHandle } from 'node:fs/promises'

/** Beyond what protobuf itself accepts (100), so that no nesting hides anything from us that ONNX Runtime would read. */
const MAX_DEPTH = 200
const MAX_LOCATIONS = 10_000
const MAX_STRING_BYTES = 4096
/** No operator and no producer that is looked for has a longer name. */
const MAX_NAME_BYTES = 64
const WINDOW_BYTES = 64 * 1024
/** More than the longest tag, length and string of interest together. */
const FIELD_BYTES = 2 * MAX_STRING_BYTES

type Message =
  'model' | 'training' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor' | 'entry' | 'group'

/** The fields that lead to a tensor, by number. */
const FIELDS: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
  group: {},
}

interface Frame {
  readonly message: Message
  readonly end: number
  /** Groups only: the field number that has to close it. */
  readonly field: number
  /** Entries only. Of a field that stands there twice, the last one counts. */
  key: string
  value: string
}

/** Why a file is refused outright; anything else that is wrong with it is left to ONNX Runtime. */
export class HostileModel extends Error {
  override readonly name = 'HostileModel'
}

/**
 * Every distinct location, as written. Where the file stops being protobuf, what was found before: ONNX Runtime reads
 * a file whole or not at all. Throws HostileModel for nesting, numbers and lengths that no honest model has.
 */
export async function findLocations(handle: FileHandle): Promise<string[]> {
  const { size } = await handle.stat()
  const walk = new Walk(new Window(handle, size), size)
  await walk.run()
  return [...walk.locations]
}

/** What a graph is made of. */
export interface GraphParts {
  /** Who wrote it, as it says. */
  readonly producer: string
  /** The operators of its nodes, those of inner graphs too, without their domains. */
  readonly operators: ReadonlySet<string>
}

/** As far as the file is protobuf. Throws as `findLocations` does. */
export async function readParts(handle: FileHandle): Promise<GraphParts> {
  const { size } = await handle.stat()
  const walk = new Walk(new Window(handle, size), size)
  await walk.run()
  return walk
}

class Walk {
  readonly locations = new Set<string>()
  readonly operators = new Set<string>()
  producer = ''
  readonly #window: Window
  readonly #stack: Frame[] = []
  #position = 0

  constructor(window: Window, size: number) {
    this.#window = window
    this.#push('model', size)
  }

  async run(): Promise<void> {
    let frame = this.#stack.at(-1)
    while (frame !== undefined) {
      // One wait for a window's worth of fields, not one for each: a large graph has millions.
      if (!this.#window.covers(this.#position)) await this.#window.moveTo(this.#position)
      if (frame.message !== 'group' && this.#position === frame.end) this.#pop(frame)
      else if (!this.#field(frame)) return
      frame = this.#stack.at(-1)
    }
  }

  /** Reads one field and moves behind its header or its content; false where this is no protobuf. */
  #field(frame: Frame): boolean {
    const tag = this.#window.varint(this.#position, frame.end)
    // Tags have 32 bits in at most five bytes; what is above is cut off, as protobuf does.
    if (tag === undefined || tag.next - this.#position > 5) return false
    const bits = Number(BigInt.asUintN(32, tag.value))
    const field = bits >>> 3
    if (field === 0) return false
    this.#position = tag.next
    return this.#content(frame, field, bits & 7)
  }

  #content(frame: Frame, field: number, wireType: number): boolean {
    switch (wireType) {
      case 0:
        return this.#moveTo(this.#window.varint(this.#position, frame.end)?.next, frame)
      case 1:
        return this.#moveTo(this.#position + 8, frame)
      case 2:
        return this.#bytes(frame, field)
      case 3:
        this.#push('group', frame.end, field)
        return true
      case 4:
        if (frame.message !== 'group' || frame.field !== field) return false
        this.#pop(frame)
        return true
      case 5:
        return this.#moveTo(this.#position + 4, frame)
      default:
        return false
    }
  }

  #bytes(frame: Frame, field: number): boolean {
    const length = this.#window.varint(this.#position, frame.end)
    if (length === undefined || length.value > BigInt(frame.end - length.next)) return false
    const end = length.next + Number(length.value)
    const inner = FIELDS[frame.message][field]
    this.#position = length.next
    if (inner !== undefined) {
      this.#push(inner, end)
      return true
    }
    if (frame.message === 'entry') this.#string(frame, field, end)
    else if (end - this.#position <= MAX_NAME_BYTES) this.#name(frame, field, end)
    return this.#moveTo(end, frame)
  }

  #string(frame: Frame, field: number, end: number): void {
    if (field !== 1 && field !== 2) return
    const length = end - this.#position
    if (length > MAX_STRING_BYTES) throw new HostileModel(`an external data entry has ${length} bytes`)
    const text = this.#window.text(this.#position, length)
    if (field === 1) frame.key = text
    else frame.value = text
  }

  #name({ message }: Frame, field: number, end: number): void {
    const read = () => this.#window.text(this.#position, end - this.#position)
    if (message === 'node' && field === 4) this.operators.add(read())
    else if (message === 'model' && field === 2) this.producer = read()
  }

  #moveTo(position: number | undefined, frame: Frame): boolean {
    if (position === undefined || position > frame.end) return false
    this.#position = position
    return true
  }

  #push(message: Message, end: number, field = 0): void {
    if (this.#stack.length >= MAX_DEPTH)
      throw new HostileModel(`it is nested deeper than ${MAX_DEPTH} levels`)
    this.#stack.push({ message, end, field, key: '', value: '' })
  }

  #pop(frame: Frame): void {
    this.#stack.pop()
    if (frame.message !== 'entry' || frame.key !== 'location') return
    this.locations.add(frame.value)
    if (this.locations.size > MAX_LOCATIONS)
      throw new HostileModel(`it names more than ${MAX_LOCATIONS} data files`)
  }
}

/** A stretch of the file in memory. */
class Window {
  readonly #handle: FileHandle
  readonly #size: number
  readonly #buffer = Buffer.alloc(WINDOW_BYTES)
  #start = 0
  #end = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /** Whether enough of the file is in memory to read any one field at `position`. */
  covers(position: number): boolean {
    return position >= this.#start && Math.min(position + FIELD_BYTES, this.#size) <= this.#end
  }

  async moveTo(position: number): Promise<void> {
    const wanted = Math.min(position + FIELD_BYTES, this.#size)
    this.#start = position
    this.#end = position
    while (this.#end < wanted) {
      const offset = this.#end - position
      const { bytesRead } = await this.#handle.read(this.#buffer, offset, WINDOW_BYTES - offset, this.#end)
      if (bytesRead === 0) return
      this.#end += bytesRead
    }
  }

  /** The number at `position` and what follows it; undefined where it does not end before `limit` or in ten bytes. */
  varint(position: number, limit: number): { value: bigint; next: number } | undefined {
    const last = Math.min(limit, this.#end, position + 10)
    let low = 0
    for (let at = position; at < last; at++) {
      const byte = this.#buffer[at - this.#start] ?? 0
      const shift = 7 * (at - position)
      // Numbers of up to four bytes, nearly all of them, need no big integers.
      if (shift < 28) low |= (byte & 0x7f) << shift
      if (byte < 0x80) return { value: shift < 28 ? BigInt(low) : this.#long(position, at), next: at + 1 }
    }
    return undefined
  }

  #long(position: number, last: number): bigint {
    let value = 0n
    for (let at = last; at >= position; at--) {
      value = (value << 7n) | BigInt((this.#buffer[at - this.#start] ?? 0) & 0x7f)
    }
    return BigInt.asUintN(64, value)
  }

  text(position: number, length: number): string {
    const offset = position - this.#start
    return this.#buffer.toString('utf8', offset, offset + Math.min(length, this.#end - position))
  }
}
