import { crc32 } from 'node:zlib'

/** A zip of stored entries, for archives that no PyTorch would write. */
export function zipOf(entries: Readonly<Record<string, Buffer | string>>): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(content as string)
    const path = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(path.length, 22)
    const header = Buffer.concat([Buffer.from('504b0304', 'hex'), common, path, data])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('504b0102', 'hex'), Buffer.from([20, 0]), common, rest, path]))
    files.push(header)
    offset += header.length
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0)
  const end = Buffer.alloc(22)
  end.write('504b0506', 0, 'hex')
  end.writeUInt16LE(directory.length, 8)
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...files, ...directory, end])
}

const text = (value: string) => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([Buffer.from('X'), length, bytes])
}

/** The pickle of an object of a class of the program, with attributes that are all empty dictionaries. */
export function modulePickle(type: string): Buffer {
  const [, module = '', name = ''] = /^(.*)\.(\w+)$/.exec(type) ?? []
  const training = Buffer.concat([text('training'), Buffer.from([0x89])])
  return Buffer.concat([
    Buffer.from([0x80, 2]),
    Buffer.from(`c${module}\n${name}\n`),
    Buffer.from(')\x81}(', 'latin1'),
    training,
    Buffer.from('ub.'),
  ])
}

const int = (value: number) => {
  const bytes = Buffer.alloc(5, 'J')
  bytes.writeInt32LE(value, 1)
  return bytes
}

const tuple = (...items: Buffer[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')])

/** The pickle of a float32 tensor over the storage 0, which has one number: its strides are zero. */
export function repeatedNumber(shape: readonly number[]): Buffer {
  const storage = tuple(
    text('storage'),
    Buffer.from('ctorch\nFloatStorage\n'),
    text('0'),
    text('cpu'),
    int(1),
  )
  return Buffer.concat([
    Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n('),
    Buffer.concat([storage, Buffer.from('Q')]),
    int(0),
    tuple(...shape.map(int)),
    tuple(...shape.map(() => int(0))),
    Buffer.from('\x89ccollections\nOrderedDict\n)RtR', 'latin1'),
  ])
}

/** The pickle of an object of the class `__torch__.M` with these attributes. */
export function objectPickle(attributes: Readonly<Record<string, Buffer>>): Buffer {
  return Buffer.concat([
    Buffer.from('\x80\x02c__torch__\nM\n)\x81}(', 'latin1'),
    ...Object.entries(attributes).flatMap(([name, value]) => [text(name), value]),
    Buffer.from('ub.'),
  ])
}

/** A TorchScript archive whose module `M` has the given code. */
export function torchScript(
  code: string,
  data = modulePickle('__torch__.M'),
  storages: Readonly<Record<string, Buffer>> = {},
): Buffer {
  return zipOf({
    'm/data.pkl': data,
    'm/code/__torch__.py': code,
    'm/constants.pkl': Buffer.from([0x80, 2, 0x29, 0x2e]),
    'm/version': '3\n',
    ...storages,
  })
}

/** `forward` of a module with one tensor `x`. The lines come indented already. */
export function forward(...lines: string[]): string {
  const body = lines.map(line => `    ${line}\n`).join('')
  return `class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n${body}`
}
