import { describe, expect, test } from 'vitest'
import { start } from '../../../src/cli/start.ts'
import { makeStore } from '../../support/model-store.ts'

async function run(...args: string[]) {
  const said = { out: '', err: '' }
  const code = await start.run(args, {
    out: text => {
      said.out += text
    },
    err: text => {
      said.err += text
    },
  })
  return { code, ...said }
}

test('--version is TorchServe’s sentence, which scripts read the number from', async () => {
  expect(await run('--version')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^TorchServe Version is \d+\.\d+\.\d+ \(Sconce\)\n$/) as unknown,
  })
})

test('--help names the flags', async () => {
  const { code, out } = await run('--help')
  expect(code).toBe(0)
  for (const flag of ['--model-store', '--models', '--tracing', '--background']) expect(out).toContain(flag)
})

describe('a configuration that cannot be is refused in one text, before anything starts', () => {
  test.each([
    [['--model-store', '/no/such/folder'], '/no/such/folder'],
    [['--ts-config', '/no/such/file'], '--ts-config file not found: /no/such/file'],
    [['--inference-address', 'localhost'], 'Invalid binding address: localhost; expected http://host'],
    [['--job-queue-size', 'many'], '--job-queue-size'],
    [['--job-queue-size', 'many', '--tracing', 'x'], /--job-queue-size[^]*--tracing/],
    [['digits.mar'], 'Unexpected argument digits.mar; values follow their flag'],
  ])('%j', async (args, message) => {
    const store = await makeStore()
    const given = args.includes('--model-store') ? args : ['--model-store', store.dir, ...args]
    const refused: unknown = await run(...given).then(
      () => undefined,
      (error: unknown) => error,
    )
    await store.remove()
    expect(refused).toMatchObject({ code: 'BAD_CONFIG' })
    expect(String(refused)).toMatch(message)
  })
})
