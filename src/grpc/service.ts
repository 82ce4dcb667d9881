import type { Message, Read, Written } from './protobuf/message.ts'
import type { Call } from './call.ts'

/** `unary`: one request, one answer. `answers`: one request, several answers. `both`: several of each. */
export type MethodKind = 'unary' | 'answers' | 'both'

export interface Method<Kind extends MethodKind = MethodKind, Request = Message, Response = Message> {
  readonly kind: Kind
  readonly request: Request
  readonly response: Response
}

export type Methods = Readonly<Record<string, Method>>

/** A service of a .proto file. */
export interface Service<M extends Methods = Methods> {
  readonly package: string
  readonly name: string
  /** The .proto file that declares it, and the files whose messages it uses. */
  readonly file: string
  readonly methods: M
}

export const fullName = (service: Pick<Service, 'package' | 'name'>): string =>
  `${service.package}.${service.name}`

export const unary = <Request, Response>(request: Request, response: Response) =>
  ({ kind: 'unary', request, response }) as const

export const answers = <Request, Response>(request: Request, response: Response) =>
  ({ kind: 'answers', request, response }) as const

export const both = <Request, Response>(request: Request, response: Response) =>
  ({ kind: 'both', request, response }) as const

/** What a service does: a function for each of its methods. */
export type Implementation<S extends Service> = {
  readonly [K in keyof S['methods']]: Does<S['methods'][K]>
}

type Does<M extends Method> =
  M extends Method<'unary'>
    ? (request: Read<M['request']>, call: Call) => Written<M['response']> | Promise<Written<M['response']>>
    : M extends Method<'answers'>
      ? (request: Read<M['request']>, call: Call) => AsyncIterable<Written<M['response']>>
      : (requests: AsyncIterable<Read<M['request']>>, call: Call) => AsyncIterable<Written<M['response']>>
