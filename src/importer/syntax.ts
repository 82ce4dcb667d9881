/** The printed language: a small part of Python. Types are expressions too. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: bigint | number | string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'attribute'; readonly base: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: readonly Expression[] }
  | Call
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly items: readonly (readonly [Expression, Expression])[] }

export interface Call {
  readonly kind: 'call'
  readonly callee: Expression
  readonly args: readonly Expression[]
  readonly keywords: readonly (readonly [string, Expression])[]
  readonly line: number
}

export type Statement = { readonly line: number } & (
  | { readonly kind: 'pass' }
  | { readonly kind: 'return'; readonly value: Expression }
  | { readonly kind: 'assign'; readonly target: Expression; readonly value: Expression }
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'if'; readonly test: Expression; readonly whenTrue: Block; readonly whenFalse: Block }
  | { readonly kind: 'while'; readonly test: Expression; readonly body: Block }
  | { readonly kind: 'for'; readonly target: string; readonly items: Expression; readonly body: Block }
)

export type Block = readonly Statement[]

export interface Parameter {
  readonly name: string
  readonly type: Expression | undefined
  readonly fallback: Expression | undefined
}

export interface FunctionDef {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly returns: Expression
  readonly body: Block
  readonly file: string
  readonly line: number
}

export interface ClassDef {
  readonly name: string
  readonly base: string | undefined
  /** Annotated names in order, with the value of those that are constants of the class. */
  readonly fields: ReadonlyMap<string, { readonly type: Expression; readonly value: Expression | undefined }>
  readonly methods: ReadonlyMap<string, FunctionDef>
  readonly file: string
}

/** `torch.nn.functional`, if the expression is nothing but names and dots. */
export function dotted(expression: Expression): string | undefined {
  if (expression.kind === 'name') return expression.name
  if (expression.kind !== 'attribute') return undefined
  const base = dotted(expression.base)
  return base === undefined ? undefined : `${base}.${expression.name}`
}
