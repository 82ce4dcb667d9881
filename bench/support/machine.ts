import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Where it was measured: figures of different machines are not comparable. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly sconce: string
  readonly onnxruntime: string
  readonly fastify: string
}

export function describeMachine(): Machine {
  const [cpu] = cpus()
  return {
    cores: availableParallelism(),
    cpu: cpu === undefined ? 'unknown' : cpu.model,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    sconce: versionIn('../../package.json'),
    onnxruntime: versionIn('../../node_modules/onnxruntime-node/package.json'),
    fastify: versionIn('../../node_modules/fastify/package.json'),
  }
}

export function showMachine(machine: Machine): string {
  const { cores, cpu, memoryGb, system, node, sconce, onnxruntime, fastify } = machine
  return (
    `${cores} cores (${cpu}), ${memoryGb} GB, ${system}\n` +
    `Sconce ${sconce}, Node.js ${node}, onnxruntime-node ${onnxruntime}, Fastify ${fastify}`
  )
}

function versionIn(file: string): string {
  const { version } = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { version: string }
  return version
}
