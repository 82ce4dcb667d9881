import { listStore } from '../archive/store.ts'
import { Failure, toFailure } from '../errors.ts'
import type { ModelOperations } from './operations.ts'
import type { Registered } from './register.ts'

/** `all` the model store holds, or these. */
export type StartupList =
  | 'all'
  | readonly { readonly name: string | undefined; readonly location: string; readonly handler?: string }[]

export interface Refused {
  readonly url: string
  readonly reason: string
}

export interface StartupLoad {
  readonly registered: readonly Registered[]
  readonly refused: readonly Refused[]
}

/** What is told of an archive that could not be registered. Throws what ends the start itself. */
export function toRefused(url: string, error: unknown): Refused {
  if (error instanceof Failure && error.code === 'SHUTTING_DOWN') throw error
  const { message, reason, cause } = toFailure(error)
  const said = reason === undefined ? message : `${message} ${reason}`
  return { url, reason: cause instanceof Error ? `${said} (${cause.message})` : said }
}

/**
 * Registers what the start asks for. What cannot be registered is told and left out: the server starts all the same.
 * Throws SHUTTING_DOWN where the server is stopped meanwhile.
 */
export async function loadAtStartup(
  list: StartupList,
  modelStore: string,
  operations: ModelOperations,
): Promise<StartupLoad> {
  const wanted =
    list === 'all'
      ? (await listStore(modelStore)).map(location => ({ name: undefined, handler: undefined, location }))
      : list
  const registered: Registered[] = []
  const refused: Refused[] = []
  // One after the other: two archives of one name and version are a conflict that should not depend on luck.
  for (const { name, location, handler } of wanted) {
    try {
      registered.push(
        await operations.register({ url: location, name, handler, settings: {}, atStartup: true }),
      )
    } catch (error) {
      refused.push(toRefused(location, error))
    }
  }
  return { registered, refused }
}
