import { checkFlattened, checkTold } from './guess.ts'
import { bind, describe, type Arguments, type Call } from './arguments.ts'
import { containerOperators } from './container-operators.ts'
import type { Context } from './context.ts'
import { Raised } from './errors-in-program.ts'
import type { Operator } from './operator.ts'
import { operatorNamed } from './operators/table.ts'
import { refuse } from './refusal.ts'
import { Ref } from './ref.ts'
import { scalarOperators } from './scalar-operators.ts'
import { schemasOf } from './schema.ts'
import { Tensor } from './tensor.ts'
import { writeInto } from './write-into.ts'
import { Tuple, Uninitialised, type Value } from './values.ts'

/** Calls `aten::add` and the like on values of any kind. */
export function callOperator(c: Context, name: string, call: Call): Value {
  checkTold(name, call)
  checkFlattened(c, name, call)
  refuseUninitialised(call)
  if (name === 'prim::RaiseException')
    throw new Raised(typeof call.args[0] === 'string' ? call.args[0] : 'an exception')
  const result = callOnValues(c, name, call)
  if (result !== undefined) return result
  const short = name.replace(/^aten::/, '')
  const own = operatorNamed(short)
  if (own !== undefined) return callOwn(c, own, name, call)
  const base = /[^_]_$/.test(short) ? operatorNamed(short.slice(0, -1)) : undefined
  return base === undefined
    ? refuse('this operator is not supported')
    : callInPlace(c, base, name.slice(0, -1), call)
}

function refuseUninitialised({ args, keywords }: Call): void {
  for (const value of [...args, ...keywords.values()]) if (value instanceof Uninitialised) refuse(value.why)
}

/** The operators of the language on anything but tensors. Undefined where none applies; None is a result. */
function callOnValues(c: Context, name: string, { args, keywords }: Call): Value | undefined {
  if (keywords.size > 0 && name !== 'aten::warn') return undefined
  const result = scalarOperators.get(name)?.(c, args)
  return result === undefined ? containerOperators.get(name)?.(c, args) : result
}

function callOwn(c: Context, operator: Operator, name: string, call: Call): Value {
  const args = bindCall(name, call)
  const result = operator(c, args)
  args.checkUsed()
  return toValue(c, result)
}

function bindCall(name: string, call: Call): Arguments {
  const schemas = schemasOf(name)
  const bound = bind(schemas, call)
  if (bound !== undefined) return bound
  const given = [
    ...call.args.map(describe),
    ...[...call.keywords].map(([key, value]) => `${key}=${describe(value)}`),
  ]
  return refuse(`no form of this operator takes (${given.join(', ')})`)
}

function toValue(c: Context, result: ReturnType<Operator>): Value {
  if (result instanceof Ref) return c.tensor(result)
  return isRefs(result) ? new Tuple(result.map(ref => c.tensor(ref))) : result
}

function isRefs(result: ReturnType<Operator>): result is readonly Ref[] {
  return Array.isArray(result)
}

/** `add_` is `add` whose result is written into its first argument. */
function callInPlace(c: Context, operator: Operator, name: string, call: Call): Value {
  const args = bindCall(name, call)
  const target = args.tensor(args.schema.args[0]?.name ?? 'self')
  const result = operator(c, args)
  args.checkUsed()
  if (result === target) return target
  const ref =
    result instanceof Ref
      ? result
      : result instanceof Tensor
        ? result.ref
        : refuse('it cannot be done in place')
  writeInto(c, target, ref)
  return target
}
