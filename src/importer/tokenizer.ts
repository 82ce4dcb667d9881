import { refusal } from './refusal.ts'

export interface Token {
  readonly kind: 'name' | 'int' | 'float' | 'string' | 'mark' | 'newline' | 'indent' | 'dedent' | 'end'
  readonly text: string
  readonly line: number
}

const TOKEN =
  /[ \t]*(?:([A-Za-z_]\w*)|((?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?)|(\d+)|"((?:[^"\\\n]|\\.)*)"|(->|[()[\]{}:,.=-])|(#.*)?$)/y
const MAX_DEPTH = 100
const OPEN = new Set(['(', '[', '{'])
const CLOSE = new Set([')', ']', '}'])

/** Cuts one code file into tokens; indentation becomes `indent` and `dedent`, lines within brackets are joined. */
export function tokenize(source: string, file: string): Token[] {
  const tokens: Token[] = []
  const indents = [0]
  let open = 0
  source.split('\n').forEach((text, index) => {
    const line = index + 1
    if (text.trim() === '' || text.trimStart().startsWith('#')) return
    if (open === 0) indent(tokens, indents, text, { file, line })
    const found = tokensOf(text, file, line)
    for (const token of found) if (token.kind === 'mark') open += depthChange(token.text)
    tokens.push(...found)
    if (open === 0) tokens.push({ kind: 'newline', text: '', line })
  })
  for (const _ of indents.slice(1)) tokens.push({ kind: 'dedent', text: '', line: 0 })
  tokens.push({ kind: 'end', text: '', line: 0 })
  return tokens
}

function depthChange(mark: string): number {
  if (OPEN.has(mark)) return 1
  return CLOSE.has(mark) ? -1 : 0
}

function indent(
  tokens: Token[],
  indents: number[],
  text: string,
  place: { file: string; line: number },
): void {
  const width = text.length - text.trimStart().length
  if (width > (indents.at(-1) ?? 0)) {
    if (indents.length > MAX_DEPTH) throw refusal(`its code is nested more than ${MAX_DEPTH} deep`, place)
    indents.push(width)
    tokens.push({ kind: 'indent', text: '', line: place.line })
  }
  while (width < (indents.at(-1) ?? 0)) {
    indents.pop()
    tokens.push({ kind: 'dedent', text: '', line: place.line })
  }
  if (width !== indents.at(-1)) throw refusal('its code is indented wrongly', place)
}

function tokensOf(text: string, file: string, line: number): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text)
    if (match === null)
      throw refusal('its code has a character that TorchScript does not print', { file, line })
    const token = toToken(match, line)
    if (token === undefined) return tokens
    tokens.push(token)
  }
  return tokens
}

function toToken(match: RegExpExecArray, line: number): Token | undefined {
  const [, name, float, int, string, mark] = match
  if (name !== undefined) return { kind: 'name', text: name, line }
  if (float !== undefined) return { kind: 'float', text: float, line }
  if (int !== undefined) return { kind: 'int', text: int, line }
  if (string !== undefined) return { kind: 'string', text: unescape(string), line }
  return mark === undefined ? undefined : { kind: 'mark', text: mark, line }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
}

function unescape(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)/g, (_, escape: string) => {
    if (escape.startsWith('x') && escape.length === 3)
      return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8))
    return ESCAPES[escape] ?? escape
  })
}
