/**
 * Messages as bytes. A frame is
 *
 *   u32 LE  bytes that follow
 *   u32 LE  length of the head
 *   head    the message as JSON, its batch packed as batch-head.ts has it; each byte array in it is replaced by its
 *           length. Spaces fill it up to a multiple of 8, so that the first byte array is aligned for elements of any type
 *   tail    the byte arrays, one after the other, in the order of the head; where the head has a `payload`, they lie in
 *           the payload file instead (payload-file.ts)
 *
 * Decoding copies each byte once, into a buffer of the frame's own; the byte arrays of the message are views of it.
 */
import { pack, unpack, type Message } from './batch-head.ts'
import type { PayloadFile } from './payload-file.ts'

const PREFIX_BYTES = 8
const ALIGNMENT = 8
/** Up to here it costs less to copy a frame into one piece than to hand many to the system. */
const ONE_PIECE_BYTES = 64 * 1024

/** From here on a payload file is worth its system calls. */
const FILE_BYTES = 128 * 1024

/**
 * The pieces of one frame, for `cork`, `write` each, `uncork`: one for a small frame, the payloads as they are for a
 * larger one; those of a large one go into the payload file, where there is one.
 */
export function encode(message: Message, file?: PayloadFile): Uint8Array[] {
  const tail: Uint8Array[] = []
  const head = pack(message, tail)
  let tailBytes = 0
  for (const bytes of tail) tailBytes += bytes.length
  const isLarge = tailBytes >= FILE_BYTES && 'batch' in message
  const payload = isLarge ? file?.write(message.batch, tail, tailBytes) : undefined
  return payload === undefined ? print(head, tail, tailBytes) : print({ ...head, payload }, [], 0)
}

function print(head: object, tail: readonly Uint8Array[], tailBytes: number): Uint8Array[] {
  const text = JSON.stringify(head)
  const textBytes = Buffer.byteLength(text)
  const headBytes = Math.ceil(textBytes / ALIGNMENT) * ALIGNMENT
  const isOnePiece = headBytes + tailBytes <= ONE_PIECE_BYTES
  const start = PREFIX_BYTES + headBytes
  const buffer = Buffer.allocUnsafe(isOnePiece ? start + tailBytes : start)
  buffer.writeUInt32LE(PREFIX_BYTES - 4 + headBytes + tailBytes, 0)
  buffer.writeUInt32LE(headBytes, 4)
  buffer.write(text, PREFIX_BYTES)
  buffer.fill(' ', PREFIX_BYTES + textBytes, start)
  if (!isOnePiece) return [buffer, ...tail.filter(bytes => bytes.length > 0)]
  let at = start
  for (const bytes of tail) {
    buffer.set(bytes, at)
    at += bytes.length
  }
  return [buffer]
}

/** The stream of frames cannot be understood: the other side is broken or hostile. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** Cuts a stream of bytes into messages. Feed it chunks of any size; it holds at most one unfinished frame. */
export class FrameReader<M extends Message> {
  /** A frame above it is refused before anything is allocated for it. It may change from frame to frame. */
  maxBytes: number
  #prefix = Buffer.alloc(PREFIX_BYTES)
  #prefixLength = 0
  #body: Buffer | undefined
  #bodyLength = 0

  readonly #file: PayloadFile | undefined

  constructor(maxBytes: number, file?: PayloadFile) {
    this.maxBytes = maxBytes
    this.#file = file
  }

  /** The messages that `chunk` completes. Throws FrameError. */
  push(chunk: Uint8Array): M[] {
    const messages: M[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#body === undefined) {
        at += this.#readPrefix(chunk, at)
        if (this.#prefixLength < PREFIX_BYTES) break
        this.#body ??= this.#allocate()
      }
      const count = Math.min(this.#body.length - this.#bodyLength, chunk.length - at)
      this.#body.set(chunk.subarray(at, at + count), this.#bodyLength)
      this.#bodyLength += count
      at += count
      if (this.#bodyLength === this.#body.length) messages.push(this.#finish(this.#body))
    }
    return messages
  }

  #readPrefix(chunk: Uint8Array, at: number): number {
    const count = Math.min(PREFIX_BYTES - this.#prefixLength, chunk.length - at)
    this.#prefix.set(chunk.subarray(at, at + count), this.#prefixLength)
    this.#prefixLength += count
    return count
  }

  #allocate(): Buffer {
    const size = this.#prefix.readUInt32LE(0) - 4
    const headLength = this.#prefix.readUInt32LE(4)
    // The head of a message is never empty, so a body always has at least one byte to come.
    if (size > this.maxBytes || headLength === 0 || headLength > size) {
      throw new FrameError(
        `a frame of ${size} bytes with a head of ${headLength}; the limit is ${this.maxBytes}`,
      )
    }
    return Buffer.allocUnsafe(size)
  }

  #readFile(place: unknown): Buffer {
    const { at, bytes } = Object(place) as Partial<Record<'at' | 'bytes', unknown>>
    if (this.#file === undefined || !isLength(at) || !isLength(bytes) || bytes > this.maxBytes) {
      throw new FrameError(`a payload of ${String(bytes)} bytes in a file; the limit is ${this.maxBytes}`)
    }
    return this.#file.read({ at, bytes })
  }

  #finish(body: Buffer): M {
    const headLength = this.#prefix.readUInt32LE(4)
    this.#body = undefined
    this.#bodyLength = 0
    this.#prefixLength = 0
    try {
      // The other side is our own code behind the same types; what a hostile one could send is checked by use.
      const head = JSON.parse(body.toString('utf8', 0, headLength)) as { payload?: unknown }
      const { payload, ...message } = head
      if (payload === undefined) {
        if (body.length - headLength >= FILE_BYTES) this.#file?.noteRest()
        return unpack(message, views(body, headLength)) as M
      }
      return unpack(message, views(this.#readFile(payload), 0)) as M
    } catch (error) {
      throw error instanceof FrameError
        ? error
        : new FrameError('a head that is not a message', { cause: error })
    }
  }
}

/** Hands out views of a body's tail, one after the other. */
function views(body: Buffer, start: number): (length: unknown) => Uint8Array {
  let at = start
  return length => {
    if (!isLength(length) || at + length > body.length) {
      throw new FrameError('a byte array that reaches beyond its frame')
    }
    return body.subarray(at, (at += length))
  }
}

function isLength(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0
}
