import type { Rival } from './bench.ts'
import type { BenchModel } from './models.ts'

/** One of the protocols over HTTP that a model can be asked by, the same on every server that speaks it. */
export interface Door {
  /** Path with `{model}` in it. */
  readonly path: string
  requestOf(model: BenchModel): Promise<{ readonly contentType: string; readonly body: Uint8Array }>
}

const PREDICTIONS: Door = {
  path: '/predictions/{model}',
  requestOf: ({ contentType, body }) => Promise.resolve({ contentType, body }),
}

/** The Open Inference Protocol with its tensors as JSON, which all who speak it understand. */
const OPEN_INFERENCE: Door = {
  path: '/v2/models/{model}/infer',
  requestOf: async model => {
    const data = Array.from(await model.tensor())
    const inputs = [{ name: model.input, datatype: 'FP32', shape: model.dims, data }]
    return { contentType: 'application/json', body: Buffer.from(JSON.stringify({ inputs })) }
  },
}

/** The door that the rival has: it is then measured on all servers. */
export function doorFor(rival: Rival | undefined): Door {
  return rival?.url.includes('/v2/') ? OPEN_INFERENCE : PREDICTIONS
}

/** Throws what to say to the user where it is no address of a server. */
export function parseRival(text: string, pid: string | undefined): Rival {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:') throw new Error(`--against: expected http://host:port[/path], got "${text}"`)
  const path = decodeURI(url.pathname)
  const full = path === '/' ? PREDICTIONS.path : path
  if (!full.includes('{model}')) {
    throw new Error(
      `--against: expected a path with {model} in it, as in ${OPEN_INFERENCE.path}, got "${path}"`,
    )
  }
  return { url: `${url.origin}${full}`, pid: pid === undefined ? undefined : Number(pid) }
}
