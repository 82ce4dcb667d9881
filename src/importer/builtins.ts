import { getAttribute } from './access.ts'
import { describe } from './arguments.ts'
import { toFloat, toTruth, toWhole } from './conversions.ts'
import type { Interpreter } from './interpreter.ts'
import type { Frame } from './frame.ts'
import { refuse } from './refusal.ts'
import { dotted, type Call, type Expression } from './syntax.ts'
import { Tensor } from './tensor.ts'
import { Dict, Instance, isInt, List, Range, Scalar, Tuple, Uninitialised, type Value } from './values.ts'

type Builtin = (evaluator: Interpreter, call: Call, frame: Frame) => Value

/** Python's own functions as TorchScript prints them. Undefined for a name that is none of them. */
export function callBuiltin(
  evaluator: Interpreter,
  name: string,
  call: Call,
  frame: Frame,
): Value | undefined {
  const builtin = builtins.get(name)
  return builtin === undefined ? undefined : builtin(evaluator, call, frame)
}

const argument = (evaluator: Interpreter, call: Call, frame: Frame, index = 0): Value => {
  const expression = call.args[index] ?? refuse('an argument is missing')
  return evaluator.evaluate(expression, frame)
}

const builtins = new Map<string, Builtin>([
  ['annotate', (evaluator, call, frame) => argument(evaluator, call, frame, 1)],
  ['unchecked_cast', (evaluator, call, frame) => argument(evaluator, call, frame, 1)],
  ['uninitialized', () => new Uninitialised('a value is used that no path of the program has set')],
  ['int', (evaluator, call, frame) => toWhole(evaluator.context, argument(evaluator, call, frame))],
  ['float', (evaluator, call, frame) => toFloat(evaluator.context, argument(evaluator, call, frame))],
  ['bool', (evaluator, call, frame) => toTruth(evaluator.context, argument(evaluator, call, frame))],
  ['str', (evaluator, call, frame) => textOf(argument(evaluator, call, frame))],
  ['range', range],
  ['getattr', getAttributeNamed],
  ['isinstance', isInstance],
  ['print', () => null],
])

function textOf(value: Value): string {
  return typeof value === 'string' ? value : describe(value)
}

function range(evaluator: Interpreter, call: Call, frame: Frame): Value {
  const values = call.args.map(arg => evaluator.evaluate(arg, frame))
  const whole = values.map(value =>
    isInt(value) ? value : refuse('range() of something that is no whole number'),
  )
  const [first = 0n, second, step = 1n] = whole
  if (typeof step !== 'bigint' || step === 0n) return refuse('range() with a step that is not known')
  return second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step)
}

function getAttributeNamed(evaluator: Interpreter, call: Call, frame: Frame): Value {
  const name = argument(evaluator, call, frame, 1)
  if (typeof name !== 'string') return refuse('getattr() with a name that is no text')
  return getAttribute(evaluator, argument(evaluator, call, frame), name)
}

function isInstance(evaluator: Interpreter, call: Call, frame: Frame): Value {
  const value = argument(evaluator, call, frame)
  const type = call.args[1] ?? refuse('isinstance() without a type')
  const types = type.kind === 'tuple' || type.kind === 'list' ? type.items : [type]
  return types.some(each => isOfType(value, each))
}

function isOfType(value: Value, type: Expression): boolean {
  const name = type.kind === 'index' ? dotted(type.base) : dotted(type)
  const test = name === undefined ? undefined : typeTests.get(name)
  if (test !== undefined) return test(value)
  if (value instanceof Instance && name !== undefined) return name.endsWith(`.${value.type.name}`)
  return refuse(`isinstance() with the type ${name ?? '?'}`)
}

const typeTests = new Map<string, (value: Value) => boolean>([
  ['Tensor', value => value instanceof Tensor],
  ['int', isInt],
  ['float', value => typeof value === 'number' || (value instanceof Scalar && value.type === 'float')],
  ['bool', value => typeof value === 'boolean' || (value instanceof Scalar && value.type === 'bool')],
  ['str', value => typeof value === 'string'],
  ['NoneType', value => value === null],
  ['List', value => value instanceof List],
  ['Dict', value => value instanceof Dict],
  ['Tuple', value => value instanceof Tuple],
])
