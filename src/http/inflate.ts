import { promisify } from 'node:util'
import { deflate, gunzip, gzip, inflate } from 'node:zlib'
import { failure, failureWith } from '../errors.ts'

const unpack = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const
const pack = { gzip: promisify(gzip), deflate: promisify(deflate) } as const

export type Encoding = keyof typeof pack

/** A speed that keeps up with a local network; tensors of floats hardly shrink further. */
const LEVEL = 1

/** A request's body as it was before its Content-Encoding. Throws UNSUPPORTED_ENCODING, BODY_TOO_LARGE, BAD_REQUEST. */
export async function inflateBody(
  body: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === '' || name === 'identity') return body
  if (name !== 'gzip' && name !== 'deflate') throw failure('UNSUPPORTED_ENCODING', name.slice(0, 64))
  try {
    return await unpack[name](body, { maxOutputLength: maxBytes })
  } catch (cause) {
    if (cause instanceof RangeError) {
      const reason = `Its decompressed size exceeds the maximum allowed ${maxBytes} bytes.`
      throw failureWith({ cause, reason }, 'BODY_TOO_LARGE')
    }
    throw failureWith({ cause }, 'BAD_REQUEST', `the body is not ${name} data, as its Content-Encoding says`)
  }
}

/** The first encoding of an Accept-Encoding that can be written; undefined: none, or the client does not want it. */
export function chooseEncoding(accepted: string | undefined): Encoding | undefined {
  for (const part of accepted?.split(',', 16) ?? []) {
    const [name = '', quality = ''] = part.trim().toLowerCase().split(';')
    if (/^\s*q=0(\.0*)?\s*$/.test(quality)) continue
    if (name === 'gzip' || name === 'deflate') return name
  }
  return undefined
}

export function deflateBody(body: Buffer, encoding: Encoding): Promise<Buffer> {
  return pack[encoding](body, { level: LEVEL })
}
