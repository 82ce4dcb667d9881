import type { TorchArchive } from './archive.ts'
import { callBuiltin } from './builtins.ts'
import { callOperator } from './call-operator.ts'
import { Context } from './context.ts'
import { Raised } from './errors-in-program.ts'
import type { Frame } from './frame.ts'
import { Failure } from '../errors.ts'
import { evaluateIf } from './branches.ts'
import { getAttribute, getItem, unpack } from './access.ts'
import type { Interpreter } from './interpreter.ts'
import { evaluateFor, evaluateWhile } from './loops.ts'
import { toKey } from './keys.ts'
import { Objects } from './objects.ts'
import type { StoredTensor } from './stored-tensor.ts'
import { Unplaced, refusal, refuse, showPlace, type Place } from './refusal.ts'
import {
  dotted,
  type Block,
  type Call,
  type ClassDef,
  type Expression,
  type FunctionDef,
  type Statement,
} from './syntax.ts'
import { Callable, Dict, Instance, List, Tuple, type Value } from './values.ts'

const MAX_STEPS = 3_000_000
const MAX_CALLS = 150

/** Runs the program over what is known while importing; everything else becomes the graph. */
export class Evaluator implements Interpreter {
  readonly context: Context
  readonly objects: Objects
  readonly archive: TorchArchive
  /** Where in the program the evaluation stands. */
  place: Place | undefined
  /** Where in the program the nodes of the graph come from, by their names: `model.py:12: aten::linear`. */
  readonly origins = new Map<string, string>()
  #operator: string | undefined
  #steps = 0
  #depth = 0

  constructor(archive: TorchArchive, weights?: ReadonlyMap<string, StoredTensor>) {
    this.archive = archive
    this.context = new Context(archive.version)
    this.objects = new Objects(archive, this.context, weights)
  }

  /** Runs `work`; what it refuses leaves with its place in the model's code. */
  run<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof Unplaced) throw refusal(error.message, this.place, this.#operator)
      if (error instanceof Raised) throw refusal(`the model itself raises "${error.message}"`, this.place)
      if (error instanceof RangeError && !(error instanceof Failure))
        throw refusal('it needs too much depth or memory', this.place)
      throw error
    }
  }

  callFunction(
    definition: FunctionDef,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value> = new Map(),
    path = '',
  ): Value {
    if (++this.#depth > MAX_CALLS) refuse(`its functions call each other more than ${MAX_CALLS} deep`)
    const frame: Frame = { definition, variables: new Map(), path }
    this.#bind(frame, args, keywords)
    const [outerPath, outerPlace] = [this.context.g.path, this.place]
    this.context.g.path = path === '' ? outerPath : path.replaceAll('.', '/')
    try {
      const result = this.block(definition.body, frame) ?? null
      this.place = outerPlace
      return result
    } finally {
      this.context.g.path = outerPath
      this.#depth--
    }
  }

  #bind(
    { definition, variables }: Frame,
    args: readonly Value[],
    keywords: ReadonlyMap<string, Value>,
  ): void {
    const { parameters, name } = definition
    if (args.length > parameters.length)
      refuse(`${name} is called with ${args.length} arguments and has ${parameters.length}`)
    parameters.forEach((parameter, index) => {
      const given = index < args.length ? args[index] : keywords.get(parameter.name)
      const value =
        given === undefined && parameter.fallback !== undefined ? this.constant(parameter.fallback) : given
      if (value === undefined) refuse(`${name} is called without its argument ${parameter.name}`)
      variables.set(parameter.name, value)
    })
  }

  /** A default of a parameter, or a constant of a class: no variables. */
  constant(expression: Expression): Value {
    const definition = { name: '', parameters: [], returns: expression, body: [], file: '', line: 0 }
    return this.evaluate(expression, { definition, variables: new Map(), path: '' })
  }

  /** Runs statements. Gives the value of `return`, undefined if there was none. */
  block(statements: Block, frame: Frame): Value | undefined {
    for (const statement of statements) {
      if (++this.#steps > MAX_STEPS)
        refuse(`the program takes more than ${MAX_STEPS} steps while it is imported`)
      this.place = { file: frame.definition.file, line: statement.line }
      const result = this.#statement(statement, frame)
      if (result !== undefined) return result
    }
    return undefined
  }

  #statement(statement: Statement, frame: Frame): Value | undefined {
    switch (statement.kind) {
      case 'pass':
        return undefined
      case 'return':
        return this.evaluate(statement.value, frame)
      case 'expression':
        this.evaluate(statement.value, frame)
        return undefined
      case 'assign':
        this.#assign(statement.target, this.evaluate(statement.value, frame), frame)
        return undefined
      case 'if':
        evaluateIf(this, statement, frame)
        return undefined
      case 'while':
        evaluateWhile(this, statement, frame)
        return undefined
      case 'for':
        evaluateFor(this, statement, frame)
        return undefined
    }
  }

  #assign(target: Expression, value: Value, frame: Frame): void {
    if (target.kind === 'name') frame.variables.set(target.name, value)
    else if (target.kind === 'tuple') {
      const items = unpack(value, target.items.length)
      target.items.forEach((item, index) => this.#assign(item, items[index] ?? null, frame))
    } else if (target.kind === 'attribute')
      this.#setAttribute(this.evaluate(target.base, frame), target.name, value)
    else refuse('it assigns to something that is no variable')
  }

  #setAttribute(base: Value, name: string, value: Value): void {
    if (!(base instanceof Instance)) refuse(`it sets ${name} of something that is no object`)
    if (base.read.has(name))
      refuse(`it reads and changes ${base.path}.${name}; what a request changes is not kept for the next one`)
    const old = base.attributes.get(name)
    this.context.journal.change(base, () => {
      if (old === undefined) base.attributes.delete(name)
      else base.attributes.set(name, old)
    })
    base.attributes.set(name, value)
    base.written.add(name)
  }

  evaluate(expression: Expression, frame: Frame): Value {
    switch (expression.kind) {
      case 'constant':
        return expression.value
      case 'name':
        return this.#name(expression.name, frame)
      case 'attribute':
        return this.#attribute(expression, frame)
      case 'index':
        return getItem(
          this.context,
          this.evaluate(expression.base, frame),
          expression.index.map(item => this.evaluate(item, frame)),
        )
      case 'list':
        return new List(expression.items.map(item => this.evaluate(item, frame)))
      case 'tuple':
        return new Tuple(expression.items.map(item => this.evaluate(item, frame)))
      case 'dict':
        return new Dict(
          new Map(
            expression.items.map(([key, value]) => [
              toKey(this.evaluate(key, frame)),
              this.evaluate(value, frame),
            ]),
          ),
        )
      case 'call':
        return this.#call(expression, frame)
    }
  }

  #name(name: string, frame: Frame): Value {
    const value = frame.variables.get(name)
    if (value !== undefined) return value
    const word = words.get(name)
    return word === undefined ? refuse(`the name ${name} is not known`) : word
  }

  #attribute(expression: Expression & { kind: 'attribute' }, frame: Frame): Value {
    const name = dotted(expression)
    const global =
      name === undefined || frame.variables.has(name.split('.')[0] ?? '') ? undefined : this.#global(name)
    if (global !== undefined) return global
    return getAttribute(this, this.evaluate(expression.base, frame), expression.name)
  }

  #global(name: string): Value | undefined {
    if (name.startsWith('CONSTANTS.')) return this.objects.constant(name.slice(10))
    if (name.startsWith('torch.')) return new Callable({ kind: 'operator', name: `aten::${name.slice(6)}` })
    if (name.startsWith('ops.'))
      return new Callable({ kind: 'operator', name: name.slice(4).replace('.', '::') })
    if (!name.startsWith('__torch__.')) return undefined
    const definition = this.archive.functionOf(name)
    if (definition !== undefined) return new Callable({ kind: 'function', definition })
    const type = this.archive.classOf(name)
    return type === undefined ? undefined : new Callable({ kind: 'class', definition: type, name })
  }

  #call(call: Call, frame: Frame): Value {
    const { file } = frame.definition
    if (call.callee.kind === 'name' && !frame.variables.has(call.callee.name)) {
      const builtin = callBuiltin(this, call.callee.name, call, frame)
      if (builtin !== undefined) return builtin
    }
    const callee = this.evaluate(call.callee, frame)
    if (!(callee instanceof Callable)) refuse('it calls something that is no function')
    const args = call.args.map(arg => this.evaluate(arg, frame))
    const keywords = new Map(call.keywords.map(([name, value]) => [name, this.evaluate(value, frame)]))
    this.place = { file, line: call.line }
    return this.apply(callee, args, keywords)
  }

  apply({ target }: Callable, args: readonly Value[], keywords: ReadonlyMap<string, Value>): Value {
    switch (target.kind) {
      case 'operator': {
        this.#operator = target.name
        const { nodes } = this.context.g.scope
        const before = nodes.length
        const result = callOperator(this.context, target.name, { args, keywords })
        for (const { name } of nodes.slice(before)) this.origins.set(name, showPlace(this.place, target.name))
        this.#operator = undefined
        return result
      }
      case 'function':
        return this.callFunction(target.definition, args, keywords)
      case 'method':
        return this.callFunction(target.definition, [target.self, ...args], keywords, target.self.path)
      case 'class':
        return this.#construct(target.definition, args, keywords)
    }
  }

  #construct(type: ClassDef, args: readonly Value[], keywords: ReadonlyMap<string, Value>): Value {
    if (type.base === 'NamedTuple') {
      const names = [...type.fields.keys()]
      const values = names.map((name, index) => (index < args.length ? args[index] : keywords.get(name)))
      if (values.includes(undefined)) refuse(`${type.name} is made without all of its fields`)
      return new Tuple(values as Value[], names)
    }
    const init = type.methods.get('__init__')
    if (init === undefined) return refuse(`objects of the class ${type.name} cannot be made`)
    const instance = new Instance(type, '', new Map())
    this.callFunction(init, [instance, ...args], keywords)
    return instance
  }
}

const words = new Map<string, Value>([
  ['None', null],
  ['True', true],
  ['False', false],
  ['inf', Infinity],
  ['nan', NaN],
])
