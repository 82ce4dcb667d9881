/** A model declared in protobuf's text form: https://protobuf.dev/reference/protobuf/textformat-spec/ */
import { basename, dirname } from 'node:path'
import type { Given } from './flags.ts'
import { didYouMean } from '../nearest.ts'
import type { KeyName } from './schema.ts'
import { quote, showValue } from './shown.ts'
import type { Source } from './sources.ts'

/** What the file says, as values of keys, and what no key can say: the handler of its model. */
export interface Declaration extends Source {
  /** In place of the one that the model's archive names. */
  readonly handler: string | undefined
}

interface Field {
  readonly text: string
  readonly line: number
}

interface Token extends Field {
  readonly kind: 'word' | 'string' | 'mark' | 'broken'
}

const FIELDS = ['name', 'handler', 'model_path', 'device'] as const
type FieldName = (typeof FIELDS)[number]

/** What a device may be; all but the first run on the CPU all the same. */
const DEVICE = /^(?:cpu|auto|(?:cuda|gpu|mps|xpu)(?::\d+)?)$/i
const MODEL_NAME = /^[A-Za-z0-9][\w.-]{0,127}$/
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '"': '"',
  "'": "'",
  '?': '?',
}

export function isPbtxt(file: string): boolean {
  return /\.(?:pbtxt|textproto|txtpb)$/i.test(file)
}

/**
 * Reads the fields `name`, `handler`, `model_path` (a file or folder, relative to the current directory) and `device`.
 * The folder of `model_path` is the model store where nothing else says which.
 */
export function readDeclaration(text: string, fileName: string): Declaration {
  const problems: string[] = []
  const fields = readFields(text, (line, what) => problems.push(`${fileName} line ${line}: ${what}`))
  for (const name of ['name', 'model_path'] as const) {
    if (problems.length === 0 && !fields.has(name)) problems.push(`${fileName}: ${name} is missing`)
  }
  for (const [name, { text: value, line }] of fields) {
    const complaint = complainAbout(name, value)
    if (complaint === undefined) continue
    problems.push(`${fileName} line ${line}: ${name} is ${showValue(quote(value))}; expected ${complaint}`)
  }
  const handler = fields.get('handler')?.text
  return {
    values: problems.length > 0 ? new Map() : toValues(fields, fileName),
    problems,
    warnings: warnAboutDevice(fields.get('device'), fileName),
    handler: handler === 'torchscript' ? 'base_handler' : handler,
  }
}

function warnAboutDevice(device: Field | undefined, fileName: string): string[] {
  if (device === undefined || /^(?:cpu|auto)$/i.test(device.text)) return []
  return [
    `${fileName} line ${device.line}: device ${showValue(device.text)} has no effect: models run on the CPU`,
  ]
}

function toValues(fields: ReadonlyMap<FieldName, Field>, fileName: string): Map<KeyName, Given> {
  const path = fields.get('model_path')!
  const where = `${fileName} line ${path.line}`
  return new Map([
    ['model_store', { text: dirname(path.text), where }],
    ['load_models', { text: `${fields.get('name')!.text}=${basename(path.text)}`, where }],
  ])
}

/** What is expected instead; undefined when the value is right. */
function complainAbout(name: FieldName, value: string): string | undefined {
  switch (name) {
    case 'name':
      return MODEL_NAME.test(value)
        ? undefined
        : 'letters, digits, "_", "." and "-", the first a letter or a digit'
    case 'handler':
      return /^\w[\w.:-]*$/.test(value)
        ? undefined
        : 'torchscript, a built-in handler, or a file in the archive'
    case 'model_path':
      return isPath(value) ? undefined : 'the path of a file or folder, without commas'
    case 'device':
      return DEVICE.test(value) ? undefined : 'cpu'
  }
}

/** Commas separate models where they are listed. */
const isPath = (value: string) => !/[,\p{Cc}]/u.test(value) && !['', '.', '..'].includes(basename(value))

type Complain = (line: number, what: string) => void

/** The known fields. What is not one is told, and where the form itself is broken the rest is not read. */
function readFields(text: string, complain: Complain): Map<FieldName, Field> {
  const fields = new Map<FieldName, Field>()
  const tokens = [...tokenize(text)].toReversed()
  for (let token = tokens.pop(); token !== undefined; token = tokens.pop()) {
    if (token.kind === 'mark' && /[,;]/.test(token.text)) continue
    if (token.kind !== 'word') {
      complain(token.line, `expected the name of a field, found ${quote(token.text)}`)
      break
    }
    const value = readValue(token, tokens, complain)
    if (value === undefined) break
    keepField(token, value, { fields, complain })
  }
  return fields
}

interface Kept {
  readonly fields: Map<FieldName, Field>
  readonly complain: Complain
}

function keepField({ text, line }: Token, value: string, { fields, complain }: Kept): void {
  const name = FIELDS.find(known => known === text)
  if (name === undefined) {
    complain(line, `unknown field ${quote(text)}${didYouMean(text, FIELDS)}; known are ${FIELDS.join(', ')}`)
  } else if (fields.has(name)) complain(line, `${name} stands on line ${fields.get(name)!.line} already`)
  else fields.set(name, { text: value, line })
}

/** The value behind a field's name: a word, or strings, which are joined. */
function readValue(field: Token, tokens: Token[], complain: Complain): string | undefined {
  const first = takeBehindColon(tokens)
  if (first?.kind === 'word') return first.text
  if (first?.kind !== 'string') {
    complain(field.line, `${quote(field.text)} needs a text as its value${describe(first)}`)
    return undefined
  }
  let value = first.text
  while (tokens.at(-1)?.kind === 'string') value += tokens.pop()!.text
  return value
}

/** The next token; a colon in front of it belongs to the name. */
function takeBehindColon(tokens: Token[]): Token | undefined {
  const token = tokens.pop()
  return token?.kind === 'mark' && token.text === ':' ? tokens.pop() : token
}

function describe(token: Token | undefined): string {
  if (token === undefined) return ''
  return token.kind === 'broken' ? `; ${token.text}` : `, found ${quote(token.text)}`
}

function* tokenize(text: string): Generator<Token> {
  const pattern = /([ \t\r\f\v]+|#.*)|(\n)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([\w.+/@-]+)|([^])/gy
  let line = 1
  for (const [, blank, newline, string, word, mark] of text.replace(/^\uFEFF/, '').matchAll(pattern)) {
    if (newline !== undefined) line += 1
    else if (string !== undefined) yield readString(string, line)
    else if (word !== undefined) yield { kind: 'word', text: word, line }
    else if (mark === '"' || mark === "'") yield { kind: 'broken', text: 'the quote is not closed', line }
    else if (blank === undefined) yield { kind: 'mark', text: mark ?? '', line }
  }
}

function readString(quoted: string, line: number): Token {
  let unknown: string | undefined
  const text = quoted.slice(1, -1).replaceAll(/\\(.)/g, (escape, letter: string) => {
    const found = escapes[letter]
    if (found === undefined) unknown ??= escape
    return found ?? ''
  })
  return unknown === undefined
    ? { kind: 'string', text, line }
    : { kind: 'broken', text: `there is no escape ${quote(unknown)}; a backslash is written twice`, line }
}
