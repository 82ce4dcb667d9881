/** examples/clients/grpcurl.sh as it stands, with a grpcurl that knows of the server what reflection tells. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { probabilitiesOf } from '../support/http.ts'
import { makeStore } from '../support/model-store.ts'
import { home, startTestServer } from '../support/server.ts'

test('the script lists the services, and its requests are answered', async () => {
  const store = await makeStore()
  await store.addDigits()
  const server = await startTestServer(store)
  const bin = await mkdtemp(join(tmpdir(), 'sconce-grpcurl-'))
  onTestFinished(async () => {
    await server.stop()
    await store.remove()
    await rm(bin, { recursive: true, force: true })
  })
  const program = join(home, 'test/support/grpcurl.ts')
  await writeFile(join(bin, 'grpcurl'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  await chmod(join(bin, 'grpcurl'), 0o755)
  const { stdout } = await promisify(execFile)('sh', ['examples/clients/grpcurl.sh'], {
    cwd: home,
    env: {
      ...process.env,
      PATH: `${bin}:${process.env['PATH']}`,
      SCONCE_GRPC: server.server.grpc?.inference ?? '',
    },
  })
  const lines = stdout.trimEnd().split('\n')
  const [ready = '', predicted = ''] = lines.splice(-2)
  expect(lines).toEqual([
    'org.pytorch.serve.grpc.inference.InferenceAPIsService',
    'inference.GRPCInferenceService',
    'org.pytorch.serve.grpc.openinference.GRPCInferenceService',
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
  ])
  expect(JSON.parse(ready)).toEqual({ ready: true })
  const { prediction } = JSON.parse(predicted) as { prediction: string }
  expect(probabilitiesOf(JSON.parse(Buffer.from(prediction, 'base64').toString()))[7]).toBeGreaterThan(0.9)
})
