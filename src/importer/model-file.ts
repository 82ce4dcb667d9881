import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { Initializer } from './constants.ts'
import { modelMessage, type External } from './onnx.ts'
import { refuse } from './refusal.ts'
import type { Scope } from './scope.ts'

/** From this many bytes of constants on, they go to a file beside the model: protobuf itself ends at 2 GiB. */
export const EXTERNAL_BYTES = 1024 * 1024 * 1024
const EXTERNAL_FROM = 1024
const ALIGNMENT = 4096
const CHUNK = 16 * 1024 * 1024

/** The whole model as one buffer. Refuses more than protobuf can hold. */
export function toBytes(scope: Scope, initializers: readonly Initializer[]): Buffer {
  const message = modelMessage(scope, initializers, undefined)
  if (message.byteLength > 2 ** 31 - 1) refuse('it has more than 2 GiB of weights: write it to a file')
  const bytes = Buffer.allocUnsafe(message.byteLength)
  let at = 0
  for (const piece of message.pieces) {
    const content = Buffer.isBuffer(piece) ? piece : piece.read()
    at += content.copy(bytes, at)
  }
  return bytes
}

/**
 * Writes the model to `path`, and its constants to `path.data` where they are many. The files appear only when they are
 * complete.
 */
export async function writeModel(
  path: string,
  scope: Scope,
  initializers: readonly Initializer[],
  externalFrom = EXTERNAL_BYTES,
): Promise<void> {
  const total = initializers.reduce((sum, each) => sum + each.byteLength, 0)
  const external = total < externalFrom ? undefined : placeOutside(`${basename(path)}.data`, initializers)
  if (external !== undefined)
    await complete(`${path}.data`, file => writeExternal(file, initializers, external))
  const message = modelMessage(scope, initializers, external)
  await complete(path, async file => {
    let [position, size] = [0, 0]
    let waiting: Buffer[] = []
    const flush = async () => {
      const [first] = waiting
      const bytes = waiting.length === 1 && first !== undefined ? first : Buffer.concat(waiting)
      await writeAll(file, bytes, position)
      position += size
      waiting = []
      size = 0
    }
    for (const piece of message.pieces) {
      const content = Buffer.isBuffer(piece) ? piece : piece.read()
      waiting.push(content)
      size += content.length
      if (size >= CHUNK) await flush()
    }
    await flush()
  })
}

function placeOutside(location: string, initializers: readonly Initializer[]): External {
  const offsets = new Map<string, number>()
  let at = 0
  for (const { name, byteLength } of initializers) {
    if (byteLength < EXTERNAL_FROM) continue
    offsets.set(name, at)
    at = Math.ceil((at + byteLength) / ALIGNMENT) * ALIGNMENT
  }
  return { location, offsets }
}

async function writeExternal(
  file: FileHandle,
  initializers: readonly Initializer[],
  { offsets }: External,
): Promise<void> {
  for (const initializer of initializers) {
    const offset = offsets.get(initializer.name)
    if (offset !== undefined) await writeAll(file, initializer.read(), offset)
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done))
      .bytesWritten
}

async function complete(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}.part`
  const file = await open(draft, 'wx')
  try {
    await write(file)
    await file.close()
    await rename(draft, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
}
