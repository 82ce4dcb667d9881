import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { failureWith } from '../../../src/errors.ts'
import { createLogger, type LoggerOptions } from '../../../src/telemetry/logger.ts'

const Line = z.looseObject({ level: z.number(), time: z.number(), msg: z.string() })

function make(options: Partial<LoggerOptions> & { isTTY?: boolean; hasColors?: () => boolean } = {}) {
  const written: string[] = []
  const { isTTY = false, hasColors = () => false, ...rest } = options
  const write = (chunk: string, done?: () => void) => {
    if (chunk !== '') written.push(chunk)
    done?.()
  }
  const logger = createLogger({
    format: 'auto',
    level: 'debug',
    stream: { write, isTTY, hasColors },
    ...rest,
  })
  const parsed = () => written.map(line => Line.parse(JSON.parse(line)))
  return { logger, written, parsed }
}

const FORGED = 'fine\r\n[00:00:00.000] INFO: forged\u001b[2K\u009b31m\u2028\u202e end'

describe('JSON lines', () => {
  test('one object per line in a pipe: level, time, message, fields', () => {
    const { logger, written, parsed } = make()
    logger.child({ model: 'digits', worker: 1 }).warn('Worker ended', { code: 9 })
    expect(written[0]?.endsWith('}\n')).toBe(true)
    expect(parsed()).toMatchObject([{ level: 40, msg: 'Worker ended', model: 'digits', worker: 1, code: 9 }])
    expect(Math.abs(Number(parsed()[0]?.time) - Date.now())).toBeLessThan(60_000)
  })

  test('line breaks and quotes in messages and fields cannot forge a line', () => {
    const { logger, written, parsed } = make()
    logger.info(FORGED, { who: FORGED, ['key\n']: { deep: [FORGED] } })
    expect(written).toHaveLength(1)
    expect(written[0]?.indexOf('\n')).toBe((written[0]?.length ?? 0) - 1)
    expect(parsed()[0]).toMatchObject({ msg: FORGED, who: FORGED })
  })

  test("fields cannot pass for the log's own or for those of the logger above", () => {
    const { logger, parsed } = make()
    logger
      .child({ model: 'digits' })
      .info('hello', { level: 60, time: 0, msg: 'forged', model: 'fraud', size: 1 })
    expect(parsed()[0]).toMatchObject({
      level: 30,
      msg: 'hello',
      model: 'digits',
      _model: 'fraud',
      _level: 60,
      size: 1,
    })
    expect(parsed()[0]?.time).toBeGreaterThan(0)
  })

  test('errors are written with their stack and causes', () => {
    const { logger, parsed } = make()
    const cause = new Error('disk full')
    logger.error('Prediction failed', { err: failureWith({ cause }, 'PREDICTION_FAILED') })
    logger.error('Prediction failed', { cause: Object.freeze(cause) })
    logger.error('Prediction failed', { err: 'a string was thrown' })
    const [first, second, third] = parsed()
    expect(first?.['err']).toMatchObject({ type: 'Failure', code: 'PREDICTION_FAILED' })
    expect(first?.['err']).toHaveProperty(
      'stack',
      expect.stringMatching(/Failure: Prediction failed\n {4}at [^]+caused by: Error: disk full\n {4}at /),
    )
    expect(JSON.stringify(second?.['cause'])).toContain('disk full')
    expect(third?.['err']).toBe('a string was thrown')
  })

  test('values that are no JSON do not stop a line', () => {
    const { logger, parsed } = make()
    const circle: Record<string, unknown> = { big: 1n }
    circle['self'] = circle
    logger.info('odd %s %d', { circle, nothing: undefined, call: () => 1 })
    expect(parsed()[0]).toMatchObject({ msg: 'odd %s %d' })
  })

  test('lines below the level are left out', () => {
    const { logger, parsed } = make({ level: 'warn' })
    logger.debug('no')
    logger.info('no')
    logger.warn('yes')
    expect(parsed().map(line => line.msg)).toEqual(['yes'])
  })
})

describe('lines for a person', () => {
  test('are what a terminal gets: time, level, message, fields', () => {
    const { logger, written } = make({ isTTY: true })
    logger.child({ model: 'digits', worker: 1 }).info('Worker is ready', { reason: 'two words', list: [1] })
    expect(written).toEqual([
      expect.stringMatching(
        /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: Worker is ready model=digits worker=1 reason="two words" list=\[1\]\n$/,
      ),
    ])
  })

  test('are coloured where the terminal has colours', () => {
    const { logger, written } = make({ isTTY: true, hasColors: () => true })
    logger.info('hello')
    expect(written[0]).toContain('\u001b[32mINFO')
  })

  test('can be had in a pipe, and JSON on a terminal', () => {
    const pipe = make({ format: 'pretty' })
    pipe.logger.info('hello')
    expect(pipe.written[0]).toContain('INFO: hello')
    const terminal = make({ format: 'json', isTTY: true })
    terminal.logger.info('hello')
    expect(terminal.parsed()[0]).toMatchObject({ msg: 'hello' })
  })

  test('show control characters instead of obeying them', () => {
    const { logger, written } = make({ format: 'pretty' })
    logger.info(FORGED, { who: FORGED, ['a\nb']: 1 })
    const line = written.join('')
    expect(line.match(/\n/g)).toHaveLength(1)
    expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Bidi_Control}]./u)
    expect(line).toContain('fine\\r\\n[00:00:00.000] INFO: forged\\x1b[2K\\x9b31m\\u2028\\u202e end')
    expect(line).toContain('a\\nb=1')
  })

  test('show stacks below the line, indented', () => {
    const { logger, written } = make({ format: 'pretty' })
    const err = new Error(`no\n[00:00:00.000] INFO: forged\u001b[31m`)
    logger.error('It failed', { err, model: 'digits' })
    const [first, second, ...more] = written.join('').trimEnd().split('\n')
    expect(first).toMatch(/ERROR: It failed model=digits$/)
    expect(second).toBe('    Error: no')
    for (const line of more) expect(line).toMatch(/^ {4}/)
    expect(more[0]).toBe('    [00:00:00.000] INFO: forged\\x1b[31m')
  })
})

describe('a real process', () => {
  const start = `import { createLogger } from './src/telemetry/logger.ts'
    const logger = createLogger({ format: 'auto', level: 'info' })
    for (let i = 0; i < 20000; i++) logger.info('line ' + i, { filler: 'x'.repeat(100) })
    `
  const run = (rest: string) => ['--input-type=module', '-e', start + rest]

  test.each([
    ['ends by itself', '', 0],
    ['calls process.exit', 'process.exit(3)', 3],
    ['dies of an exception', "throw new Error('nobody catches this')", 1],
  ])('loses no line when it %s', (_how, rest, status) => {
    const options = { encoding: 'utf8', maxBuffer: 1e8 } as const
    const result = spawnSync(process.execPath, run(rest), options)
    expect(result.status).toBe(status)
    const lines = result.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(20_000)
    expect(lines.every((line, i) => JSON.parse(line).msg === `line ${i}`)).toBe(true)
  })

  test('loses no line to a reader that starts late, also not those logged while it exits', async () => {
    const rest = `process.on('exit', () => logger.info('last'))
      process.stderr.write('logged')
      process.exit(0)`
    const child = spawn(process.execPath, run(rest), { stdio: ['ignore', 'pipe', 'pipe'] })
    await once(child.stderr, 'data')
    await setImmediate()
    const lines = (await text(child.stdout)).trimEnd().split('\n')
    expect(lines).toHaveLength(20_001)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'last' })
  })

  test('writes lines while it runs, and all of them on flush', async () => {
    const rest = `await logger.flush()
      process.stderr.write('flushed')
      process.on('SIGTERM', () => process.kill(process.pid, 'SIGKILL'))
      setTimeout(() => {}, 60000)`
    const child = spawn(process.execPath, run(rest), { stdio: ['ignore', 'pipe', 'pipe'] })
    const stdout = text(child.stdout)
    await once(child.stderr, 'data')
    child.kill('SIGTERM')
    expect((await stdout).trimEnd().split('\n')).toHaveLength(20_000)
  })

  test('lives on when the reader of its log is gone', async () => {
    const rest = `process.stderr.write('logged')
      setTimeout(() => { logger.error('nobody reads this'); process.exit(7) }, 50)`
    const child = spawn(process.execPath, run(rest), { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [status] = await once(child, 'exit')
    expect(status).toBe(7)
  })
})
