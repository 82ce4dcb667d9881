import { z } from 'zod'

/** What the schema says about a key beside its type, default and meaning. */
interface Facts {
  /** `not yet`: read and kept, without effect; a warning when it is set. */
  since?: 'not yet'
  /** Never printed. */
  secret?: true
  /** The name of its variable where it is not TS_<KEY>; false: not read from the environment. */
  env?: string | false
  /** Its flags, the main one first, where they are not --<key-in-kebab-case>; an empty list: no flag. */
  flags?: readonly string[]
}

export const facts = z.registry<Facts>()

export const NOT_YET = { since: 'not yet' } as const
