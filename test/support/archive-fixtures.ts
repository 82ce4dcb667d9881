import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

export const digitsOnnx = join(import.meta.dirname, '../fixtures/digits/digits.onnx')

/** Fresh folders that are gone after each test. Called once per file, outside the tests. */
export function freshFolders(): () => Promise<string> {
  const made: string[] = []
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
  })
  return async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'sconce-archive-')))
    made.push(folder)
    return folder
  }
}

export async function fileIn(folder: string, name: string, content: Buffer | string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

export function manifestJson(model: Record<string, unknown>): string {
  return JSON.stringify({ runtime: 'python', model, archiverVersion: '0.12.0' })
}
