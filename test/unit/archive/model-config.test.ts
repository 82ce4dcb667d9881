import { expect, test } from 'vitest'
import { parseModelConfig } from '../../../src/archive/model-config.ts'

test('settings are read, and everything is kept for the handler', () => {
  const config = parseModelConfig('minWorkers: 1\nbatchSize: 8\nmaxBatchDelay: 0\nhandler:\n  top_k: 3\n')
  expect(config.settings).toEqual({ minWorkers: 1, batchSize: 8, maxBatchDelay: 0 })
  expect(config.raw).toEqual({ minWorkers: 1, batchSize: 8, maxBatchDelay: 0, handler: { top_k: 3 } })
  expect(config.warnings).toEqual([])
})

test('a wrong value is ignored with a warning that names it', () => {
  const config = parseModelConfig(
    'batchSize: two\nminWorkers: 0\nmaxWorkers: 1.5\njobQueueSize: 9999999999\nresponseTimeout: 5\n',
  )
  expect(config.settings).toEqual({ responseTimeout: 5 })
  expect(config.warnings).toHaveLength(4)
  expect(config.warnings).toContain(
    'batchSize must be a whole number of at least 1, not "two"; it is ignored',
  )
})

test('time-outs have the limit of a timer', () => {
  const config = parseModelConfig(
    'responseTimeout: 2147483\nstartupTimeout: 2147484\nclientTimeoutInMills: 5\n',
  )
  expect(config.settings).toEqual({ responseTimeout: 2_147_483, clientTimeoutInMills: 5 })
  expect(config.warnings).toEqual([
    'startupTimeout must be a whole number of at most 2147483, not 2147484; it is ignored',
  ])
})

test('settings that are no numbers are read, or ignored with what was expected', () => {
  expect(parseModelConfig('retry: never\npreferredBatchSizes: [4, 8]\n')).toMatchObject({
    settings: { retry: 'never', preferredBatchSizes: [4, 8] },
    warnings: [],
  })
  expect(parseModelConfig('retry: no\npreferredBatchSizes: [4, 0]\n')).toMatchObject({
    settings: {},
    warnings: [
      'retry must be auto or never, not "no"; it is ignored',
      'preferredBatchSizes must be a list of whole numbers of at least 1, not [4,0]; it is ignored',
    ],
  })
})

test.each(['', '# nothing\n', '---\n', 'null'])('%j is an empty configuration', text => {
  expect(parseModelConfig(text)).toMatchObject({ settings: {}, raw: {} })
})

test.each([
  ['broken YAML', 'a: 1\nb: [1, 2\n', /line [23]/],
  ['a key given twice', 'a: 1\na: 2\n', 'line 2: Map keys must be unique'],
  ['two documents', 'a: 1\n---\nb: 2\n', 'multiple documents'],
  ['a Python object', 'a: 1\nb: !!python/object/apply:os.system ["ls"]\n', 'line 2: Unresolved tag'],
  ['a list', '- 1\n', 'a mapping of keys to values'],
  ['a bare text', 'hello', 'a mapping of keys to values'],
  ['deep nesting', `a: ${'['.repeat(40)}${']'.repeat(40)}`, '32 levels'],
  ['nesting without end', `a: ${'['.repeat(100_000)}`, 'cannot be read'],
  ['a text without end', 'a'.repeat(2 ** 20 + 1), 'longer than'],
])('%s is refused', (_, text, message) => {
  expect(() => parseModelConfig(text)).toThrow(expect.objectContaining({ code: 'INVALID_MODEL' }))
  expect(() => parseModelConfig(text)).toThrow(message)
})

test('aliases that multiply are refused', () => {
  const levels = Array.from({ length: 9 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x, x]'
      : `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
  )
  expect(() => parseModelConfig(levels.join('\n'))).toThrow('alias')
})

test('a key named __proto__ changes nobody', () => {
  const config = parseModelConfig('__proto__:\n  batchSize: 4\n')
  expect(config.settings).toEqual({})
  expect(Object.keys(config.raw)).toEqual([])
})

test.each([
  ['batch_size: 8', 'batchSize'],
  ['BatchSize: 8', 'batchSize'],
  ['max_batch_delay: 5', 'maxBatchDelay'],
  ['min_workers: 1', 'minWorkers'],
  ['jobQueueSise: 9', 'jobQueueSize'],
])("%s is the handler's, and it is told which setting was probably meant", (line, meant) => {
  const { settings, warnings } = parseModelConfig(line)
  expect(settings).toEqual({})
  expect(warnings).toEqual([
    `${line.split(':')[0]} is no setting of the server, only the handler sees it; did you mean ${meant}?`,
  ])
})

test("a handler's own keys are nobody else's affair", () => {
  expect(parseModelConfig('top_k: 3\nbatch: {size: 3}\nlabels: [a]\ndeviceType: cpu\n').warnings).toEqual([])
})
