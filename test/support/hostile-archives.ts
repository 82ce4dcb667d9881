/** Archives and models written byte by byte: what no library agrees to make. */
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'

export interface ZipEntry {
  name: string
  data?: Buffer | string
  /** Unix mode with type, such as 0o120777 for a symbolic link. */
  mode?: number
  /** General purpose flags beside "names are UTF-8"; 1 is encrypted. */
  flags?: number
  /** 0 stored, 8 deflated (the default); anything else is only declared. */
  method?: number
  /** The sizes and checksum that the archive declares, where they are not the real ones. */
  declares?: { size?: number; crc?: number }
  /** Puts this offset of the local header into a zip64 field. */
  zip64Offset?: bigint
}

export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const made = zipEntry(entry, offset)
    locals.push(made.local)
    central.push(made.central)
    offset += made.local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

function zipEntry(entry: ZipEntry, offset: number): { local: Buffer; central: Buffer } {
  const { data = '', method = 8, mode = 0o100644, zip64Offset } = entry
  const content = Buffer.from(data)
  const packed = method === 8 ? deflateRawSync(content) : content
  const name = Buffer.from(entry.name)
  const common = zipCommon(entry, { content, packed, method })
  const head = Buffer.alloc(6)
  head.writeUInt32LE(0x02014b50, 0)
  head.writeUInt16LE((3 << 8) | 63, 4)
  const extra = zip64Offset === undefined ? Buffer.alloc(0) : zip64Extra(zip64Offset)
  const tail = Buffer.alloc(14)
  tail.writeUInt32LE((mode << 16) >>> 0, 6)
  tail.writeUInt32LE(zip64Offset === undefined ? offset : 0xffffffff, 10)
  const centralCommon = Buffer.from(common)
  centralCommon.writeUInt16LE(extra.length, 24)
  return {
    local: Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, packed]),
    central: Buffer.concat([head, centralCommon, tail, name, extra]),
  }
}

/** What the two headers of an entry have in common. */
function zipCommon(entry: ZipEntry, what: { content: Buffer; packed: Buffer; method: number }): Buffer {
  const declared = { size: what.content.length, crc: crc32(what.content), ...entry.declares }
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(0x800 | (entry.flags ?? 0), 2)
  common.writeUInt16LE(what.method, 4)
  common.writeUInt32LE(declared.crc, 10)
  common.writeUInt32LE(what.packed.length, 14)
  common.writeUInt32LE(declared.size, 18)
  common.writeUInt16LE(Buffer.byteLength(entry.name), 22)
  return common
}

function zip64Extra(offset: bigint): Buffer {
  const extra = Buffer.alloc(12)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(8, 2)
  extra.writeBigUInt64LE(offset, 4)
  return extra
}

export interface TarEntry {
  name: string
  data?: Buffer | string
  /** 0 file, 1 hard link, 2 symbolic link, 3 character device, 5 folder, 6 named pipe, x extended header ... */
  type?: string
  link?: string
  /** Declared in the header where it is not the real one. */
  size?: number
}

export function makeTarball(entries: readonly TarEntry[]): Buffer {
  return gzipSync(Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]))
}

/** An extended header that gives the entry behind it another name. */
export function paxPath(name: string): TarEntry {
  const body = ` path=${name}\n`
  let length = Buffer.byteLength(body) + 1
  while (Buffer.byteLength(`${length}${body}`) !== length) length += 1
  return { name: 'PaxHeader', type: 'x', data: `${length}${body}` }
}

function tarEntry(entry: TarEntry): Buffer {
  const data = Buffer.from(entry.data ?? '')
  const header = Buffer.alloc(512)
  header.write(entry.name, 0, 100)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${(entry.size ?? data.length).toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write(entry.type ?? '0', 156)
  header.write(entry.link ?? '', 157, 100)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}

/** A protobuf number. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Buffer.from([...bytes, Number(rest)])
}

/** A protobuf field with a length: bytes, text, or a message of such fields. */
export function field(number: number, ...content: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map(part => Buffer.from(part)))
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body])
}

/** The content of a TensorProto whose data lies in another file. */
export function externalTensor(location: string): Buffer {
  return Buffer.concat([
    field(8, 'weight'),
    field(13, field(1, 'offset'), field(2, '0')),
    field(13, field(1, 'location'), field(2, location)),
    Buffer.from([14 * 8, 1]),
  ])
}

/** An ONNX model with one initializer that lies in another file. */
export function onnxWithExternalData(location: string): Buffer {
  return Buffer.concat([Buffer.from([8, 8]), field(7, field(5, externalTensor(location)))])
}
