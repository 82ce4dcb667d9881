import { failure } from '../errors.ts'

/** One key of a properties file: its value with escapes resolved, and the line (from 1) on which its key stands. */
export interface Property {
  readonly value: string
  readonly line: number
}

export interface Properties {
  readonly entries: ReadonlyMap<string, Property>
  readonly warnings: readonly string[]
}

interface LogicalLine {
  readonly text: string
  readonly line: number
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

/**
 * Reads the whole of Java's .properties syntax
 * (https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-).
 * A repeated key takes its last value, with a warning; a line of one backslash is blank, where Java may make an empty key.
 * Throws BAD_CONFIG at a malformed `\uXXXX`.
 */
export function parseProperties(text: string, fileName: string): Properties {
  const entries = new Map<string, Property>()
  const warnings: string[] = []
  for (const { text: content, line } of logicalLines(text.replace(/^\uFEFF/, ''))) {
    const where = `${fileName} line ${line}`
    const [rawKey, rawValue] = splitKey(content)
    const key = unescape(rawKey, where)
    const earlier = entries.get(key)
    if (earlier !== undefined) {
      warnings.push(`${where} sets ${key} again; its value from line ${earlier.line} is not used`)
    }
    entries.set(key, { value: unescape(rawValue, where), line })
  }
  return { entries, warnings }
}

/** Lines with a key: comments and blank lines left out, continued lines joined without their leading blanks. */
function* logicalLines(text: string): Generator<LogicalLine> {
  const lines = text.split(/\r\n|\r|\n/)
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1
    let content = trimStart(lines[i]!)
    if (/^(?:[#!]|\\?$)/.test(content)) continue
    while (continues(content)) {
      i++
      content = content.slice(0, -1) + trimStart(lines[i] ?? '')
    }
    yield { text: content, line }
  }
}

const trimStart = (text: string) => text.replace(/^[ \t\f]+/, '')

/** A line goes on when it ends in an odd number of backslashes: an even number is escaped backslashes. */
const continues = (text: string) => /\\*$/.exec(text)![0].length % 2 === 1

/** The key ends at the first unescaped `=`, `:` or blank; one separator with blanks around it belongs to neither part. */
function splitKey(content: string): [key: string, value: string] {
  const key = /^(?:\\[^]|[^\\=: \t\f])*/.exec(content)![0]
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(content.slice(key.length))![0]
  return [key, content.slice(key.length + separator.length)]
}

function unescape(text: string, where: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (_, escape: string) => {
    if (escape === 'u')
      throw failure('BAD_CONFIG', `${where}: malformed \\uXXXX, expected four hexadecimal digits`)
    return escape.length === 5
      ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      : (escapes[escape] ?? escape)
  })
}

/** Puts environment variables in for `$$NAME$$`. Throws BAD_CONFIG when one is not set. */
export function substituteVariables(
  value: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return value.replace(/\$\$(\w+)\$\$/g, (_, name: string) => {
    const found = env[name]
    if (found === undefined) throw failure('BAD_CONFIG', `Invalid Environment Variable ${name}`)
    return found
  })
}
