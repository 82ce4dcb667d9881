/** Names of things inside archives: how a hostile one is recognised, and how one is shown to a person. */

const MAX_SHOWN = 120
const MAX_PART_BYTES = 255
const MAX_PATH_BYTES = 1024

/** A text from outside, fit for an error message: control and invisible characters escaped, at most 120 characters. */
export function shown(text: string): string {
  const clipped = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
  return clipped.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** What is wrong with a path inside an archive, or undefined: it must be relative, stay inside, and be portable. */
export function complaintAbout(name: string): string | undefined {
  if (name === '') return 'has no name'
  if (name.includes('\0')) return 'has a NUL character in its name'
  if (/\p{Cc}/u.test(name)) return 'has control characters in its name'
  if (name.includes('\\')) return 'has a backslash in its name; folders are separated by "/"'
  if (/^[A-Za-z]:/.test(name)) return 'names a drive; paths must be relative'
  if (name.startsWith('/')) return 'has an absolute path; paths must be relative'
  if (name.split('/').includes('..')) return 'climbs out of the archive with ".."'
  return complaintAboutLength(name)
}

function complaintAboutLength(name: string): string | undefined {
  const longest = Math.max(...name.split('/').map(part => Buffer.byteLength(part)))
  if (longest > MAX_PART_BYTES) return `has a name longer than ${MAX_PART_BYTES} bytes`
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) return `has a path longer than ${MAX_PATH_BYTES} bytes`
  return undefined
}

/** What is wrong with the name of one file that must lie beside another, or undefined. */
export function complaintAboutPlainName(name: string): string | undefined {
  if (name.includes('/')) return 'must be a plain file name without folders'
  if (name === '.') return 'must be the name of a file'
  // Decoding left a replacement character: the bytes mean another file than the text does.
  if (name.includes('\uFFFD')) return 'is not valid UTF-8'
  return complaintAbout(name)
}

/** Two names with the same key may be one file on a file system that ignores case or Unicode forms. */
export function clashKey(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}
