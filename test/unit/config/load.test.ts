import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, type ConfigInput } from '../../../src/config/load.ts'
import { keys } from '../../../src/config/schema.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'config-'))
  await mkdir(join(cwd, 'store'))
})
afterEach(() => rm(cwd, { recursive: true }))

const write = (text: string, name = 'config.properties') => writeFile(join(cwd, name), text)

/** Loads with the flag that must be there, unless other flags are given. */
const load = (input: Partial<ConfigInput> = {}) =>
  loadConfig({ argv: ['--model-store', 'store'], env: {}, cwd, ...input })

const size = async (input: Partial<ConfigInput>) => (await load(input)).config.workers.queueSize

/** The lines of the error with which loading fails. */
async function problemsOf(input: Partial<ConfigInput> = {}): Promise<string[]> {
  const error: unknown = await load(input).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ code: 'BAD_CONFIG' })
  return error instanceof Error ? error.message.split('\n') : []
}

describe('precedence', () => {
  const argv = ['--model-store', 'store', '--job-queue-size', '3']

  test('variables win over flags, flags over the file, the file over the defaults', async () => {
    await write('job_queue_size=2')
    const env = { TS_JOB_QUEUE_SIZE: '4' }
    const defaults = { job_queue_size: '1' }
    expect(await size({ argv, env, defaults })).toBe(4)
    expect(await size({ argv, defaults })).toBe(3)
    expect(await size({ defaults })).toBe(2)
    await write('')
    expect(await size({ defaults })).toBe(1)
    expect(await size({})).toBe(100)
  })

  test('every value knows where it came from', async () => {
    await write('\nlog_level=debug')
    const { sources } = await load({ argv, env: { TS_TRACING: 'otlp' }, defaults: { log_format: 'json' } })
    expect(sources).toEqual({
      model_store: '--model-store',
      job_queue_size: '--job-queue-size',
      log_level: 'config.properties line 2',
      tracing: 'TS_TRACING',
      log_format: 'default',
    })
  })

  test('an empty variable counts as not set', async () => {
    expect((await load({ argv, env: { TS_JOB_QUEUE_SIZE: '' } })).config.workers.queueSize).toBe(3)
  })

  test('the standard variable for OTLP stands in when nothing else says where', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318' }
    expect((await load({ env })).config.tracing.otlpEndpoint).toBe('http://otel:4318')
    await write('otlp_endpoint=http://mine:4318')
    expect((await load({ env })).config.tracing.otlpEndpoint).toBe('http://mine:4318')
  })
})

describe('the properties file', () => {
  test('is the one of TS_CONFIG_FILE, else of --ts-config, else ./config.properties', async () => {
    await write('job_queue_size=1')
    await write('job_queue_size=2', 'flag.properties')
    await write('job_queue_size=3', 'variable.properties')
    const argv = ['--model-store', 'store', '--ts-config', 'flag.properties']
    const env = { TS_CONFIG_FILE: 'variable.properties' }
    expect((await load({ argv, env })).config.workers.queueSize).toBe(3)
    expect((await load({ argv })).config.workers.queueSize).toBe(2)
    expect((await load()).config.workers.queueSize).toBe(1)
  })

  test('that is asked for must be there', async () => {
    const argv = ['--model-store', 'store', '--ts-config', 'nope.properties']
    expect(await problemsOf({ argv })).toEqual(['--ts-config file not found: nope.properties'])
    const folder = { TS_CONFIG_FILE: 'store' }
    expect(await problemsOf({ env: folder })).toEqual(['TS_CONFIG_FILE file not found: store'])
  })

  test('takes variables in values', async () => {
    await write('job_queue_size=$$SIZE$$\nlog_level=$$LEVEL$$')
    expect((await load({ env: { SIZE: '9', LEVEL: 'warn' } })).config.workers.queueSize).toBe(9)
    expect(await problemsOf({ env: { SIZE: '9' } })).toEqual([
      'Invalid Environment Variable LEVEL (log_level in config.properties line 2)',
    ])
  })

  test('of the project is valid as it is and names every key that works', async () => {
    const shipped = await readFile(new URL('../../../config/config.properties', import.meta.url), 'utf8')
    await write(shipped)
    const { warnings, describe: describeConfig } = await load()
    expect(warnings).toEqual([])
    expect(describeConfig()).toEqual({ model_store: 'store', load_models: 'all' })
    const named = Array.from(shipped.matchAll(/^#?(\w+)=/gm), ([, name]) => name)
    expect(named).toEqual(keys.filter(key => key.standing === 'supported').map(key => key.name))
  })
})

describe('what is wrong', () => {
  test('is reported all at once, one line each, with its place', async () => {
    await write('job_queue_sise=3\nmax_request_size=lots\ninference_address=nope')
    const argv = ['--model-store', 'nowhere', '--tracing', 'zipkin', '--bogus']
    expect(await problemsOf({ argv, env: { TS_LOG_LEVEL: 'loud' } })).toEqual([
      'Unknown flag --bogus',
      'Unknown key job_queue_sise in config.properties line 1; did you mean job_queue_size?',
      'inference_address=nope (config.properties line 3): Invalid binding address: nope; expected http://host[:port], https://host[:port] or unix:/absolute/path',
      'max_request_size=lots (config.properties line 2): expected a whole number from 1 to 2147483647',
      'log_level=loud (TS_LOG_LEVEL): expected one of debug, info, warn, error, silent',
      'tracing=zipkin (--tracing): expected one of none, jaeger, otlp',
      '--model-store directory not found: nowhere',
    ])
  })

  test('a very long list of problems is cut', async () => {
    await write(Array.from({ length: 500 }, (_, i) => `qqqqqq${i}=1`).join('\n'))
    const problems = await problemsOf()
    expect(problems).toHaveLength(21)
    expect(problems.at(-1)).toBe('and 480 more problems')
  })

  test('hostile text cannot break or flood the report', async () => {
    await write(`\\n\\u001bevil=1\njob_queue_size=\\u001b[2J${'9'.repeat(5000)}`)
    const problems = await problemsOf()
    expect(problems).toHaveLength(2)
    for (const problem of problems) {
      expect(problem).not.toMatch(/\p{Cc}/u)
      expect(problem.length).toBeLessThan(400)
    }
  })

  test('a malformed escape names file and line', async () => {
    await write('a=\\u00')
    expect(await problemsOf()).toEqual([expect.stringContaining('config.properties line 1: malformed')])
  })

  test('the model store must be named and be a folder', async () => {
    expect(await problemsOf({ argv: [] })).toEqual(['Missing mandatory parameter --model-store'])
    await write('x', 'file')
    const argv = ['--model-store', 'file', '--workflow-store', 'nope', '--metrics-config', 'store']
    expect(await problemsOf({ argv })).toEqual([
      '--model-store directory not found: file',
      '--workflow-store directory not found: nope',
      'metrics_config file not found: store',
    ])
  })
})

describe('keys without an effect', () => {
  test('of Python and Java are accepted with one warning for all', async () => {
    await write('number_of_netty_threads=32\ninstall_py_dep_per_model=true\nenable_envvars_config=true')
    expect((await load()).warnings).toEqual([
      'Accepted without effect, as they are for Python, Java, GPUs or other versions: ' +
        'number_of_netty_threads, install_py_dep_per_model',
    ])
  })

  test('of features to come are a warning only when they differ from their defaults', async () => {
    await write('grpc_inference_port=7070\nservice_envelope=body\nts_header_key_sequence_id=my_id')
    expect((await load()).warnings).toEqual(['Not supported yet, ignored: ts_header_key_sequence_id'])
  })

  test('that ask for more safety than there is stop the start', async () => {
    await write('enable_grpc_ssl=true')
    expect(await problemsOf()).toEqual([
      'enable_grpc_ssl=true needs certificate_file and private_key_file; gRPC does not read the keystore',
    ])
    await write('enable_grpc_ssl=true\nenable_grpc=false')
    expect((await load()).config.grpc.isServed).toBe(false)
  })
})

describe('variables', () => {
  test('that belong to no key are a warning, with the nearest name', async () => {
    const { warnings } = await load({
      env: { TS_JOB_QUEUE_SISE: '1', TS_NODE_PROJECT_X: 'x', TS_BENCHMARK: '1' },
    })
    expect(warnings).toEqual([
      'TS_JOB_QUEUE_SISE is ignored: no key has this variable; did you mean TS_JOB_QUEUE_SIZE?',
      'TS_NODE_PROJECT_X is ignored: no key has this variable',
    ])
  })

  test('of keys that the environment may not set are ignored with a warning', async () => {
    const { warnings, config } = await load({ env: { TS_METRIC_TIME_INTERVAL: '5', TS_MODELS: '{}' } })
    expect(config.metrics.hostIntervalMs).toBe(60_000)
    expect(warnings).toEqual([
      'TS_METRIC_TIME_INTERVAL is ignored: metric_time_interval is not read from the environment',
      'TS_MODELS is ignored: models is not read from the environment',
    ])
  })

  test('set allowed_urls only when the file lets them', async () => {
    const env = { TS_ALLOWED_URLS: 'https://a/.*' }
    const refused = await load({ env })
    expect(refused.config.models.allowedUrls).toEqual([])
    expect(refused.warnings).toEqual(['TS_ALLOWED_URLS is ignored: use_env_allowed_urls is not true'])
    await write('use_env_allowed_urls=true')
    expect((await load({ env })).config.models.allowedUrls).toEqual(['https://a/.*'])
  })
})

describe('the result', () => {
  test('is frozen all the way down', async () => {
    await write('models={"a":{"1.0":{"batchSize":8}}}')
    const { config, command, sources } = await load({ argv: ['--model-store', 'store', '--models', 'a.mar'] })
    const unfrozen: string[] = []
    const visit = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) unfrozen.push(path)
      for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`)
    }
    visit({ config, command, sources }, '')
    expect(unfrozen).toEqual([''])
    expect(config.models.settings.a?.['1.0']?.batchSize).toBe(8)
  })

  test('has absolute paths and milliseconds', async () => {
    await write('default_response_timeout=5')
    const { config } = await load()
    expect(config.models.store).toBe(join(cwd, 'store'))
    expect(config.workers.responseTimeoutMs).toBe(5000)
  })

  test('describes what differs from the defaults', async () => {
    await write('job_queue_size=100\nlog_level=debug\ntracing=otlp\notlp_endpoint=http://me:secret@otel:4318')
    expect((await load()).describe()).toEqual({
      model_store: 'store',
      log_level: 'debug',
      tracing: 'otlp',
      otlp_endpoint: 'http://***@otel:4318',
    })
  })

  test('never shows a secret, not even in an error', async () => {
    await write('keystore_pass=hunter2')
    expect((await load()).describe()).toEqual({ model_store: 'store', keystore_pass: '***' })
    await write('keystore_pass=hunter2\njob_queue_size=x')
    expect((await problemsOf()).join()).not.toContain('hunter2')
  })
})

describe('commands other than start', () => {
  test.each([['--help'], ['--version'], ['--stop']])('%s reads and checks nothing', async flag => {
    await write('rubbish=1')
    const { config, warnings } = await load({ argv: [flag] })
    expect(config.models.store).toBe('')
    expect(warnings).toEqual([])
  })

  test('stop still refuses flags that do not exist', async () => {
    expect(await problemsOf({ argv: ['--stop', '--bogus'] })).toEqual(['Unknown flag --bogus'])
  })
})
