import { makeFolder, removeFolder } from './interruption.ts'

/** A folder that is gone afterwards, whatever happens in it. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makeFolder()
  try {
    return await use(folder)
  } finally {
    await removeFolder(folder)
  }
}
