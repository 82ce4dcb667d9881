/** Which URLs an archive may be fetched from, and under which name it is kept. Looks at text only. */
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Failure, failureWith } from '../errors.ts'
import { torchRefusal } from './torch-file.ts'

const MAX_URL_CHARACTERS = 8192
const MAX_DECODINGS = 5
const MAX_NAME_CHARACTERS = 128
const ENCODED_CONTROL = /%(?:[01][\da-f]|7f)/i
const ARCHIVE_NAME = /^\w[\w.-]*\.(?:mar|zip|model|tar\.gz|tgz|onnx|pt|pth)$/i

/** A URL that passed the rules. */
export interface Remote {
  /** As the client gave it, without credentials: for errors. */
  readonly given: string
  /** In its normal form, which is what the patterns were compared with and what is fetched. */
  readonly url: URL
}

/** Whether this is a URL of a kind that can be fetched, rather than a name in the model store. */
export function isRemote(url: string): boolean {
  return /^(?:https?|file):/i.test(url)
}

/**
 * Checks a URL as a client gave it. Patterns are regular expressions that have to match all of it, in its normal form,
 * whatever the case; without any, nothing is allowed. Throws ARCHIVE_URL with TorchServe's texts.
 */
export function admitUrl(given: string, patterns: readonly string[]): Remote {
  const shown = withoutCredentials(given)
  if (climbs(given)) throw climbing(shown)
  if (patterns.length === 0) {
    throw notAllowed(shown, 'Remote archives are off: the key allowed_urls has no pattern.')
  }
  const url = normalise(given)
  if (url === undefined) throw notAllowed(shown, 'It is not a valid http, https or file URL.')
  if (url.username !== '' || url.password !== '') {
    throw notAllowed(shown, 'It holds a user name or a password, which are not allowed in URLs.')
  }
  if (!matchesAny(url, patterns)) {
    throw notAllowed(shown, `No pattern of the key allowed_urls matches all of ${url.href}`)
  }
  return { given: shown, url }
}

/** Checks where a server at `from` sent us on to, by the same rules. */
export function admitRedirect(remote: Remote, from: URL, location: string, patterns: readonly string[]): URL {
  const url = normalise(location, from)
  const refuse = (what: string) => notAllowed(remote.given, `It redirects to ${what}`)
  if (url === undefined || url.protocol === 'file:') throw refuse('something that is no http or https URL.')
  if (url.username !== '' || url.password !== '') throw refuse('a URL with a user name or a password.')
  if (climbs(url.href)) throw climbing(remote.given)
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refuse('http, away from https.')
  // The rest of it may be a secret between two servers, such as a signed link.
  if (!matchesAny(url, patterns)) {
    throw refuse(`a URL at ${url.origin} that no pattern of the key allowed_urls matches.`)
  }
  return url
}

/** ARCHIVE_URL in TorchServe's words; `reason` is a sentence. */
export function notAllowed(given: string, reason: string): Failure {
  return failureWith({ reason }, 'ARCHIVE_URL', `Given URL ${given} does not match any allowed URL(s)`)
}

/** The file name under which the archive is kept: the last part of the URL's path. Throws DOWNLOAD_FAILED. */
export function archiveName({ given, url }: Remote): string {
  const name = decoded(url.pathname).split('/').at(-1) ?? ''
  const torch = torchRefusal(name)
  if (ARCHIVE_NAME.test(name) && name.length <= MAX_NAME_CHARACTERS) return name
  const reason =
    torch ??
    'The path of the URL has to end in the name of an archive: at most ' +
      `${MAX_NAME_CHARACTERS} letters, digits, "_", "." and "-", and .mar, .zip, .model, .tar.gz, .tgz, .onnx or .pt at its end.`
  throw failureWith({ reason }, 'DOWNLOAD_FAILED', given)
}

const SCHEME = /^\^?(?:https?|https\?|http\(s\)\?|\((?:\?:)?https?\|https?\)):(?:\\?\/){2}/i
const HOST = /^(?:(?:[\w-]|\\?\.)+|\\\[[\da-f:.]+\\\])(?=$|:|\(:|\(\?::|\\?\/)/i

/**
 * Whether a pattern that matches the URL also spells its host out, as `http://10\.0\.0\.1/.*` does (dots may lack
 * their `\`): it begins with a scheme and a host in which nothing can stand for anything else.
 */
export function isHostNamed(url: URL, patterns: readonly string[]): boolean {
  return patterns.some(pattern => {
    const scheme = SCHEME.exec(pattern)?.[0] ?? ''
    const host = scheme === '' ? undefined : HOST.exec(pattern.slice(scheme.length))?.[0]
    if (host?.replaceAll('\\', '').toLowerCase() !== url.hostname) return false
    // A branch of the pattern that begins with another host does not count.
    const rest = pattern.slice(scheme.length + host.length)
    return matchesAny(url, [pattern]) && matchesAny(url, [`${scheme}${host}(?:${rest})`])
  })
}

/** The patterns under which any host of the Internet is allowed: worth a warning at the start. */
export function openPatterns(patterns: readonly string[]): string[] {
  const anywhere = ['http', 'https'].map(scheme => new URL(`${scheme}://any-host.invalid:4711/any/file.mar`))
  const nearby = new URL('file:///any-folder/file.mar')
  return patterns.filter(pattern => [...anywhere, nearby].some(url => matchesAny(url, [pattern])))
}

/** Whether one of the patterns matches all of a URL in its normal form. */
export function matchesAny(url: URL, patterns: readonly string[]): boolean {
  return patterns.some(pattern => new RegExp(`^(?:${pattern})$`, 'i').test(url.href))
}

/**
 * One spelling for each resource: WHATWG's (numbers as addresses, host in small letters, no default port, folders
 * resolved), without a fragment, and with nothing encoded in the path that need not be.
 */
function normalise(text: string, base?: URL): URL | undefined {
  // WHATWG drops tabs and line ends silently, and takes a backslash for a slash.
  if (text.length > MAX_URL_CHARACTERS || /[\p{Cc}\\]/u.test(text)) return undefined
  const url = URL.parse(text, base?.href)
  if (url === null || ENCODED_CONTROL.test(url.href)) return undefined
  url.hash = ''
  if (url.protocol === 'file:') return normaliseFile(url)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  // Letters, digits, "-", ".", "_" and "~": https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2.2
  url.pathname = url.pathname.replaceAll(/%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi, decoded)
  return url
}

function normaliseFile(url: URL): URL | undefined {
  try {
    // Refuses hosts and encoded slashes.
    return pathToFileURL(fileURLToPath(url))
  } catch {
    return undefined
  }
}

/** Whether `..` stands in it, however often it was encoded; a text without end to its encoding counts as climbing. */
function climbs(text: string): boolean {
  let current = text
  for (let round = 0; round < MAX_DECODINGS; round++) {
    if (current.includes('..')) return true
    const next = decoded(current)
    if (next === current) return false
    current = next
  }
  return true
}

function climbing(given: string): Failure {
  const reason = 'A URL must not hold "..", in any encoding.'
  return failureWith({ reason }, 'ARCHIVE_URL', `Relative path is not allowed in url: ${given}`)
}

/** Byte by byte, as Latin-1: never fails, and finds the ASCII characters, which are all that the rules are about. */
function decoded(text: string): string {
  return text.replaceAll(/%([\da-f]{2})/gi, (_code, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

function withoutCredentials(given: string): string {
  return given.replace(/^(https?:[/\\]*|file:\/\/)[^/\\?#]*@/i, '$1***@')
}
