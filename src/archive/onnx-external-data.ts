import { lstat, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { complaintAboutPlainName, shown } from './entry-name.ts'
import { findLocations, HostileModel } from './onnx-locations.ts'
import { isSystemError, refusal } from './refusal.ts'

/**
 * The absolute paths of the files with weights beside an ONNX model. ONNX Runtime opens whatever a model names; so each
 * must have a plain name, and be a regular file in the model's folder with no second name (a hard link may lead
 * anywhere). Throws BAD_ARCHIVE otherwise, under the name `archive`. A file that is no ONNX at all yields [].
 */
export async function checkExternalData(
  modelFile: string,
  archive: string = basename(modelFile),
): Promise<string[]> {
  const model = shown(basename(modelFile))
  const paths: string[] = []
  for (const location of await locationsIn(modelFile, archive)) {
    const refuse = (what: string) =>
      refusal(archive, `the external data "${shown(location)}" that ${model} names ${what}`)
    const complaint = complaintAboutPlainName(location)
    if (complaint !== undefined) throw refuse(complaint)
    const path = join(dirname(modelFile), location)
    const problem = await complaintAboutFile(path)
    if (problem !== undefined) throw refuse(problem)
    paths.push(path)
  }
  return paths
}

async function locationsIn(modelFile: string, archive: string): Promise<string[]> {
  const handle = await open(modelFile, 'r')
  try {
    return await findLocations(handle)
  } catch (error) {
    if (error instanceof HostileModel)
      throw refusal(archive, `${shown(basename(modelFile))}: ${error.message}`)
    throw error
  } finally {
    await handle.close()
  }
}

async function complaintAboutFile(path: string): Promise<string | undefined> {
  try {
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) return 'is a symbolic link; expected a regular file'
    if (!stats.isFile()) return 'is not a regular file'
    return stats.nlink === 1 ? undefined : 'is a hard link; expected a file with one name'
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return "is not in the model's folder"
    throw error
  }
}
