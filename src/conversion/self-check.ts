/**
 * Runs an imported graph with several sizes: a trace holds the sizes of its example where the program computed with
 * them, and such a graph fails, or answers in another shape than it says, as soon as the sizes change.
 */
import { failure, type Failure } from '../errors.ts'
import type { ImportResult } from '../importer/import.ts'
import { showInput } from '../importer/inputs.ts'
import { openSession, type ModelSession } from '../runtime/session.ts'
import { showShape, type Tensor, type Tensors } from '../runtime/tensor.ts'
import {
  batchSymbols,
  FILLS,
  makeInputs,
  plansFor,
  type Fill,
  type Plan,
  type Sizes,
} from '../runtime/trial.ts'

type Imported = Pick<ImportResult, 'report' | 'originOf' | 'outputShapes'>

/** Something that a run showed: which symbol it was that had changed, and what came of it. */
class Complaint extends Error {
  override readonly name = 'Complaint'
  readonly symbol: string | undefined
  constructor(what: string, symbol?: string) {
    super(what)
    this.symbol = symbol
  }
}

/** Resolves to warnings; plans before `firstPlan` are left out. Throws IMPORT_REFUSED where the graph does not run, or not as it promises. */
export async function checkGraph(file: string, imported: Imported, firstPlan: number): Promise<string[]> {
  const session = await openSession(file, { threads: 1 }).catch((error: unknown) => {
    throw refuse(`ONNX Runtime does not take its graph: ${located(messageOf(error), imported)}`)
  })
  try {
    return await new SelfCheck(file, session, imported).run(firstPlan)
  } finally {
    await session.close()
  }
}

class SelfCheck {
  readonly #file: string
  readonly #session: ModelSession
  readonly #imported: Imported

  constructor(file: string, session: ModelSession, imported: Imported) {
    this.#file = file
    this.#session = session
    this.#imported = imported
  }

  async run(firstPlan: number): Promise<string[]> {
    const complaints: Complaint[] = []
    for (const plan of plansFor(this.#session.graph.inputs).slice(firstPlan)) {
      const result = await this.#try(plan)
      if (!(result instanceof Complaint)) return result
      complaints.push(result)
    }
    // A run that fails only when one symbol changes says more than one that did not fit the model at all.
    const telling = complaints.find(({ symbol }) => symbol !== undefined) ?? complaints.at(-1)
    const what = telling?.message ?? 'ONNX Runtime ends with every size that was tried'
    throw refuse(`${what}${this.#advice(telling?.symbol)}`)
  }

  async #try({ sizes, variations }: Plan): Promise<string[] | Complaint> {
    try {
      const first = await this.#answers(sizes, undefined)
      const warnings = Object.entries(first)
        .filter(([, tensor]) => !isFinite(tensor))
        .map(([name]) => `the output ${name} is not finite for the numbers from 0 to 1 that the check tried`)
      for (const { symbol, sizes: changed } of variations) {
        const answers = await this.#answers(changed, symbol)
        if (changed.get(symbol) === 1 && this.#hasMixedRows(symbol, first, answers))
          warnings.push(
            `what it answers to a row depends on the other rows of ${symbol}: serve it with batchSize 1 ` +
              '(was the model saved in training mode? model.eval() comes before saving)',
          )
      }
      return warnings
    } catch (error) {
      if (error instanceof Complaint) return error
      throw error
    }
  }

  /** The outputs, in the shapes that were promised. */
  async #answers(sizes: Sizes, symbol: string | undefined): Promise<Tensors> {
    const answers = await this.#runWithAnyFill(sizes, symbol)
    for (const { name, shape } of this.#imported.outputShapes(sizes)) {
      const dims = answers[name]?.dims ?? []
      if (shape === undefined) continue
      if (
        shape.length === dims.length &&
        shape.every((size, axis) => size === undefined || size === dims[axis])
      )
        continue
      const origin = this.#imported.originOf(name)
      throw new Complaint(
        `${origin === undefined ? '' : `${origin}: `}its output ${name} should have the shape ` +
          `${showShape(shape.map(size => size ?? ''))} and has ${showShape(dims)} with ${showSizes(sizes)}`,
        symbol,
      )
    }
    return answers
  }

  async #runWithAnyFill(sizes: Sizes, symbol: string | undefined): Promise<Tensors> {
    const isNumeric = this.#session.graph.inputs.every(({ type }) => type.startsWith('float'))
    const fills = isNumeric ? FILLS.slice(0, 1) : FILLS
    let why = ''
    for (const fill of fills) {
      try {
        return await this.#session.run(makeInputs(this.#session.graph.inputs, sizes, fill))
      } catch (error) {
        why ||= await this.#explain(sizes, fill, error)
      }
    }
    const also = symbol === undefined ? '' : ', though it runs with other sizes'
    throw new Complaint(`it does not run with ${showSizes(sizes)}${also}: ${why}`, symbol)
  }

  /** The reason with its place in the model's code, which takes a run of the graph as it was written. */
  async #explain(sizes: Sizes, fill: Fill, error: unknown): Promise<string> {
    const plain = await openSession(this.#file, { threads: 1, isOptimised: false })
    try {
      await plain.run(makeInputs(plain.graph.inputs, sizes, fill))
      return located(messageOf(error), this.#imported)
    } catch (again) {
      return located(messageOf(again), this.#imported)
    } finally {
      await plain.close()
    }
  }

  /** Whether the first row's answer changes with the number of rows. Told only where rows lie along axis 0. */
  #hasMixedRows(symbol: string, many: Tensors, one: Tensors): boolean {
    const { graph } = this.#session
    if (!batchSymbols(graph.inputs).has(symbol)) return false
    if (graph.inputs.some(({ shape }) => shape.lastIndexOf(symbol) > 0)) return false
    return this.#imported.report.outputs
      .filter(({ shape }) => shape[0] === symbol && shape.lastIndexOf(symbol) === 0)
      .some(({ name }) => !beginsWith(many[name], one[name]))
  }

  /** How to get a graph all the same: with the size fixed. */
  #advice(symbol: string | undefined): string {
    const { inputs } = this.#imported.report
    const fixed = symbol ?? [...batchSymbols(inputs.map(toShape))][0]
    if (fixed === undefined) return ''
    const flags = inputs.map(input => {
      const shape = input.shape.map(size => (size === fixed ? '1' : size))
      return `--input "${showInput({ ...input, shape })}"`
    })
    return (
      `. A trace may hold the sizes of its example. Fix ${fixed} to the size of the example (1 stands for it here): ` +
      `${flags.join(' ')}, or the same under inputs: in model-config.yaml; or save the model with torch.jit.script`
    )
  }
}

function toShape({ shape }: { readonly shape: readonly string[] }) {
  return { shape: shape.map(size => (/^\d+$/.test(size) ? Number(size) : size)) }
}

function isFinite({ data }: Tensor): boolean {
  return !(data instanceof Float32Array || data instanceof Float64Array) || data.every(Number.isFinite)
}

/** Whether the elements of `start` are the first ones of `whole`, up to what another order of sums makes. */
function beginsWith(whole: Tensor | undefined, start: Tensor | undefined): boolean {
  if (!(whole?.data instanceof Float32Array) || !(start?.data instanceof Float32Array)) return true
  const { data } = whole
  return start.data.every((value, index) => {
    const other = data[index] ?? Number.NaN
    return Object.is(value, other) || Math.abs(value - other) <= 1e-3 * Math.max(1, Math.abs(value))
  })
}

/** ONNX Runtime's reason, led by the place in the model's code of the node that it names. */
function located(text: string, { originOf }: Imported): string {
  const node = /Name:'([^']*)'/.exec(text)?.[1] ?? /Node ?[(:]'?([^'() ]+)/.exec(text)?.[1] ?? ''
  const origin = originOf(node)
  const reason = text.replace(/^.*Status Message: /s, '').replace(/\/onnxruntime_src\/\S+/g, '')
  const short = reason.replace(/\s+/g, ' ').trim().slice(0, 300)
  return origin === undefined ? short : `${origin}: ${short}`
}

function showSizes(sizes: Sizes): string {
  return sizes.size === 0 ? 'its sizes' : [...sizes].map(([symbol, size]) => `${symbol}=${size}`).join(', ')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function refuse(what: string): Failure {
  return failure('IMPORT_REFUSED', what)
}
