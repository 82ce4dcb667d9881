/**
 * Messages as bytes. A frame is
 *
 *   u32 LE  bytes that follow
 *   u32 LE  length of the head
 *   head    the message as JSON; each byte array in it is replaced by its length. Spaces fill it up to a multiple of 8,
 *           so that the first byte array is aligned for elements of any type
 *   tail    the byte arrays, one after the other, in the order of the head
 *
 * Encoding copies no payload: it returns the pieces for one gathered write. Decoding copies each byte once, into a
 * buffer of the frame's own; the byte arrays of the message are views of it.
 */
import type { Answer, FromWorker, Item, ToWorker, WireTensor } from './protocol.ts'

const PREFIX_BYTES = 8

type Message = ToWorker | FromWorker

/** The pieces of one frame, for `cork`, `write` each, `uncork`. */
export function encode(message: Message): Uint8Array[] {
  const tail: Uint8Array[] = []
  const head = printHead(detach(message, tail))
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES)
  let total = PREFIX_BYTES - 4 + head.length
  for (const bytes of tail) total += bytes.length
  prefix.writeUInt32LE(total, 0)
  prefix.writeUInt32LE(head.length, 4)
  return [prefix, head, ...tail.filter(bytes => bytes.length > 0)]
}

const ALIGNMENT = 8

function printHead(value: unknown): Buffer {
  const text = JSON.stringify(value)
  const length = Buffer.byteLength(text)
  const head = Buffer.alloc(Math.ceil(length / ALIGNMENT) * ALIGNMENT, ' ')
  head.write(text)
  return head
}

/** The message with its byte arrays moved to `tail` and their lengths in their place. */
function detach(message: Message, tail: Uint8Array[]): unknown {
  const length = (bytes: Uint8Array): number => {
    tail.push(bytes)
    return bytes.length
  }
  if (message.type === 'run') {
    const items = message.items.map(item => ({
      ...item,
      parameters: item.parameters.map(parameter => ({ ...parameter, value: length(parameter.value) })),
      ...tensorsWith(item, length),
    }))
    return { ...message, items }
  }
  if (message.type === 'done') {
    const answers = message.answers.map(answer =>
      answer.ok ? { ...answer, body: length(answer.body), ...tensorsWith(answer, length) } : answer,
    )
    return { ...message, answers }
  }
  return message
}

function isLength(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0
}

/** The counterpart of `detach`: puts views of `tail` back where the lengths stand. */
function attach(head: Message, tail: Uint8Array): Message {
  let offset = 0
  const take = (length: unknown): Uint8Array => {
    if (!isLength(length) || offset + length > tail.length) {
      throw new FrameError('a byte array that reaches beyond its frame')
    }
    return tail.subarray(offset, (offset += length))
  }
  if (head.type === 'run') {
    const items: Item[] = head.items.map(item => ({
      ...item,
      parameters: item.parameters.map(parameter => ({ ...parameter, value: take(parameter.value) })),
      ...tensorsWith(item, take),
    }))
    return { ...head, items }
  }
  if (head.type === 'done') {
    const answers: Answer[] = head.answers.map(answer =>
      answer.ok ? { ...answer, body: take(answer.body), ...tensorsWith(answer, take) } : answer,
    )
    return { ...head, answers }
  }
  return head
}

/** The member `tensors` with its data turned by `turn`, where there is one. */
function tensorsWith<D>(
  { tensors }: { readonly tensors?: readonly WireTensor[] },
  turn: (data: Uint8Array) => D,
): { tensors?: (Omit<WireTensor, 'data'> & { data: D })[] } {
  if (tensors === undefined) return {}
  return { tensors: tensors.map(tensor => ({ ...tensor, data: turn(tensor.data) })) }
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

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
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

  #finish(body: Buffer): M {
    const headLength = this.#prefix.readUInt32LE(4)
    this.#body = undefined
    this.#bodyLength = 0
    this.#prefixLength = 0
    try {
      // The other side is our own code behind the same types; what a hostile one could send is checked by use.
      const head = JSON.parse(body.toString('utf8', 0, headLength)) as M
      return attach(head, body.subarray(headLength)) as M
    } catch (error) {
      throw error instanceof FrameError
        ? error
        : new FrameError('a head that is not a message', { cause: error })
    }
  }
}
