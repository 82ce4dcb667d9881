import crypto from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Keys, toRenewable, type KeyKind } from '../../src/auth.ts'

const MINUTE_MS = 60_000
const AUTHORIZATION_FAILED =
  'Token Authorization failed. Token either incorrect, expired, or not provided correctly'
const AUTHENTICATION_FAILED =
  'Token Authentication failed. Token either incorrect, expired, or not provided correctly'

let dir: string
let file: string
let time: number
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keys-'))
  file = join(dir, 'key_file.json')
  time = Date.UTC(2026, 0, 1, 12)
})
afterEach(() => rm(dir, { recursive: true }))

interface KeyFile {
  readonly management: { readonly key: string; readonly 'expiration time': string }
  readonly inference: { readonly key: string; readonly 'expiration time': string }
  readonly API: { readonly key: string }
}

const read = async () => JSON.parse(await readFile(file, 'utf8')) as KeyFile

async function saved(lifeMs = 60 * MINUTE_MS): Promise<Keys> {
  const keys = new Keys({ file, lifeMs, now: () => time })
  await keys.save()
  return keys
}

/** The reason for which a header is refused; undefined when it is not. */
function refusal(keys: Keys, kind: KeyKind, authorization: string | undefined): string | undefined {
  try {
    keys.check(kind, authorization)
    return undefined
  } catch (error) {
    expect(error).toMatchObject({
      code: 'INVALID_KEY',
      http: 400,
      type: 'InvalidKeyException',
      message: kind === 'API' ? AUTHENTICATION_FAILED : AUTHORIZATION_FAILED,
    })
    return (error as { reason: string }).reason
  }
}

describe('the key file', () => {
  test('has three different keys in the form of TorchServe', async () => {
    await saved()
    const content = await read()
    expect(Object.keys(content)).toEqual(['management', 'inference', 'API'])
    expect(content.management['expiration time']).toBe('2026-01-01T13:00:00.000Z')
    expect(content.inference['expiration time']).toBe('2026-01-01T13:00:00.000Z')
    expect(Object.keys(content.API)).toEqual(['key'])
    const texts = [content.management.key, content.inference.key, content.API.key]
    expect(new Set(texts).size).toBe(3)
    for (const text of texts) expect(text).toMatch(/^[\w-]{32}$/)
  })

  test('is for its owner only, whatever the umask', async () => {
    const umask = process.umask(0)
    onTestFinished(() => void process.umask(umask))
    await saved()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    process.umask(0o777)
    await saved()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test('replaces a stale one that others could read', async () => {
    await writeFile(file, '{}')
    await chmod(file, 0o666)
    await saved()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(dir)).toEqual(['key_file.json'])
  })

  test('is not written through a link that somebody put there', async () => {
    const victim = join(dir, 'victim')
    await writeFile(victim, 'untouched')
    await symlink(victim, file)
    await saved()
    expect(await readFile(victim, 'utf8')).toBe('untouched')
    expect(await read()).toHaveProperty('API')
  })

  test('that cannot be written is an error that says what to do, and leaves no draft', async () => {
    await mkdir(join(file, 'not-empty'), { recursive: true })
    await expect(saved()).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('--disable-token-auth'),
    })
    expect(await readdir(dir)).toEqual(['key_file.json'])
  })

  test('is removed at the end', async () => {
    const keys = await saved()
    await keys.remove()
    expect(await readdir(dir)).toEqual([])
    await keys.remove()
  })

  test('that another server has written since stays there', async () => {
    const first = await saved()
    await saved()
    await first.remove()
    expect(await readdir(dir)).toEqual(['key_file.json'])
  })

  test('that was never written is not removed', async () => {
    await writeFile(file, 'of somebody else')
    await new Keys({ file, lifeMs: MINUTE_MS }).remove()
    expect(await readFile(file, 'utf8')).toBe('of somebody else')
  })
})

describe('a key', () => {
  test('opens its own door and no other', async () => {
    const keys = await saved()
    const content = await read()
    const kinds = ['management', 'inference', 'API'] as const
    for (const kind of kinds) {
      for (const other of kinds) {
        const reason = refusal(keys, kind, `Bearer ${content[other].key}`)
        if (kind === other) expect(reason).toBeUndefined()
        else expect(reason).toBe(`the key that was sent is not the ${kind} key; the key file has it`)
      }
    }
  })

  test.each([
    ['nothing', () => undefined],
    ['an empty header', () => ''],
    ['another scheme', (key: string) => `Basic ${key}`],
    ['the scheme in lower case', (key: string) => `bearer ${key}`],
    ['no scheme', (key: string) => key],
    ['no key', () => 'Bearer '],
    ['two keys', (key: string) => `Bearer ${key} ${key}`],
    ['a key with text after it', (key: string) => `Bearer ${key},`],
    ['half a key', (key: string) => `Bearer ${key.slice(0, -1)}`],
    ['a key in other letters', (key: string) => `Bearer ${key.toUpperCase()}x`],
    ['a very long key', () => `Bearer ${'k'.repeat(100_000)}`],
  ])('is not taken from %s', async (_what, header) => {
    const keys = await saved()
    const { management } = await read()
    expect(refusal(keys, 'management', header(management.key))).toMatch(
      /^expected the header "Authorization: Bearer <management key>"$|is not the management key/,
    )
  })

  test('is compared in constant time: every check compares hashes of one length', async () => {
    const keys = await saved()
    const { management } = await read()
    const compared: number[][] = []
    const { timingSafeEqual } = crypto
    crypto.timingSafeEqual = (one, other) => {
      compared.push([one.byteLength, other.byteLength])
      return timingSafeEqual(one, other)
    }
    syncBuiltinESMExports()
    onTestFinished(() => {
      crypto.timingSafeEqual = timingSafeEqual
      syncBuiltinESMExports()
    })
    refusal(keys, 'management', 'Bearer x')
    refusal(keys, 'management', `Bearer ${management.key}`)
    refusal(keys, 'management', undefined)
    expect(compared).toEqual([
      [32, 32],
      [32, 32],
      [32, 32],
    ])
  })

  test('expires to the millisecond, except the API key', async () => {
    const keys = await saved(MINUTE_MS)
    const { inference, API } = await read()
    time += MINUTE_MS - 1
    expect(refusal(keys, 'inference', `Bearer ${inference.key}`)).toBeUndefined()
    time += 1
    expect(refusal(keys, 'inference', `Bearer ${inference.key}`)).toBe(
      'the inference key has expired; GET /token renews it',
    )
    expect(refusal(keys, 'inference', 'Bearer wrong')).toContain('is not the inference key')
    time += 1e12
    expect(refusal(keys, 'API', `Bearer ${API.key}`)).toBeUndefined()
  })

  test('with a life of 0 minutes is never valid', async () => {
    const keys = await saved(0)
    expect(refusal(keys, 'inference', `Bearer ${(await read()).inference.key}`)).toContain('expired')
  })

  test('may live as long as token_expiration_min can say', async () => {
    await saved(2_147_483_647 * MINUTE_MS)
    expect((await read()).inference['expiration time']).toMatch(/^6109-/)
  })
})

describe('renewal', () => {
  test('makes the old key void and leaves the other two alone', async () => {
    const keys = await saved()
    const before = await read()
    time += 30 * MINUTE_MS
    await keys.renew('management')
    const after = await read()
    expect(refusal(keys, 'management', `Bearer ${before.management.key}`)).toContain('is not the management')
    expect(refusal(keys, 'management', `Bearer ${after.management.key}`)).toBeUndefined()
    expect(after.management['expiration time']).toBe('2026-01-01T13:30:00.000Z')
    expect({ ...after, management: undefined }).toEqual({ ...before, management: undefined })
  })

  test('of both keys at once loses neither', async () => {
    const keys = await saved()
    await Promise.all(Array.from({ length: 20 }, (_, i) => keys.renew(i % 2 ? 'management' : 'inference')))
    const after = await read()
    expect(refusal(keys, 'management', `Bearer ${after.management.key}`)).toBeUndefined()
    expect(refusal(keys, 'inference', `Bearer ${after.inference.key}`)).toBeUndefined()
    await keys.remove()
    expect(await readdir(dir)).toEqual([])
  })

  test('that cannot write the file keeps the old key', async () => {
    const keys = await saved()
    const before = await read()
    await rm(file)
    await mkdir(join(file, 'not-empty'), { recursive: true })
    await expect(keys.renew('inference')).rejects.toThrow(/EISDIR|ENOTEMPTY/)
    expect(refusal(keys, 'inference', `Bearer ${before.inference.key}`)).toBeUndefined()
    await rm(file, { recursive: true })
    await keys.renew('inference')
    expect(refusal(keys, 'inference', `Bearer ${(await read()).inference.key}`)).toBeUndefined()
  })

  test.each([[undefined], [''], ['API'], ['api'], ['Inference'], ['__proto__'], [['inference']]])(
    'of %j is refused',
    type => {
      expect(() => toRenewable(type)).toThrow(AUTHENTICATION_FAILED)
    },
  )
})
