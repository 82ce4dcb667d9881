import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { shown } from './entry-name.ts'
import { isTorchFile } from './torch-file.ts'

/** `ir_version`, which writers of ONNX put first. */
const ONNX_START = Buffer.of(0x08)
/** TorchScript is a zip. */
const ZIP_START = Buffer.from('PK\x03\x04')

/** Why the server will probably not serve a file as a model, in a sentence each. Looks at its name and first bytes only. */
export async function doubtsAbout(path: string): Promise<string[]> {
  const name = basename(path)
  const isOnnx = /\.onnx$/i.test(name)
  if (!isOnnx && !isTorchFile(name)) {
    return [`${shown(name)} is not a model that can be served: expected an .onnx file, or TorchScript (.pt)`]
  }
  const expected = isOnnx ? ONNX_START : ZIP_START
  const start = await firstBytes(path, expected.length)
  if (start.equals(expected)) return []
  const what = isOnnx ? 'ONNX' : 'TorchScript, which torch.jit.save writes'
  return [`${shown(name)} does not look like ${what}: the server will probably refuse it`]
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
