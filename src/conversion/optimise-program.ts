/**
 * The program that lays one graph out for this machine: a process of its own, fenced in by Node's permission model. It
 * writes the optimised graph and its prepacked weights, then runs both graphs and compares each bit of what they answer.
 */
import { writeSync } from 'node:fs'
import { openSession, saveOptimised, type ModelSession } from '../runtime/session.ts'
import { batchSymbols, FILLS, makeInputs, plansFor } from '../runtime/trial.ts'
import type { Tensor, Tensors } from '../runtime/tensor.ts'
import type { OptimiseMessage, OptimiseOrder } from './graph-messages.ts'

// The graph cache that started it wrote the argument.
const order = JSON.parse(process.argv[2] ?? '{}') as OptimiseOrder

try {
  say(await optimise(order))
} catch (error) {
  say({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
}

async function optimise({ file, output }: OptimiseOrder): Promise<OptimiseMessage> {
  await saveOptimised(file, output)
  const plain = await openSession(file, { threads: 1 })
  const optimised = await openSession(output, { threads: 1, isOptimised: false })
  const tried = await findInputs(plain)
  if (tried === undefined) return { type: 'done', compared: false }
  const { inputs, wanted } = tried
  const got = await optimised.run(inputs)
  const different = Object.keys(wanted).find(name => !isEqual(wanted[name], got[name]))
  if (different === undefined) return { type: 'done', compared: true }
  return { type: 'failed', reason: `the optimised graph answers differently in ${different}` }
}

/** Inputs of one row that the graph runs with, and what it answers; undefined where none of those that are tried are. */
async function findInputs(session: ModelSession): Promise<{ inputs: Tensors; wanted: Tensors } | undefined> {
  const { inputs: infos } = session.graph
  const batches = batchSymbols(infos)
  for (const plan of plansFor(infos)) {
    const sizes = new Map([...plan.sizes].map(([symbol, size]) => [symbol, batches.has(symbol) ? 1 : size]))
    for (const fill of FILLS) {
      const inputs = makeInputs(infos, sizes, fill)
      const wanted = await session.run(inputs).catch(() => undefined)
      if (wanted !== undefined) return { inputs, wanted }
    }
  }
  return undefined
}

function isEqual(left: Tensor | undefined, right: Tensor | undefined): boolean {
  if (left === undefined || right === undefined) return false
  if (Array.isArray(left.data) || Array.isArray(right.data)) return String(left.data) === String(right.data)
  return bytesOf(left.data).equals(bytesOf(right.data))
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function say(message: OptimiseMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let done = 0; done < line.length;) done += writeSync(3, line, done)
}
