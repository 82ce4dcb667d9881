/**
 * The head of a message, as JSON: what is the same for all items of a batch stands once, the rest in lists without
 * names, since heads are written and read for each batch. Byte arrays go to the tail; their lengths stand in their place.
 */
import type { Answer, FromWorker, Item, Parameter, ToWorker, WireTensor } from './protocol.ts'

export type Message = ToWorker | FromWorker

type Run = Extract<ToWorker, { type: 'run' }>
type Done = Extract<FromWorker, { type: 'done' }>
type Headers = Item['headers']

/** Parameters are name, content type and length in turns; `headers` is an index. */
type PackedItem = readonly [
  requestId: string,
  headers: number,
  parameters: readonly (string | number)[],
  more?: Pick<Item, 'envelope' | 'outputs'> & { readonly tensors?: readonly PackedTensor[] },
]
type PackedTensor = Omit<WireTensor, 'data'> & { readonly data: number }
type PackedAnswer =
  | readonly [
      status: number,
      contentType: string,
      headers: Headers,
      length: number,
      tensors?: readonly PackedTensor[],
    ]
  | Extract<Answer, { ok: false }>

type PackedRun = Omit<Run, 'items'> & {
  readonly headers: readonly Headers[]
  readonly items: readonly PackedItem[]
}
type PackedDone = Omit<Done, 'answers'> & { readonly answers: readonly PackedAnswer[] }

/** What JSON is made of; the byte arrays are appended to `tail`, in the order in which `unpack` takes them. */
export function pack(message: Message, tail: Uint8Array[]): object {
  const put = (bytes: Uint8Array): number => {
    tail.push(bytes)
    return bytes.length
  }
  if (message.type === 'run') return packRun(message, put)
  if (message.type !== 'done') return message
  const answers = message.answers.map(answer => packAnswer(answer, put))
  return { ...message, answers } satisfies PackedDone
}

/** The counterpart of `pack`. `take` gives the next so many bytes of the tail, and refuses what is no length. */
export function unpack(head: unknown, take: (length: unknown) => Uint8Array): Message {
  // The other side is our own code behind the same types; what a hostile one could send is checked by use.
  const packed = head as PackedRun | PackedDone | Exclude<Message, Run | Done>
  if (packed.type === 'run') return unpackRun(packed, take)
  if (packed.type !== 'done') return packed
  return { ...packed, answers: packed.answers.map(answer => unpackAnswer(answer, take)) }
}

function packRun({ items, ...run }: Run, put: (bytes: Uint8Array) => number): PackedRun {
  const headers: Headers[] = []
  let last: Headers | undefined
  const packed = items.map((item): PackedItem => {
    // The edge gives the same object to requests with the same headers.
    if (item.headers !== last) headers.push((last = item.headers))
    const parameters: (string | number)[] = []
    for (const { name, contentType, value } of item.parameters) {
      parameters.push(name, contentType, put(value))
    }
    const index = headers.length - 1
    const { envelope, outputs, tensors } = item
    if (envelope === undefined && outputs === undefined && tensors === undefined) {
      return [item.requestId, index, parameters]
    }
    const more = {
      ...(envelope === undefined ? {} : { envelope }),
      ...(outputs === undefined ? {} : { outputs }),
      ...(tensors === undefined ? {} : { tensors: packTensors(tensors, put) }),
    }
    return [item.requestId, index, parameters, more]
  })
  return { ...run, headers, items: packed }
}

function unpackRun(
  { headers, items, ...run }: PackedRun,
  take: (length: unknown) => Uint8Array,
): Extract<ToWorker, { type: 'run' }> {
  return {
    ...run,
    items: items.map(([requestId, index, packed, more]): Item => {
      const parameters: Parameter[] = []
      for (let at = 0; at < packed.length; at += 3) {
        const [name, contentType, length] = [packed[at], packed[at + 1], packed[at + 2]]
        parameters.push({ name: String(name), contentType: String(contentType), value: take(length) })
      }
      // Each item has its own: a handler may write into what it gets.
      const item = { requestId, headers: { ...headers[index] }, parameters }
      if (more === undefined) return item
      const { tensors, ...rest } = more
      return tensors === undefined
        ? { ...item, ...rest }
        : { ...item, ...rest, tensors: unpackTensors(tensors, take) }
    }),
  }
}

function packAnswer(answer: Answer, put: (bytes: Uint8Array) => number): PackedAnswer {
  if (!answer.ok) return answer
  const { status, contentType, headers, body, tensors } = answer
  const length = put(body)
  return tensors === undefined
    ? [status, contentType, headers, length]
    : [status, contentType, headers, length, packTensors(tensors, put)]
}

function unpackAnswer(packed: PackedAnswer, take: (length: unknown) => Uint8Array): Answer {
  if (!Array.isArray(packed)) {
    const failed = packed as Answer
    if (failed.ok) throw new TypeError('An answer is a list, or a failure.')
    return failed
  }
  const [status, contentType, headers, length, tensors] = packed as Exclude<PackedAnswer, { ok: false }>
  const body = take(length)
  if (tensors === undefined) return { ok: true, status, contentType, headers, body }
  return { ok: true, status, contentType, headers, body, tensors: unpackTensors(tensors, take) }
}

function packTensors(
  tensors: readonly WireTensor[],
  put: (bytes: Uint8Array) => number,
): readonly PackedTensor[] {
  return tensors.map(tensor => ({ ...tensor, data: put(tensor.data) }))
}

function unpackTensors(
  tensors: readonly PackedTensor[],
  take: (length: unknown) => Uint8Array,
): readonly WireTensor[] {
  return tensors.map(tensor => ({ ...tensor, data: take(tensor.data) }))
}
