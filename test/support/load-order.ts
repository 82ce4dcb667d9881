import { mkdtemp, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Item, LoadOrder } from '../../src/worker/protocol.ts'

export const home = join(import.meta.dirname, '../..')

/** An order to load a handler of this source, from a fresh folder that is `order.dir`. */
export async function orderFor(handler: string, more: Partial<LoadOrder> = {}): Promise<LoadOrder> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'model-')))
  const handlerFile = join(dir, 'handler.ts')
  await writeFile(handlerFile, handler)
  return {
    name: 'tested',
    version: '1.0',
    dir,
    modelFile: undefined,
    optimisedFile: undefined,
    fatalOnEmpty: [],
    handlerFile,
    manifest: {},
    config: {},
    threads: 1,
    batchLimit: 1,
    measure: undefined,
    isWarmedUp: false,
    maxResponseSize: 1_000_000,
    decodeInput: true,
    limitImagePixels: true,
    ...more,
  }
}

/** A request with this text as its body. */
export function itemOf(text: string): Item {
  const body = { name: 'body', contentType: 'text/plain', value: Buffer.from(text) }
  return { requestId: `request ${text}`, headers: {}, parameters: [body] }
}
