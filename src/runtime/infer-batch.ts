/** The default of the verb `inference`: several requests in one run of the graph, where the graph allows it. */
import { fromHalf } from './half.ts'
import type { Session } from './handler.ts'
import { joinRows, rowCount, splitRows } from './tensor.ts'
import type { GraphInfo, Tensor, Tensors } from './tensor.ts'

/** What a session's graph was seen to do with rows of different requests. Absent: not yet known. */
type Verdict = 'apart' | 'mixed' | 'apart-if-equal'
const verdicts = new WeakMap<Session, Verdict>()

/** How far an answer may move with the company it ran in, relative to its largest element: rounding, not meaning. */
const TOLERANCE = 0.02

/**
 * One answer or error per entry, in order. Entries whose rows fit together run as one, provided that the first axis
 * of every input and output is symbolic; if such a run fails, its entries run one by one, so that a bad one fails
 * alone. A symbolic first axis need not be the batch (a recurrent net may lead with time), so the first joined run
 * is compared with one entry's run alone, and a graph that lets rows influence each other runs one by one from then on.
 * Entries must have passed checkInputs.
 */
export async function inferBatch(session: Session, batch: readonly Tensors[]): Promise<(Tensors | Error)[]> {
  const groups = groupEntries(session, batch)
  if (groups.length === 1 && groups[0] !== undefined) return inferGroup(session, groups[0])
  const answers = new Map<Tensors, Tensors | Error>()
  for (const group of groups) {
    const results = await inferGroup(session, group)
    for (const [index, entry] of group.entries()) {
      answers.set(entry, results[index] ?? new Error('A run without a result is a bug in inferBatch'))
    }
  }
  return batch.map(
    entry => answers.get(entry) ?? new Error('An entry without an answer is a bug in inferBatch'),
  )
}

function groupEntries(session: Session, batch: readonly Tensors[]): Tensors[][] {
  if (batch.length < 2 || !canJoin(session.graph) || verdicts.get(session) === 'mixed') {
    return batch.map(entry => [entry])
  }
  if (fitTogether(session.graph, batch)) return [[...batch]]
  const groups = new Map<string, Tensors[]>()
  for (const entry of batch) {
    const key = joinKey(session.graph, entry) ?? `alone ${groups.size}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [entry])
    else group.push(entry)
  }
  return [...groups.values()]
}

function canJoin(graph: GraphInfo): boolean {
  return [...graph.inputs, ...graph.outputs].every(({ shape }) => typeof shape[0] === 'string')
}

/** Whether all entries can be joined, which most batches' can: no keys are made for them. */
function fitTogether({ inputs }: GraphInfo, batch: readonly Tensors[]): boolean {
  const [info, ...others] = inputs
  // With several inputs the rows within one entry have to agree, too.
  if (info === undefined || others.length > 0) return false
  const first = batch[0]?.[info.name]
  return first !== undefined && batch.every(entry => isSameRow(entry[info.name], first))
}

function isSameRow(tensor: Tensor | undefined, other: Tensor): boolean {
  if (tensor === undefined || tensor.type !== other.type || tensor.dims.length !== other.dims.length) {
    return false
  }
  // Nothing to compare: see joinKey.
  if (tensor.dims[0] === 0) return false
  for (let axis = 1; axis < other.dims.length; axis++) {
    if (tensor.dims[axis] !== other.dims[axis]) return false
  }
  return true
}

/** Equal for entries that can be joined; undefined where inputs disagree about the rows, or there are none to compare. */
function joinKey(graph: GraphInfo, entry: Tensors): string | undefined {
  const tensors = graph.inputs.flatMap(({ name }) => entry[name] ?? [])
  const rows = tensors.map(rowCount)
  if (rows[0] === 0 || rows.some(count => count !== rows[0])) return undefined
  return tensors.map(({ type, dims }) => `${type} ${dims.slice(1).join(' ')}`).join(', ')
}

async function inferGroup(session: Session, group: readonly Tensors[]): Promise<(Tensors | Error)[]> {
  if (group.length > 1) {
    const answers = await inferJoined(session, group)
    if (answers !== undefined) return answers
  }
  const answers: (Tensors | Error)[] = []
  for (const entry of group) answers.push(await inferAlone(session, entry))
  return answers
}

async function inferAlone(session: Session, entry: Tensors): Promise<Tensors | Error> {
  try {
    return await session.run(entry)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Undefined where the joined run failed or cannot be trusted. */
async function inferJoined(session: Session, group: readonly Tensors[]): Promise<Tensors[] | undefined> {
  const { inputs } = session.graph
  const joined = Object.fromEntries(
    inputs.map(({ name }) => [name, joinRows(group.flatMap(entry => entry[name] ?? []))]),
  )
  const outputs = await inferAlone(session, joined)
  if (outputs instanceof Error) return undefined
  const answers = splitOutputs(
    outputs,
    group.map(entry => rowCount(entry[inputs[0]?.name ?? ''] ?? SCALAR)),
  )
  if (answers === undefined) {
    verdicts.set(session, 'mixed')
    return undefined
  }
  return (await keepsApart(session, group, answers)) ? answers : undefined
}

const SCALAR: Tensor = { type: 'float32', dims: [], data: new Float32Array(1) }

/** Undefined where an output does not have one row per row that went in. */
function splitOutputs(outputs: Tensors, counts: readonly number[]): Tensors[] | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const tensors = Object.entries(outputs)
  if (tensors.some(([, { dims }]) => dims[0] !== total)) return undefined
  const parts = tensors.map(([name, tensor]) => ({ name, rows: splitRows(tensor, counts) }))
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only.rows.map(row => ({ [only.name]: row }))
  return counts.map((_, entry) =>
    Object.fromEntries(
      parts.flatMap(({ name, rows }) => (rows[entry] === undefined ? [] : [[name, rows[entry]]])),
    ),
  )
}

/** Runs the last entry alone, the one that state carried along the rows would have reached, and compares. */
async function keepsApart(
  session: Session,
  group: readonly Tensors[],
  answers: readonly Tensors[],
): Promise<boolean> {
  const verdict = verdicts.get(session)
  if (verdict === 'apart') return true
  const first = group[0]
  const last = group.at(-1)
  const answer = answers.at(-1)
  if (first === undefined || last === undefined || answer === undefined) return false
  // Equal requests prove little: an average over equal rows is each of them.
  const equal = isClose(first, last, 0)
  if (equal && verdict === 'apart-if-equal') return true
  const alone = await inferAlone(session, last)
  if (alone instanceof Error) return false
  const apart = isClose(answer, alone, TOLERANCE)
  if (apart) verdicts.set(session, equal ? 'apart-if-equal' : 'apart')
  else verdicts.set(session, 'mixed')
  return apart
}

function isClose(left: Tensors, right: Tensors, tolerance: number): boolean {
  return Object.entries(left).every(([name, tensor]) => {
    const other = right[name]
    if (other === undefined || other.data.length !== tensor.data.length) return false
    return isCloseTensor(tensor, other, tolerance)
  })
}

function isCloseTensor(left: Tensor, right: Tensor, tolerance: number): boolean {
  const [a, b] = [comparable(left), comparable(right)]
  const floats = a instanceof Float32Array || a instanceof Float64Array
  let largest = 0
  let farthest = 0
  for (let index = 0; index < a.length; index++) {
    const same = Object.is(a[index], b[index])
    if (!same && !floats) return false
    const size = Math.abs(Number(b[index]))
    // Beside an infinity anything would be close.
    if (Number.isFinite(size)) largest = Math.max(largest, size)
    if (!same) farthest = Math.max(farthest, Math.abs(Number(a[index]) - Number(b[index])))
  }
  return farthest === 0 || farthest <= tolerance * largest
}

function comparable({ type, data }: Tensor): Tensor['data'] {
  return type === 'float16' && data instanceof Uint16Array ? fromHalf(data) : data
}
