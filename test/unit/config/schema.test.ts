import { describe, expect, test } from 'vitest'
import { toConfig } from '../../../src/config/config.ts'
import { commandFlags } from '../../../src/config/flags.ts'
import { findKey, keys, Schema, type KeyName } from '../../../src/config/schema.ts'

const duplicates = (names: readonly string[]) => names.filter((name, i) => names.indexOf(name) !== i)

describe('the schema', () => {
  test('says for every key what it means, and defaults that are valid', () => {
    expect(keys.filter(key => key.meaning === '')).toEqual([])
    expect(Schema.safeParse({}).success).toBe(true)
    expect(keys.map(key => key.name)).toEqual(Object.keys(Schema.shape))
  })

  test('gives no two keys the same flag or variable', () => {
    const flags = [...commandFlags.flatMap(flag => flag.names), ...keys.flatMap(key => key.flags)]
    expect(duplicates(flags)).toEqual([])
    expect(duplicates(keys.flatMap(key => key.env ?? []))).toEqual([])
  })

  test.each([
    ['job_queue_size', 'TS_JOB_QUEUE_SIZE'],
    ['ts_open_inference_protocol', 'TS_OPEN_INFERENCE_PROTOCOL'],
    ['token_expiration_min', 'TS_TOKEN_EXPIRATION_TIME_MIN'],
    ['models', undefined],
    ['model_snapshot', undefined],
    ['metric_time_interval', undefined],
    ['system_metrics_cmd', undefined],
    ['enable_envvars_config', undefined],
    ['use_env_allowed_urls', undefined],
  ])('the variable of %s is %s', (name, env) => {
    expect(findKey(name)?.env).toBe(env)
  })

  test('has a place in the configuration for every key that has an effect', () => {
    const read = new Set<PropertyKey>()
    const values = new Proxy(Schema.parse({}), {
      get: (target, name, receiver) => (read.add(name), Reflect.get(target, name, receiver)),
    })
    toConfig(values)
    const aboutSources: KeyName[] = ['enable_envvars_config', 'use_env_allowed_urls']
    const withoutEffect = ['ignored', 'not yet']
    const unread = keys
      .filter(({ name, standing }) => !withoutEffect.includes(standing) && !read.has(name))
      .map(({ name }) => name)
    expect(unread.toSorted()).toEqual(aboutSources.toSorted())
  })

  test('refuses a key that it does not have', () => {
    expect(Schema.safeParse({ job_queue_sise: '1' }).success).toBe(false)
  })
})

describe('values', () => {
  test.each<[KeyName, string, unknown]>([
    ['job_queue_size', ' 7 ', 7],
    ['max_request_size', '2147483647', 2_147_483_647],
    ['enable_metrics_api', 'TRUE', true],
    ['enable_metrics_api', 'False', false],
    ['log_format', 'JSON', 'json'],
    ['tracing_sample_ratio', '.25', 0.25],
    ['token_expiration_min', '0.5', 0.5],
    ['jaeger_agent_addr', 'jaeger', { host: 'jaeger', port: 6832 }],
    ['cors_allowed_origin', '', undefined],
    ['keystore_pass', ' a b ', ' a b '],
    ['load_models', 'ALL', 'all'],
    ['load_models', '', []],
    ['allowed_urls', 'file://.*, https://x/.*', ['file://.*', 'https://x/.*']],
  ])('%s takes %j', (name, text, expected) => {
    expect(Schema.parse({ [name]: text })[name]).toEqual(expected)
  })

  test('models to load may have names, and locations with equals signs', () => {
    const text = 'a.mar, b=c.mar, https://x/y.mar?z=1, d=https://x/y?z=1'
    expect(Schema.parse({ load_models: text }).load_models).toEqual([
      { name: undefined, location: 'a.mar' },
      { name: 'b', location: 'c.mar' },
      { name: undefined, location: 'https://x/y.mar?z=1' },
      { name: 'd', location: 'https://x/y?z=1' },
    ])
  })

  test.each<[KeyName, string, string]>([
    ['job_queue_size', '', 'expected a whole number from 1 to 2147483647'],
    ['job_queue_size', '0', 'expected a whole number from 1 to 2147483647'],
    ['job_queue_size', '1e3', 'expected a whole number'],
    ['job_queue_size', '0x10', 'expected a whole number'],
    ['max_request_size', '2147483648', 'expected a whole number from 1 to 2147483647'],
    ['default_response_timeout', '2147484', 'expected a whole number from 1 to 2147483'],
    ['enable_metrics_api', 'yes', 'expected true or false'],
    ['enable_metrics_api', 'constructor', 'expected true or false'],
    ['metrics_mode', 'statsd', 'expected one of prometheus, log, legacy'],
    ['tracing_sample_ratio', '1.1', 'expected a number from 0 to 1'],
    ['tracing_sample_ratio', 'NaN', 'expected a number from 0 to 1'],
    ['jaeger_agent_addr', 'a:b', 'expected host:port'],
    ['otlp_endpoint', 'localhost:4318', 'expected an http:// or https:// URL'],
    ['blacklist_env_vars', '(', 'expected a regular expression'],
    ['allowed_urls', 'a,[', 'expected regular expressions'],
    ['load_models', 'a=', 'expected all, or [name=]location'],
    ['models', '[]', 'expected JSON of the form'],
    ['inference_address', 'nope', 'Invalid binding address: nope'],
  ])('%s refuses %j', (name, text, message) => {
    const result = Schema.safeParse({ [name]: text })
    expect(result.error?.issues.map(issue => issue.message)).toEqual([expect.stringContaining(message)])
  })
})
