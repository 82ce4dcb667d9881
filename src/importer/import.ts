import { TorchArchive } from './archive.ts'
import type { Initializer } from './constants.ts'
import { factsOf } from './dtypes.ts'
import { Evaluator } from './evaluator.ts'
import { countNodes, finishGraph } from './finish.ts'
import { Guess } from './guess.ts'
import { showInput, type InputSpec } from './inputs.ts'
import { toBytes, writeModel } from './model-file.ts'
import { OPSET } from './onnx.ts'
import { Arguments, outputsOf } from './program-io.ts'
import { asFailure, refusal, refuse } from './refusal.ts'
import type { Port, Scope } from './scope.ts'
import type { StateDict } from './state-dict.ts'
import { sizeAt } from './sizes-at.ts'
import { show } from './sym.ts'
import { Untold } from './tensor.ts'
import type { FunctionDef } from './syntax.ts'

const MAX_INPUTS = 32
/** How many times as large as the file the graph's constants may be. */
const MAX_GROWTH = 8
const MIN_LIMIT = 256 * 1024 * 1024

export type Stage = 'reading' | 'evaluating' | 'building'

export interface ImportOptions {
  /** One per tensor that `forward` takes, in its order. Guessed where the first use tells, if left out. */
  readonly inputs?: readonly InputSpec[]
  /** Weights that stand for the archive's own, by name: all of them, in their shapes. */
  readonly weights?: StateDict
  /** Called when a stage begins. */
  readonly onStage?: (stage: Stage) => void
}

export interface PortReport {
  readonly name: string
  readonly dtype: string
  /** Numbers as digits, symbols by name. */
  readonly shape: readonly string[]
}

export interface ImportReport {
  readonly nodes: number
  readonly opset: number
  readonly inputs: readonly PortReport[]
  readonly outputs: readonly PortReport[]
  /** How many numbers the constants have, and their bytes. */
  readonly parameters: number
  readonly parameterBytes: number
  readonly warnings: readonly string[]
  /** Inputs that were guessed, as `--input` would say them. */
  readonly guessed: readonly string[]
}

export interface OutputShape {
  readonly name: string
  readonly shape: readonly (number | undefined)[] | undefined
}

/** An imported model. It reads its weights from the archive when it is written: `close` it afterwards. */
export interface ImportResult {
  readonly report: ImportReport
  /** Where in the model's code something of the graph comes from: by the name of a node or an output. */
  originOf(name: string): string | undefined
  /** The shapes of the outputs where the symbols of the inputs have these sizes; undefined where only data tells. */
  outputShapes(symbols: ReadonlyMap<string, number>): readonly OutputShape[]
  /** The ONNX model; weights go to `path.data` where they are too many for one file. */
  write(path: string): Promise<void>
  /** The same as one buffer. Throws IMPORT_REFUSED above 2 GiB. */
  bytes(): Buffer
  close(): void
}

/**
 * Reads a TorchScript archive and turns its `forward` into an ONNX graph. Throws IMPORT_REFUSED, with the place in the
 * model's code, for whatever cannot be turned into a graph that gives the same answers.
 */
export async function importTorchScript(path: string, options: ImportOptions = {}): Promise<ImportResult> {
  options.onStage?.('reading')
  const archive = open(path)
  try {
    checkKind(archive)
    options.onStage?.('evaluating')
    const { evaluator, outputs, guessed } = evaluate(archive, options)
    options.onStage?.('building')
    const { context } = evaluator
    const initializers = evaluator.run(() => finishGraph(context, outputs))
    checkSize(initializers, archive.zip.fileSize)
    const scope = context.g.top
    const report = reportOf(scope, initializers, {
      warnings: [...context.warnings, ...lostSymbols(scope)],
      guessed,
    })
    return {
      report,
      originOf: name => originOf(evaluator, scope, name),
      outputShapes: symbols => scope.outputs.map(output => shapeAt(output, symbols)),
      write: file => writeModel(file, scope, initializers),
      bytes: () => asFailure(() => toBytes(scope, initializers)),
      close: () => archive.close(),
    }
  } catch (error) {
    archive.close()
    throw error
  }
}

/** Views may show the same bytes many times: a small file must not fill the disk. */
function checkSize(initializers: readonly Initializer[], fileSize: number): void {
  const bytes = initializers.reduce((sum, each) => sum + each.byteLength, 0)
  const limit = Math.max(fileSize * MAX_GROWTH, MIN_LIMIT)
  if (bytes > limit)
    throw refusal(
      `its graph would have ${bytes} bytes of constants, which is more than ${MAX_GROWTH} times the file`,
    )
}

function open(path: string): TorchArchive {
  try {
    return new TorchArchive(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw refusal('there is no such file')
    throw error
  }
}

function checkKind({ kind }: TorchArchive): void {
  if (kind === 'torchscript') return
  const what = {
    weights: 'it holds only weights (torch.save of a state_dict or of a whole model) and no program',
    exported: 'it is a torch.export archive (.pt2), which is not supported',
    unknown: 'it is a zip archive without TorchScript in it',
  }[kind]
  throw refusal(
    `${what}; save the program with torch.jit.script(model).save("model.pt") or torch.jit.trace(model, example).save("model.pt")`,
  )
}

interface Evaluated {
  readonly evaluator: Evaluator
  readonly outputs: ReturnType<typeof outputsOf>
  readonly guessed: readonly string[]
}

/** Evaluates `forward`; without described inputs, again and again until each is guessed. */
function evaluate(archive: TorchArchive, options: ImportOptions): Evaluated {
  const given = options.inputs
  const guessed = new Map<number, Omit<InputSpec, 'name'>>()
  for (let attempt = 0; attempt < MAX_INPUTS; attempt++) {
    const evaluator = new Evaluator(archive, options.weights?.tensors)
    evaluator.context.guessed = guessed
    const args = new Arguments(evaluator.context, { given, guessed })
    try {
      const outputs = evaluator.run(() => runForward(evaluator, args))
      const shown = [...guessed].map(([index, spec]) => showInput({ name: args.names[index] ?? '', ...spec }))
      return { evaluator, outputs, guessed: shown }
    } catch (error) {
      if (error instanceof Untold) throw untold(args.names, guessed)
      if (!(error instanceof Guess)) throw error
      guessed.set(error.input, error.spec)
    }
  }
  throw refusal(`it has more than ${MAX_INPUTS} inputs`)
}

function runForward(evaluator: Evaluator, args: Arguments): ReturnType<typeof outputsOf> {
  const root = evaluator.objects.root()
  const definition: FunctionDef | undefined =
    root.type.methods.get('forward') ?? root.type.methods.get('forward__0')
  if (definition === undefined) return refuse('its module has no forward')
  const value = evaluator.callFunction(definition, [root, ...args.of(definition)])
  return outputsOf(evaluator.context, value)
}

function untold(names: readonly string[], guessed: ReadonlyMap<number, unknown>) {
  const example = names.map(name => `--input "${name}=float32[batch,...]"`).join(' ')
  const which = names.filter((_, index) => !guessed.has(index)).join(', ')
  return refusal(
    `the archive does not say the shape of its input ${which}, and the first use of it does not tell; describe ` +
      `every input in the order of forward's arguments, such as ${example} with a number or a symbol per dimension, ` +
      'or under inputs: in model-config.yaml',
  )
}

function reportOf(
  scope: Scope,
  initializers: readonly Initializer[],
  more: Pick<ImportReport, 'warnings' | 'guessed'>,
): ImportReport {
  return {
    nodes: countNodes(scope),
    opset: OPSET,
    inputs: scope.inputs.map(portReport),
    outputs: scope.outputs.map(portReport),
    parameters: initializers.reduce((sum, each) => sum + each.byteLength / factsOf(each.dtype).bytes, 0),
    parameterBytes: initializers.reduce((sum, each) => sum + each.byteLength, 0),
    ...more,
  }
}

function originOf({ origins }: Evaluator, scope: Scope, name: string): string | undefined {
  const maker = scope.nodes.find(node => node.outputs.includes(name))
  return origins.get(name) ?? origins.get(maker?.name ?? '')
}

function shapeAt({ name, shape }: Port, symbols: ReadonlyMap<string, number>): OutputShape {
  const sizes = shape?.map(size => sizeAt(size, symbols))
  return { name, shape: sizes?.map(size => (size === undefined ? undefined : Number(size))) }
}

function portReport({ name, dtype, shape }: Port): PortReport {
  return { name, dtype: factsOf(dtype).name, shape: (shape ?? []).map(show) }
}

/** A trace may have baked an example's size in: then the symbol of an input is in no output. */
function lostSymbols(scope: Scope): string[] {
  const shown = scope.outputs.map(output => (output.shape ?? []).map(show).join(' ')).join(' ')
  const symbols = new Set(
    scope.inputs.flatMap(input => (input.shape ?? []).filter(size => typeof size !== 'bigint').map(show)),
  )
  return [...symbols]
    .filter(symbol => !new RegExp(`\\b${symbol}\\b`).test(shown) && symbol === 'batch')
    .map(
      symbol =>
        `no output has the size ${symbol}: either the model reduces it, or its trace holds the size of the example`,
    )
}
