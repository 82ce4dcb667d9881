import { writeFile } from 'node:fs/promises'
import { ZipFile } from '../../src/importer/zip.ts'
import { makeZip } from './hostile-archives.ts'

/** Writes a PyTorch file anew, with other code: `change` gets each file of code and gives what is to stand there. */
export async function rewriteTorchFile(
  from: string,
  to: string,
  change: (code: string, name: string) => string,
): Promise<void> {
  const zip = new ZipFile(from)
  try {
    const entries = [...zip.entries].map(([name, entry]) => {
      const content = zip.content(entry, 2 ** 28)
      const data = name.endsWith('.py') ? change(content.toString(), name) : content
      return { name, data, method: 0 }
    })
    await writeFile(to, makeZip(entries))
  } finally {
    zip.close()
  }
}
