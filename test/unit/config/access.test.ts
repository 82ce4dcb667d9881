import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, type LoadedConfig } from '../../../src/config/load.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'config-'))
  await mkdir(join(cwd, 'store'))
})
afterEach(() => rm(cwd, { recursive: true }))

const write = (text: string, name = 'config.properties') => writeFile(join(cwd, name), text)
const load = (): Promise<LoadedConfig> => loadConfig({ argv: ['--model-store', 'store'], env: {}, cwd })

/** The lines of the error with which loading fails. */
async function problemsOf(): Promise<string[]> {
  const error: unknown = await load().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ code: 'BAD_CONFIG' })
  return error instanceof Error ? error.message.split('\n') : []
}

describe('access and TLS', () => {
  test.each([
    ['', 'by address'],
    ['disable_token_authorization=true', 'never'],
    ['disable_token_authorization=false', 'always'],
  ] as const)('tokens are needed after "%s": %s', async (line, tokens) => {
    await write(line)
    expect((await load()).config.security.tokens).toBe(tokens)
  })

  test('the key file is in the current directory, as in TorchServe, or where key_file says', async () => {
    expect((await load()).config.security.keyFile).toBe(join(cwd, 'key_file.json'))
    await write('key_file=/run/keys.json\ntoken_expiration_min=0.5\nallowed_hosts=A.example, b')
    const { keyFile, tokenLifeMs, allowedHosts } = (await load()).config.security
    expect({ keyFile, tokenLifeMs, allowedHosts }).toEqual({
      keyFile: '/run/keys.json',
      tokenLifeMs: 30_000,
      allowedHosts: ['a.example', 'b'],
    })
  })

  test('allowed_hosts takes names, not addresses with ports', async () => {
    await write('allowed_hosts=https://a.example')
    expect(await problemsOf()).toEqual([expect.stringContaining('expected host names with commas between')])
  })

  test('key files must be there, and both of a pair', async () => {
    await write('keystore=k.p12')
    expect(await problemsOf()).toEqual(['keystore file not found: k.p12'])
    await write('x', 'cert.pem')
    await write('certificate_file=cert.pem\ninference_address=https://127.0.0.1')
    expect(await problemsOf()).toEqual([
      'certificate_file and private_key_file belong together: one of them is not set',
    ])
  })

  test('a key that no address uses is a warning', async () => {
    await write('x', 'k.p12')
    await write('keystore=k.p12')
    expect((await load()).warnings).toEqual([
      'keystore without effect: no address begins with https://, so nothing is encrypted',
    ])
    await write('keystore=k.p12\nmetrics_address=https://127.0.0.1')
    expect((await load()).warnings).toEqual([])
  })
})
