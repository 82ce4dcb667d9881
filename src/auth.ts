import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { failureWith } from './errors.ts'

/** `API` is the key with which the other two are renewed. */
export type KeyKind = 'management' | 'inference' | 'API'
export type RenewableKind = Exclude<KeyKind, 'API'>

export interface KeysOptions {
  /** Absolute path of the key file. */
  readonly file: string
  /** How long an inference or management key is valid, in milliseconds; 0: it never is. */
  readonly lifeMs: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

interface Key {
  readonly text: string
  /** Milliseconds since 1970; Infinity: never. */
  readonly expiresAt: number
}

type KeyRing = Readonly<Record<KeyKind, Key>>

/** TorchServe has 6, which is within reach of a patient guesser; nothing depends on the length. */
const KEY_BYTES = 24
const OWNER_ONLY = 0o600

/**
 * The three keys of TorchServe's token authorization and their file, in TorchServe's form:
 * https://github.com/pytorch/serve/blob/master/docs/token_authorization_api.md. They are made anew by each start; the
 * file is how a person or a script gets to know them.
 */
export class Keys {
  readonly #options: KeysOptions
  #ring: KeyRing
  /** What this server wrote last: a file with anything else belongs to another server. */
  #written: string | undefined
  /** Renewals come one after the other: each writes all keys. */
  #renewal: Promise<unknown> = Promise.resolve()

  constructor(options: KeysOptions) {
    this.#options = options
    this.#ring = {
      management: this.#make(),
      inference: this.#make(),
      API: { text: randomKey(), expiresAt: Infinity },
    }
  }

  get file(): string {
    return this.#options.file
  }

  /** Writes the key file. Throws BAD_CONFIG where that cannot be done, or where others could read it. */
  async save(): Promise<void> {
    try {
      await this.#write(this.#ring)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw failureWith(
        { cause },
        'BAD_CONFIG',
        `The key file ${this.file} cannot be written: ${why}. ` +
          'Start in a folder of your own, or with --disable-token-auth.',
      )
    }
  }

  /**
   * Whether an Authorization header carries the key of this kind. Throws INVALID_KEY with the reason where it does
   * not.
   */
  check(kind: KeyKind, authorization: string | undefined): void {
    const given = /^Bearer\s+(\S+)$/.exec(authorization ?? '')?.[1]
    const key = this.#ring[kind]
    // Hashes have one length, and to compare them takes one time: neither tells how much of a guess was right.
    const isEqual = timingSafeEqual(digest(given ?? ''), digest(key.text))
    if (given === undefined) refuse(kind, `expected the header "Authorization: Bearer <${kind} key>"`)
    if (!isEqual) refuse(kind, `the key that was sent is not the ${kind} key; the key file has it`)
    if (this.#now() >= key.expiresAt) refuse(kind, `the ${kind} key has expired; GET /token renews it`)
  }

  /** Replaces a key, in the file first: where that fails the old key stays valid. */
  renew(kind: RenewableKind): Promise<void> {
    const renewal = this.#renewal.then(async () => {
      const ring = { ...this.#ring, [kind]: this.#make() }
      await this.#write(ring)
      this.#ring = ring
    })
    this.#renewal = renewal.catch(() => {})
    return renewal
  }

  /** Removes the key file, unless another server has written its own there. */
  async remove(): Promise<void> {
    await this.#renewal
    const found = await readFile(this.file, 'utf8').catch(() => undefined)
    if (found !== undefined && found === this.#written) await rm(this.file, { force: true })
  }

  #make(): Key {
    return { text: randomKey(), expiresAt: this.#now() + this.#options.lifeMs }
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }

  /** Nobody sees half a file, and a link in its place is replaced, not followed. */
  async #write(ring: KeyRing): Promise<void> {
    const text = toJson(ring)
    const draft = `${this.file}.${randomBytes(6).toString('hex')}`
    try {
      await writeFile(draft, text, { flag: 'wx', mode: OWNER_ONLY })
      await chmod(draft, OWNER_ONLY) // The umask may have taken away more.
      await checkMode(draft)
      await rename(draft, this.file)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    this.#written = text
  }
}

const randomKey = () => randomBytes(KEY_BYTES).toString('base64url')
const digest = (text: string) => createHash('sha256').update(text).digest()

function refuse(kind: KeyKind, reason: string): never {
  throw failureWith({ reason }, 'INVALID_KEY', kind === 'API' ? 'Authentication' : 'Authorization')
}

/** Some file systems keep no modes: what is there would be for everyone. */
async function checkMode(file: string): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) throw new Error('its file system lets other users read it')
}

const show = ({ text, expiresAt }: Key) => ({
  key: text,
  'expiration time': new Date(expiresAt).toISOString(),
})

function toJson({ management, inference, API }: KeyRing): string {
  const shown = { management: show(management), inference: show(inference), API: { key: API.text } }
  return `${JSON.stringify(shown, null, 2)}\n`
}

/** Reads the `type` of a renewal. Throws INVALID_KEY for anything but a key that can be renewed. */
export function toRenewable(type: unknown): RenewableKind {
  if (type === 'inference' || type === 'management') return type
  return refuse('API', 'expected the parameter type to be inference or management')
}
