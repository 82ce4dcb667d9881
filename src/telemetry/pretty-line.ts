import { createRequire } from 'node:module'
import type * as Pretty from 'pino-pretty'

const require = createRequire(import.meta.url)

/** Control characters, line and paragraph separators, and what reorders text on a screen. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err', 'cause'])

/**
 * A JSON line of the log as a person reads it: `12:00:00.123 INFO: message model=digits worker=1`, the stacks of an
 * error in indented lines below. Whatever came from outside stays on its line: control characters, ANSI escapes
 * among them, are shown as `\x1b`.
 */
export function prettyLine(colours: boolean): (line: string) => string {
  // Loaded here and not above: a server that logs JSON does without it.
  // What a package is stands in its types.
  const { prettyFactory } = require('pino-pretty') as typeof Pretty
  const format = prettyFactory({
    colorize: colours,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    hideObject: true,
    messageFormat: log =>
      `${shown(String(log['msg']))}${fields(log)}${stack(log['err'])}${stack(log['cause'])}`,
  })
  return line => format(JSON.parse(line))
}

function fields(log: Record<string, unknown>): string {
  return Object.entries(log)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => ` ${shown(key)}=${field(value)}`)
    .join('')
}

/** Text with blanks or quotes is quoted, so that a value cannot look like two fields. */
function field(value: unknown): string {
  const plain = typeof value === 'string' && /^[^\s"=]+$/u.test(value)
  return plain ? shown(value) : shown(JSON.stringify(value) ?? '')
}

function stack(err: unknown): string {
  if (err === undefined) return ''
  return stackText(err)
    .split('\n')
    .map(line => `\n    ${shown(line)}`)
    .join('')
}

function stackText(err: unknown): string {
  if (typeof err === 'string') return err
  const hasStack = typeof err === 'object' && err !== null && 'stack' in err && typeof err.stack === 'string'
  return hasStack ? String(err.stack) : JSON.stringify(err)
}

function shown(text: string): string {
  return text.replace(UNSAFE, character => {
    const code = character.charCodeAt(0)
    if (character === '\n') return '\\n'
    if (character === '\r') return '\\r'
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}
