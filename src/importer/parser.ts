import { Cursor } from './cursor.ts'
import type { Block, ClassDef, Expression, FunctionDef, Parameter, Statement } from './syntax.ts'
import { tokenize } from './tokenizer.ts'

export interface CodeFile {
  readonly classes: ReadonlyMap<string, ClassDef>
  readonly functions: ReadonlyMap<string, FunctionDef>
}

const MAX_DEPTH = 200

/** Reads one file of printed TorchScript. `file` is its name in messages. */
export function parse(source: string, file: string): CodeFile {
  return new Parser(new Cursor(tokenize(source, file), file), file).file()
}

class Parser {
  readonly #cursor: Cursor
  readonly #file: string
  #depth = 0

  constructor(cursor: Cursor, file: string) {
    this.#cursor = cursor
    this.#file = file
  }

  file(): CodeFile {
    const classes = new Map<string, ClassDef>()
    const functions = new Map<string, FunctionDef>()
    while (this.#cursor.peek().kind !== 'end') {
      if (this.#cursor.isName('class')) {
        const definition = this.#class()
        classes.set(definition.name, definition)
      } else if (this.#cursor.isName('def')) {
        const definition = this.#function()
        functions.set(definition.name, definition)
      } else this.#cursor.fail('a class or a function is expected')
    }
    return { classes, functions }
  }

  #class(): ClassDef {
    this.#cursor.next()
    const name = this.#cursor.name()
    let base: string | undefined
    if (this.#cursor.accept('(')) {
      base = this.#cursor.peek().kind === 'name' ? this.#cursor.name() : undefined
      this.#cursor.expect(')')
    }
    this.#cursor.expect(':')
    const fields: [string, { type: Expression; value: Expression | undefined }][] = []
    const methods = new Map<string, FunctionDef>()
    this.#indented(() => {
      if (this.#cursor.isName('def')) {
        const method = this.#function()
        methods.set(method.name, method)
      } else fields.push(...this.#field())
    })
    return { name, base, fields: new Map(fields), methods, file: this.#file }
  }

  /** `name : type [= value]`, `__annotations__["0"] = type`, `__parameters__ = [...]`. */
  #field(): [string, { type: Expression; value: Expression | undefined }][] {
    if (this.#cursor.isName('pass')) {
      this.#cursor.next()
      this.#cursor.line()
      return []
    }
    const target = this.#expression()
    if (this.#cursor.accept(':')) {
      const type = this.#expression()
      const value = this.#cursor.accept('=') ? this.#expression() : undefined
      this.#cursor.line()
      return target.kind === 'name'
        ? [[target.name, { type, value }]]
        : this.#cursor.fail('a name is expected')
    }
    this.#cursor.expect('=')
    const type = this.#expressions()
    this.#cursor.line()
    const key = target.kind === 'index' ? target.index[0] : undefined
    if (key?.kind !== 'constant' || typeof key.value !== 'string') return []
    return [[key.value, { type, value: undefined }]]
  }

  #function(): FunctionDef {
    const { line } = this.#cursor.next()
    const name = this.#cursor.name()
    this.#cursor.expect('(')
    const parameters: Parameter[] = []
    while (!this.#cursor.accept(')')) {
      const parameter = this.#cursor.name()
      const type = this.#cursor.accept(':') ? this.#expression() : undefined
      const fallback = this.#cursor.accept('=') ? this.#expression() : undefined
      parameters.push({ name: parameter, type, fallback })
      if (!this.#cursor.accept(',') && !this.#cursor.is(')')) this.#cursor.fail('"," or ")" is expected')
    }
    this.#cursor.expect('->')
    const returns = this.#expression()
    const body = this.#block()
    return { name, parameters, returns, body, file: this.#file, line }
  }

  #block(): Block {
    this.#cursor.expect(':')
    const statements: Statement[] = []
    this.#indented(() => statements.push(this.#statement()))
    return statements
  }

  #indented(item: () => void): void {
    this.#cursor.line()
    // A class without fields and methods is printed with nothing below it.
    if (this.#cursor.peek().kind !== 'indent') return
    this.#cursor.next()
    while (this.#cursor.peek().kind !== 'dedent') {
      if (this.#cursor.peek().kind === 'end') this.#cursor.fail('the code ends too early')
      item()
    }
    this.#cursor.next()
  }

  #statement(): Statement {
    const { line, kind, text } = this.#cursor.peek()
    if (kind === 'name' && !this.#startsExpression()) {
      if (text === 'pass') return this.#pass(line)
      if (text === 'return') return this.#return(line)
      if (text === 'if') return this.#if(line)
      if (text === 'while') {
        this.#cursor.next()
        return { kind: 'while', line, test: this.#expression(), body: this.#block() }
      }
      if (text === 'for') return this.#for(line)
    }
    return this.#assignment(line)
  }

  /** `if`, `for` ... can also be names of variables only where an operator follows: TorchScript never prints those. */
  #startsExpression(): boolean {
    const after = this.#cursor.look(1)
    return after?.kind === 'mark' && (after.text === '=' || after.text === '.')
  }

  #pass(line: number): Statement {
    this.#cursor.next()
    this.#cursor.line()
    return { kind: 'pass', line }
  }

  #return(line: number): Statement {
    this.#cursor.next()
    const empty = this.#cursor.peek().kind === 'newline'
    const value: Expression = empty ? { kind: 'name', name: 'None' } : this.#expressions()
    this.#cursor.line()
    return { kind: 'return', line, value }
  }

  #if(line: number): Statement {
    this.#cursor.next()
    const test = this.#expression()
    const whenTrue = this.#block()
    if (!this.#cursor.isName('else')) return { kind: 'if', line, test, whenTrue, whenFalse: [] }
    this.#cursor.next()
    return { kind: 'if', line, test, whenTrue, whenFalse: this.#block() }
  }

  #for(line: number): Statement {
    this.#cursor.next()
    const target = this.#cursor.name()
    if (!this.#cursor.isName('in')) this.#cursor.fail('"in" is expected')
    this.#cursor.next()
    return { kind: 'for', line, target, items: this.#expression(), body: this.#block() }
  }

  #assignment(line: number): Statement {
    const target = this.#expressions()
    if (this.#cursor.accept(':')) this.#expression()
    if (!this.#cursor.accept('=')) {
      this.#cursor.line()
      return { kind: 'expression', line, value: target }
    }
    const value = this.#expressions()
    this.#cursor.line()
    return { kind: 'assign', line, target, value }
  }

  /** One expression, or a tuple where commas follow. */
  #expressions(): Expression {
    const first = this.#expression()
    if (!this.#cursor.is(',')) return first
    const items = [first]
    while (this.#cursor.accept(',')) {
      const { kind, text } = this.#cursor.peek()
      if (kind === 'newline' || (kind === 'mark' && (text === '=' || text === ')'))) break
      items.push(this.#expression())
    }
    return { kind: 'tuple', items }
  }

  #expression(): Expression {
    if (++this.#depth > MAX_DEPTH) this.#cursor.fail(`its code is nested more than ${MAX_DEPTH} deep`)
    let expression = this.#atom()
    for (let more = true; more;) {
      const { line, text, kind } = this.#cursor.peek()
      if (kind !== 'mark') break
      if (text === '.') {
        this.#cursor.next()
        expression = { kind: 'attribute', base: expression, name: this.#cursor.name() }
      } else if (text === '[') {
        this.#cursor.next()
        expression = { kind: 'index', base: expression, index: this.#list(']') }
      } else if (text === '(') {
        this.#cursor.next()
        expression = { kind: 'call', callee: expression, ...this.#arguments(), line }
      } else more = false
    }
    this.#depth--
    return expression
  }

  #arguments() {
    const args: Expression[] = []
    const keywords: [string, Expression][] = []
    while (!this.#cursor.accept(')')) {
      const value = this.#expression()
      if (!this.#cursor.accept('=')) args.push(value)
      else if (value.kind === 'name') keywords.push([value.name, this.#expression()])
      else this.#cursor.fail('a name is expected before "="')
      if (!this.#cursor.accept(',') && !this.#cursor.is(')')) this.#cursor.fail('"," or ")" is expected')
    }
    return { args, keywords }
  }

  #atom(): Expression {
    const { kind, text } = this.#cursor.next()
    if (kind === 'name') return { kind: 'name', name: text }
    if (kind === 'int') return { kind: 'constant', value: BigInt(text) }
    if (kind === 'float') return { kind: 'constant', value: Number(text) }
    if (kind === 'string') return { kind: 'constant', value: text }
    return kind === 'mark' ? this.#bracketed(text) : this.#cursor.fail('an expression is expected')
  }

  #bracketed(mark: string): Expression {
    if (mark === '-')
      return negative(this.#expression()) ?? this.#cursor.fail('a number is expected after "-"')
    if (mark === '[') return { kind: 'list', items: this.#list(']') }
    if (mark === '{') return { kind: 'dict', items: this.#pairs() }
    if (mark !== '(') this.#cursor.fail('an expression is expected')
    const items = this.#list(')')
    const [only] = items
    const tuple = items.length !== 1 || this.#cursor.look(-2)?.text === ','
    return tuple || only === undefined ? { kind: 'tuple', items } : only
  }

  #list(close: string): Expression[] {
    const items: Expression[] = []
    while (!this.#cursor.accept(close)) {
      items.push(this.#expression())
      if (!this.#cursor.accept(',') && !this.#cursor.is(close))
        this.#cursor.fail(`"," or "${close}" is expected`)
    }
    return items
  }

  #pairs(): [Expression, Expression][] {
    const pairs: [Expression, Expression][] = []
    while (!this.#cursor.accept('}')) {
      const key = this.#expression()
      this.#cursor.expect(':')
      pairs.push([key, this.#expression()])
      if (!this.#cursor.accept(',') && !this.#cursor.is('}')) this.#cursor.fail('"," or "}" is expected')
    }
    return pairs
  }
}

function negative(value: Expression): Expression | undefined {
  if (value.kind === 'constant' && typeof value.value !== 'string')
    return { kind: 'constant', value: -value.value }
  return value.kind === 'name' && value.name === 'inf' ? { kind: 'constant', value: -Infinity } : undefined
}
