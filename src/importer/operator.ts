import type { Arguments } from './arguments.ts'
import type { Context } from './context.ts'
import type { Ref } from './ref.ts'
import type { Value } from './values.ts'

/**
 * How an operator becomes nodes. It takes its arguments by their names in PyTorch's schema; one that has a value of its
 * own and is not looked at is refused. A Ref is a new tensor, several are a tuple; a Value is given on as it is.
 */
export type Operator = (c: Context, a: Arguments) => Ref | readonly Ref[] | Value

/** A family of operators by name: `relu` for `aten::relu`, `prim::dtype` for others. */
export type Operators = Readonly<Record<string, Operator>>
