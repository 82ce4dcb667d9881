/** The lines that TorchServe's users have in their scripts, run as they stand, as processes of their own. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freshFolders } from '../support/archive-fixtures.ts'

const root = join(import.meta.dirname, '../..')
const fixtures = join(root, 'test/fixtures')
const fresh = freshFolders()

const labels = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [index, `label-${index}`]))

const running: Desk[] = []
afterEach(async () => {
  for (const desk of running.splice(0)) await desk.run('torchserve --stop')
})

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Desk {
  readonly cwd: string
  readonly management: string
  readonly inference: string
  /** Runs a line, with our programs under their names. */
  readonly run: (line: string) => Promise<Said>
}

/** A folder with a model and its labels, programs on the path, and ports that nobody has. */
async function sitDown(): Promise<Desk> {
  const home = await fresh()
  const [cwd, bin, tmp] = [join(home, 'cwd'), join(home, 'bin'), join(home, 'tmp')]
  for (const dir of [cwd, bin, tmp, join(cwd, 'model_store')]) await mkdir(dir)
  for (const program of ['sconce', 'torchserve', 'torch-model-archiver']) {
    // As npm does it: a link under the program's name.
    const script = join(bin, `${program}.ts`)
    await symlink(join(root, 'src/cli', `${program}.ts`), script)
    await writeFile(join(bin, program), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`, {
      mode: 0o755,
    })
  }
  await copyFile(join(fixtures, 'vision/tiny_resnet.onnx'), join(cwd, 'model.onnx'))
  await writeFile(join(cwd, 'index_to_name.json'), JSON.stringify(labels))
  const [inference, management, metrics, ...grpc] = await freePorts(5)
  const env = {
    PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`,
    TMPDIR: tmp,
    TS_INFERENCE_ADDRESS: `http://127.0.0.1:${inference}`,
    TS_MANAGEMENT_ADDRESS: `http://127.0.0.1:${management}`,
    TS_METRICS_ADDRESS: `http://127.0.0.1:${metrics}`,
    TS_GRPC_INFERENCE_PORT: String(grpc[0]),
    TS_GRPC_MANAGEMENT_PORT: String(grpc[1]),
    TS_DEFAULT_WORKERS_PER_MODEL: '1',
  }
  const desk: Desk = {
    cwd,
    management: env.TS_MANAGEMENT_ADDRESS,
    inference: env.TS_INFERENCE_ADDRESS,
    run: line => runLine(line, cwd, env),
  }
  running.push(desk)
  return desk
}

function runLine(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Said> {
  return new Promise(resolve => {
    execFile('/bin/sh', ['-c', line], { cwd, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

/** Ports that were free a moment ago, all of them different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}

const ARCHIVE =
  'torch-model-archiver --model-name resnet18 --version 1.0 --serialized-file model.onnx --extra-files ' +
  'index_to_name.json --handler image_classifier --export-path model_store'
const START = 'torchserve --start --ncs --model-store model_store --models resnet18=resnet18.mar'

test('the lines of TorchServe’s README archive, start, serve and stop', async () => {
  const { cwd, run, inference } = await sitDown()
  expect(await run(ARCHIVE)).toMatchObject({ code: 0, err: '' })
  expect(await readdir(join(cwd, 'model_store'))).toEqual(['resnet18.mar'])
  const started = await run(START)
  expect(started).toMatchObject({ code: 0, err: '' })
  expect(await (await fetch(`${inference}/ping`)).json()).toEqual({ status: 'Healthy' })

  const again = await run(START)
  expect(again.code).toBe(1)
  expect(again.err).toContain(
    'TorchServe is already running, please use torchserve --stop to stop TorchServe.',
  )

  const body = await readFile(join(fixtures, 'digits/digit_0_a.png'))
  const answer = await fetch(`${inference}/predictions/resnet18`, { method: 'PUT', body })
  const found = Object.keys((await answer.json()) as object)
  expect(found).toHaveLength(5)
  expect(Object.values(labels)).toEqual(expect.arrayContaining(found))

  expect(await run('torchserve --stop')).toMatchObject({ code: 0, out: 'TorchServe has stopped.\n' })
  expect(await run('torchserve --stop')).toMatchObject({
    code: 0,
    out: 'TorchServe is not currently running.\n',
  })
  await expect(fetch(`${inference}/ping`)).rejects.toThrow('fetch failed')
  // --ncs: no snapshots.
  expect(await readdir(join(cwd, 'logs'))).not.toContain('config')
})

test('sconce models looks at the running server and changes it', async () => {
  const { run, management } = await sitDown()
  await run(`${ARCHIVE.replace('--version 1.0', '--version 2.0')} --force`)
  await run(`${START} --enable-model-api`)
  const models = (line: string) => run(`sconce models ${line} --management-address ${management}`)

  const listed = await models('list')
  expect(listed).toMatchObject({ code: 0, err: '' })
  expect(listed.out).toMatch(/^resnet18 +2\.0 +yes +/m)
  expect((await models('describe resnet18')).out).toMatch(/ {2}modelUrl +resnet18\.mar\n/)

  expect(await models('register resnet18.mar --name second')).toMatchObject({
    code: 0,
    out: 'Model "second" Version: 2.0 registered with 1 initial workers\n',
  })
  expect(await models('register resnet18.mar')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^409 /),
  })
  expect(await models('scale second --min-workers 2')).toMatchObject({
    code: 0,
    out: 'Workers scaled to 2 for model: second\n',
  })
  const versions = JSON.parse((await models('list --json')).out) as {
    modelName: string
    workers: unknown[]
  }[]
  expect(versions.map(({ modelName, workers }) => [modelName, workers.length])).toEqual([
    ['resnet18', 1],
    ['second', 2],
  ])
  expect(await models('default second 2.0')).toMatchObject({ code: 0 })
  expect(await models('rm second')).toMatchObject({ code: 0, out: 'Model "second" unregistered\n' })
  expect(await models('describe second')).toMatchObject({ code: 1, err: '404 Model not found: second\n' })
})

test('a config in protobuf’s text form declares one model', async () => {
  const { cwd, run, management } = await sitDown()
  await copyFile(join(cwd, 'model.onnx'), join(cwd, 'model_store/net.onnx'))
  const lines = [
    'name: "resnet"  # ours',
    'handler: "torchscript"',
    'model_path: "model_store/net.onnx"',
    'device: "cpu"',
  ]
  await writeFile(join(cwd, 'config.pbtxt'), lines.join('\n'))
  expect(await run('torchserve --start --ncs --ts-config config.pbtxt')).toMatchObject({ code: 0, err: '' })
  const { out } = await run(`sconce models list --management-address ${management}`)
  expect(out).toMatch(/^resnet +1\.0 +yes .*net\.onnx$/m)
})

test('a config in protobuf’s text form that is wrong stops the start with its line', async () => {
  const { cwd, run } = await sitDown()
  await writeFile(join(cwd, 'config.pbtxt'), 'name: "resnet"\nmodle_path: "x"')
  const { code, err } = await run('torchserve --start --foreground --ncs --ts-config config.pbtxt')
  expect(code).toBe(1)
  expect(err).toContain('config.pbtxt line 2: unknown field modle_path; did you mean model_path?')
})
