/** The only file that knows how to use onnxruntime-node. */
import { basename, dirname, sep } from 'node:path'
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { failureWith } from '../errors.ts'
import { checkInputs, refuseEmpty } from './check-inputs.ts'
import { InvalidInput } from './handler.ts'
import type { Session } from './handler.ts'
import { ort } from './onnxruntime.ts'
import type { GraphInfo, Tensor, TensorInfo, Tensors } from './tensor.ts'

export interface SessionOptions {
  /** Threads of one run. */
  readonly threads: number
  /**
   * False keeps the graph's nodes and their names as they stand in the file: for one that `saveOptimised` has written, and
   * for finding out what is wrong.
   */
  readonly isOptimised?: boolean
  /** Operators of the graph that end the process when a tensor without elements comes to them: none may come in. */
  readonly fatalOnEmpty?: readonly string[]
}

/** A model loaded into ONNX Runtime; `run` accepts only what the graph takes. */
export interface ModelSession extends Session {
  /** Gives the model's memory back; nothing may be run afterwards. */
  close(): Promise<void>
}

/** Loads an ONNX file. INVALID_MODEL with ONNX Runtime's reason, free of paths, where it is refused. */
export async function openSession(file: string, options: SessionOptions): Promise<ModelSession> {
  ort.env.logLevel = 'error'
  const { fatalOnEmpty = [] } = options
  let session: InferenceSession
  try {
    session = await ort.InferenceSession.create(file, sessionOptions(options))
  } catch (cause) {
    throw failureWith({ cause }, 'INVALID_MODEL', refusal(file, cause))
  }
  const graph: GraphInfo = {
    inputs: session.inputMetadata.map(toInfo),
    outputs: session.outputMetadata.map(toInfo),
  }
  return {
    graph,
    run: async inputs => {
      checkInputs(graph, inputs)
      if (fatalOnEmpty.length > 0) refuseEmpty(inputs, fatalOnEmpty)
      return run(session, graph, inputs)
    },
    close: () => session.release(),
  }
}

/** How much an initializer has to hold to lie in the file with the weights. */
const LEAST_EXTERNAL_BYTES = '1024'

/**
 * Writes the graph as ONNX Runtime runs it on this machine: optimised, with the weights in the order in which its kernels
 * read them, in a file beside it that is mapped and not read. It is to be opened with `isOptimised: false`, by the same
 * version of ONNX Runtime and on the same kind of processor only.
 */
export async function saveOptimised(file: string, output: string): Promise<void> {
  ort.env.logLevel = 'error'
  const options = sessionOptions({ threads: 1 })
  const session = await ort.InferenceSession.create(file, {
    ...options,
    optimizedModelFilePath: output,
    extra: {
      session: {
        ...NO_SPINNING,
        optimized_model_external_initializers_file_name: `${basename(output)}.data`,
        optimized_model_external_initializers_min_size_in_bytes: LEAST_EXTERNAL_BYTES,
        save_external_prepacked_constant_initializers: '1',
      },
    },
  })
  await session.release()
}

/** Threads that spin between runs take the cores from the other workers. */
const NO_SPINNING = { intra_op: { allow_spinning: '0' } }

function sessionOptions({ threads, isOptimised = true }: SessionOptions): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: isOptimised ? 'all' : 'disabled',
    logSeverityLevel: 3,
    extra: { session: NO_SPINNING },
  }
}

async function run(session: InferenceSession, graph: GraphInfo, inputs: Tensors): Promise<Tensors> {
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toOrt(tensor)]))
  try {
    const results = await session.run(feeds)
    return Object.fromEntries(graph.outputs.map(({ name }) => [name, fromOrt(results[name])]))
  } catch (error) {
    throw inputFault(error)
  }
}

/**
 * What only the run can tell about the input: a rank that the graph does not declare, a token id beyond the table.
 * ONNX Runtime's Node binding gives errors no code, so its texts have to do.
 */
function inputFault(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const text = error.message
  const about = /^(?:Invalid rank for input|Got invalid dimensions for input): /.test(text)
    ? text
    : /indices element out of data bounds.*/.exec(text)?.[0]
  if (about === undefined) return error
  const short = about.replace('Please fix either the inputs/outputs or the model.', '').replace(/\s+/g, ' ')
  return new InvalidInput(`The model refuses the input: ${short.trim()}`)
}

function toOrt({ type, data, dims }: Tensor): OrtTensor {
  if (type === 'float16') {
    // OrtTensor turns the bits into a Float16Array where the platform has one, which the native side of 1.30 cannot
    // read ("not enough space"). That side takes any object with these fields, so it gets the bits without the class.
    return { type, data, dims, location: 'cpu' } as unknown as OrtTensor
  }
  // The constructor has one overload per type; checkInputs has seen that type and data belong together.
  return new ort.Tensor(type as 'float32', data as Float32Array, dims)
}

function fromOrt(tensor: OrtTensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('ONNX Runtime left an output out')
  const { data, dims } = tensor
  if (tensor.type === 'float16') {
    // Declared as numbers; it is a Uint16Array, or a Float16Array where the platform has one: the same bits either way.
    const view = data as unknown as Uint16Array
    return { type: 'float16', dims, data: new Uint16Array(view.buffer, view.byteOffset, view.length) }
  }
  // toInfo has refused graphs with other types when the model was loaded.
  return { type: tensor.type as Tensor['type'], dims, data }
}

function toInfo(metadata: InferenceSession.ValueMetadata): TensorInfo {
  if (!metadata.isTensor) {
    throw failureWith(
      {},
      'INVALID_MODEL',
      `The graph's "${metadata.name}" is a sequence or a map, only tensors can be served ` +
        '(scikit-learn models: export them with zipmap=False)',
    )
  }
  const { name, type, shape } = metadata
  if (type === 'uint4' || type === 'int4') {
    throw failureWith({}, 'INVALID_MODEL', `The graph's "${name}" has type ${type}, which cannot be served`)
  }
  return { name, type, shape }
}

function refusal(file: string, cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  const reason = text
    .replaceAll(dirname(file) + sep, '')
    .replace(/^Load model from .*? failed:/, '')
    // Where in its own source ONNX Runtime noticed.
    .replace(/\/onnxruntime_src\/\S+/g, '')
    .replace(/\s+/g, ' ')
  return `ONNX Runtime refuses ${basename(file)}: ${reason.trim().slice(0, 500)}`
}
