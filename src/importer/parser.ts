import { refusal } from './refusal.ts'
import type { Block, ClassDef, Expression, FunctionDef, Parameter, Statement } from './syntax.ts'
import { tokenize, type Token } from './tokenizer.ts'

export interface CodeFile {
  readonly classes: ReadonlyMap<string, ClassDef>
  readonly functions: ReadonlyMap<string, FunctionDef>
}

const MAX_DEPTH = 200

/** Reads one file of printed TorchScript. `file` is its name in messages. */
export function parse(source: string, file: string): CodeFile {
  return new Parser(tokenize(source, file), file).file()
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #file: string
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[], file: string) {
    this.#tokens = tokens
    this.#file = file
  }

  file(): CodeFile {
    const classes = new Map<string, ClassDef>()
    const functions = new Map<string, FunctionDef>()
    while (this.#peek().kind !== 'end') {
      if (this.#isName('class')) {
        const definition = this.#class()
        classes.set(definition.name, definition)
      } else if (this.#isName('def')) {
        const definition = this.#function()
        functions.set(definition.name, definition)
      } else this.#fail('a class or a function is expected')
    }
    return { classes, functions }
  }

  #class(): ClassDef {
    this.#next()
    const name = this.#name()
    let base: string | undefined
    if (this.#accept('(')) {
      base = this.#peek().kind === 'name' ? this.#name() : undefined
      this.#expect(')')
    }
    this.#expect(':')
    const fields: [string, { type: Expression; value: Expression | undefined }][] = []
    const methods = new Map<string, FunctionDef>()
    this.#indented(() => {
      if (this.#isName('def')) {
        const method = this.#function()
        methods.set(method.name, method)
      } else fields.push(...this.#field())
    })
    return { name, base, fields: new Map(fields), methods, file: this.#file }
  }

  /** `name : type [= value]`, `__annotations__["0"] = type`, `__parameters__ = [...]`. */
  #field(): [string, { type: Expression; value: Expression | undefined }][] {
    if (this.#isName('pass')) {
      this.#next()
      this.#line()
      return []
    }
    const target = this.#expression()
    if (this.#accept(':')) {
      const type = this.#expression()
      const value = this.#accept('=') ? this.#expression() : undefined
      this.#line()
      return target.kind === 'name' ? [[target.name, { type, value }]] : this.#fail('a name is expected')
    }
    this.#expect('=')
    const type = this.#expressions()
    this.#line()
    const key = target.kind === 'index' ? target.index[0] : undefined
    const named = key?.kind === 'constant' && typeof key.value === 'string'
    return named ? [[String(key.value), { type, value: undefined }]] : []
  }

  #function(): FunctionDef {
    const { line } = this.#next()
    const name = this.#name()
    this.#expect('(')
    const parameters: Parameter[] = []
    while (!this.#accept(')')) {
      const parameter = this.#name()
      const type = this.#accept(':') ? this.#expression() : undefined
      const fallback = this.#accept('=') ? this.#expression() : undefined
      parameters.push({ name: parameter, type, fallback })
      if (!this.#accept(',') && !this.#is(')')) this.#fail('"," or ")" is expected')
    }
    this.#expect('->')
    const returns = this.#expression()
    const body = this.#block()
    return { name, parameters, returns, body, file: this.#file, line }
  }

  #block(): Block {
    this.#expect(':')
    const statements: Statement[] = []
    this.#indented(() => statements.push(this.#statement()))
    return statements
  }

  #indented(item: () => void): void {
    this.#line()
    // A class without fields and methods is printed with nothing below it.
    if (this.#peek().kind !== 'indent') return
    this.#next()
    while (this.#peek().kind !== 'dedent') {
      if (this.#peek().kind === 'end') this.#fail('the code ends too early')
      item()
    }
    this.#next()
  }

  #statement(): Statement {
    const { line, kind, text } = this.#peek()
    if (kind === 'name' && !this.#startsExpression()) {
      if (text === 'pass') return this.#pass(line)
      if (text === 'return') return this.#return(line)
      if (text === 'if') return this.#if(line)
      if (text === 'while') {
        this.#next()
        return { kind: 'while', line, test: this.#expression(), body: this.#block() }
      }
      if (text === 'for') return this.#for(line)
    }
    return this.#assignment(line)
  }

  /** `if`, `for` ... can also be names of variables only where an operator follows: TorchScript never prints those. */
  #startsExpression(): boolean {
    const after = this.#tokens[this.#at + 1]
    return after?.kind === 'mark' && (after.text === '=' || after.text === '.')
  }

  #pass(line: number): Statement {
    this.#next()
    this.#line()
    return { kind: 'pass', line }
  }

  #return(line: number): Statement {
    this.#next()
    const empty = this.#peek().kind === 'newline'
    const value: Expression = empty ? { kind: 'name', name: 'None' } : this.#expressions()
    this.#line()
    return { kind: 'return', line, value }
  }

  #if(line: number): Statement {
    this.#next()
    const test = this.#expression()
    const whenTrue = this.#block()
    if (!this.#isName('else')) return { kind: 'if', line, test, whenTrue, whenFalse: [] }
    this.#next()
    return { kind: 'if', line, test, whenTrue, whenFalse: this.#block() }
  }

  #for(line: number): Statement {
    this.#next()
    const target = this.#name()
    if (!this.#isName('in')) this.#fail('"in" is expected')
    this.#next()
    return { kind: 'for', line, target, items: this.#expression(), body: this.#block() }
  }

  #assignment(line: number): Statement {
    const target = this.#expressions()
    if (this.#accept(':')) this.#expression()
    if (!this.#accept('=')) {
      this.#line()
      return { kind: 'expression', line, value: target }
    }
    const value = this.#expressions()
    this.#line()
    return { kind: 'assign', line, target, value }
  }

  /** One expression, or a tuple where commas follow. */
  #expressions(): Expression {
    const first = this.#expression()
    if (!this.#is(',')) return first
    const items = [first]
    while (this.#accept(',')) {
      const { kind, text } = this.#peek()
      if (kind === 'newline' || (kind === 'mark' && (text === '=' || text === ')'))) break
      items.push(this.#expression())
    }
    return { kind: 'tuple', items }
  }

  #expression(): Expression {
    if (++this.#depth > MAX_DEPTH) this.#fail(`its code is nested more than ${MAX_DEPTH} deep`)
    let expression = this.#atom()
    for (let more = true; more;) {
      const { line, text, kind } = this.#peek()
      if (kind !== 'mark') break
      if (text === '.') {
        this.#next()
        expression = { kind: 'attribute', base: expression, name: this.#name() }
      } else if (text === '[') {
        this.#next()
        expression = { kind: 'index', base: expression, index: this.#list(']') }
      } else if (text === '(') {
        this.#next()
        expression = { kind: 'call', callee: expression, ...this.#arguments(), line }
      } else more = false
    }
    this.#depth--
    return expression
  }

  #arguments() {
    const args: Expression[] = []
    const keywords: [string, Expression][] = []
    while (!this.#accept(')')) {
      const value = this.#expression()
      if (!this.#accept('=')) args.push(value)
      else if (value.kind === 'name') keywords.push([value.name, this.#expression()])
      else this.#fail('a name is expected before "="')
      if (!this.#accept(',') && !this.#is(')')) this.#fail('"," or ")" is expected')
    }
    return { args, keywords }
  }

  #atom(): Expression {
    const token = this.#next()
    switch (token.kind) {
      case 'name':
        return { kind: 'name', name: token.text }
      case 'int':
        return { kind: 'constant', value: BigInt(token.text) }
      case 'float':
        return { kind: 'constant', value: Number(token.text) }
      case 'string':
        return { kind: 'constant', value: token.text }
      case 'mark':
        return this.#bracketed(token.text)
      default:
        return this.#fail('an expression is expected')
    }
  }

  #bracketed(mark: string): Expression {
    if (mark === '-') return negative(this.#atom()) ?? this.#fail('a number is expected after "-"')
    if (mark === '[') return { kind: 'list', items: this.#list(']') }
    if (mark === '{') return { kind: 'dict', items: this.#pairs() }
    if (mark !== '(') this.#fail('an expression is expected')
    const items = this.#list(')')
    const [only] = items
    const tuple = items.length !== 1 || this.#tokens[this.#at - 2]?.text === ','
    return tuple || only === undefined ? { kind: 'tuple', items } : only
  }

  #list(close: string): Expression[] {
    const items: Expression[] = []
    while (!this.#accept(close)) {
      items.push(this.#expression())
      if (!this.#accept(',') && !this.#is(close)) this.#fail(`"," or "${close}" is expected`)
    }
    return items
  }

  #pairs(): [Expression, Expression][] {
    const pairs: [Expression, Expression][] = []
    while (!this.#accept('}')) {
      const key = this.#expression()
      this.#expect(':')
      pairs.push([key, this.#expression()])
      if (!this.#accept(',') && !this.#is('}')) this.#fail('"," or "}" is expected')
    }
    return pairs
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: 0 }
  }

  #next(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }

  #is(mark: string): boolean {
    const token = this.#peek()
    return token.kind === 'mark' && token.text === mark
  }

  #isName(name: string): boolean {
    const token = this.#peek()
    return token.kind === 'name' && token.text === name
  }

  #accept(mark: string): boolean {
    if (!this.#is(mark)) return false
    this.#at++
    return true
  }

  #expect(mark: string): void {
    if (!this.#accept(mark)) this.#fail(`"${mark}" is expected`)
  }

  #name(): string {
    const token = this.#next()
    return token.kind === 'name' ? token.text : this.#fail('a name is expected')
  }

  #line(): void {
    if (this.#next().kind !== 'newline') this.#fail('the end of the line is expected')
  }

  #fail(what: string): never {
    throw refusal(what, { file: this.#file, line: this.#peek().line })
  }
}

function negative(value: Expression): Expression | undefined {
  if (value.kind === 'constant' && typeof value.value !== 'string')
    return { kind: 'constant', value: -value.value }
  return value.kind === 'name' && value.name === 'inf' ? { kind: 'constant', value: -Infinity } : undefined
}
