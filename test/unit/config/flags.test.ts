import { describe, expect, test } from 'vitest'
import { parseFlags } from '../../../src/config/flags.ts'
import { helpText } from '../../../src/config/help.ts'
import { keys } from '../../../src/config/schema.ts'

const valuesOf = (...argv: string[]) =>
  Object.fromEntries(Array.from(parseFlags(argv).values, ([name, { text }]) => [name, text]))

describe('flags', () => {
  test.each<[argv: string[], expected: Record<string, string>]>([
    [['--model-store', 'd'], { model_store: 'd' }],
    [['--model-store=d'], { model_store: 'd' }],
    [['--model-store', 'a', '--model-store', 'b'], { model_store: 'b' }],
    [['--models', 'a.mar', 'b=c.mar', '--foreground'], { load_models: 'a.mar,b=c.mar' }],
    [['--models', 'a.mar,b.mar', 'c.mar'], { load_models: 'a.mar,b.mar,c.mar' }],
    [['--models', 'a.mar', '--models', 'all'], { load_models: 'all' }],
    [['--models=d=x?y=z'], { load_models: 'd=x?y=z' }],
    [['--log-format', 'json', '--tracing', 'jaeger'], { log_format: 'json', tracing: 'jaeger' }],
    [['--disable-token-auth'], { disable_token_authorization: 'true' }],
    [['--dt', '--ncs'], { disable_token_authorization: 'true' }],
    [['--enable-model-api', '--model-store', 'd'], { enable_model_api: 'true', model_store: 'd' }],
    [
      ['--enable-metrics-api', 'false', '--dt'],
      { enable_metrics_api: 'false', disable_token_authorization: 'true' },
    ],
    [['--enable-metrics-api=false'], { enable_metrics_api: 'false' }],
    [['--ppath', 'x'], { plugins_path: 'x' }],
    [['--tracing-sample-ratio', '-1'], { tracing_sample_ratio: '-1' }],
  ])('%j is read', (argv, expected) => {
    expect(valuesOf(...argv)).toEqual(expected)
    expect(parseFlags(argv).problems).toEqual([])
  })

  test.each<[string[], object]>([
    [[], { action: 'start', background: false }],
    [['--start', '--background'], { action: 'start', background: true }],
    [['--background', '--foreground'], { action: 'start', background: false }],
    [['--stop'], { action: 'stop', background: false }],
    [['-v'], { action: 'version', background: false }],
    [['--start', '-h'], { action: 'help', background: false }],
    [['--help', '--start'], { action: 'help', background: false }],
  ])('%j is the command %j', (argv, command) => {
    expect(parseFlags(argv).command).toEqual(command)
  })

  test.each([
    [['--modle-store', 'd'], 'Unknown flag --modle-store; did you mean --model-store?'],
    [['--model_store', 'd'], 'Unknown flag --model_store; did you mean --model-store?'],
    [['--qqqqqqqq'], 'Unknown flag --qqqqqqqq'],
    [['--model-store'], '--model-store needs a value: path'],
    [['--model-store', '--models', 'a'], '--model-store needs a value: path'],
    [['--models', '--ncs'], '--models needs a value'],
    [['--ts-config'], '--ts-config needs a value'],
    [['--ts-config='], '--ts-config needs a value'],
    [['--foreground=yes'], '--foreground takes no value'],
    [['--start', '--stop'], '--start and --stop exclude each other'],
    [['stray'], 'Unexpected argument stray'],
    [['--\u001b[31m'], 'Unknown flag "--\\u001b[31m"'],
  ])('%j is refused', (argv, problem) => {
    expect(parseFlags(argv).problems[0]).toContain(problem)
  })

  test('a setting for log4j is ignored with a warning', () => {
    const { problems, warnings } = parseFlags(['--log-config', 'log4j2.xml'])
    expect(problems).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('--log-config is ignored')])
  })
})

describe('the help text', () => {
  test('has every flag and no line above 100 columns', () => {
    const text = helpText()
    for (const flag of keys.flatMap(key => key.flags)) expect(text).toContain(flag)
    expect(text.split('\n').filter(line => line.length > 100)).toEqual([])
  })

  test('shows no password, not even the default', () => {
    expect(helpText()).not.toContain('changeit')
  })
})
