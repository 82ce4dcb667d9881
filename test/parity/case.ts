/** What one row of the comparison with TorchServe says. */

/** How Sconce's answer stands to TorchServe's. */
export type Verdict =
  | 'same'
  /** The same request is served, and on purpose not in TorchServe's way; the text says what is gained. */
  | { readonly better: string }
  /** TorchServe has it, Sconce has not; the text says what there is instead. */
  | { readonly missing: string }

export interface Answer {
  readonly status: number
  /** The type of an error. */
  readonly type?: string
  /** The message of an error. */
  readonly message?: string | RegExp
  /** The sentence of a `{"status": ...}` answer. */
  readonly says?: string
  /** A part of the JSON; a pattern stands for a text that matches it. */
  readonly json?: unknown
  /** The whole body, or what it has to match. */
  readonly text?: string | RegExp
  /** Headers; null: must not be there. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>
}

export interface ParityCase {
  /** What is asked, for people: completes a line of a table. */
  readonly about: string
  /** Management requests that set the stage; each has to be answered with 2xx. */
  readonly given?: readonly string[]
  /** The API that is asked; management where nothing is said. */
  readonly api?: 'inference' | 'management' | 'metrics'
  /** Asks a server on which the model API was not enabled. */
  readonly withoutModelApi?: true
  /** Method and path. `{host}` stands for an encoded origin that serves archives and is among the allowed_urls. */
  readonly request: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** What Sconce answers. */
  readonly answer: Answer
  /** What TorchServe answers, where it is another thing. */
  readonly torchserve?: string
  readonly verdict: Verdict
}

export interface ParityGroup {
  readonly title: string
  readonly cases: readonly ParityCase[]
}

export const NO_MODEL = 'ModelNotFoundException'
export const NO_VERSION = 'ModelVersionNotFoundException'
export const BAD_REQUEST = 'BadRequestException'
export const INTERNAL = 'InternalServerException'
export const JSON_BODY = { 'content-type': 'application/json' }

export const NOT_FOUND: Answer = {
  status: 404,
  type: 'ResourceNotFoundException',
  message: 'Requested resource is not found, please refer to API document.',
}

export const NOT_ALLOWED: Answer = {
  status: 405,
  type: 'MethodNotAllowedException',
  message: 'Requested method is not allowed, please refer to API document.',
}

export const PROCESSING: Answer = { status: 202, says: 'Processing worker updates...' }

/** The answer to a registration that starts no workers. */
export function registered(model: string, version = '1.0'): Answer {
  const more = 'Use scale workers API to add workers for the model.'
  return {
    status: 200,
    says: `Model "${model}" Version: ${version} registered with 0 initial workers. ${more}`,
  }
}

export function registeredWith(workers: number, model: string, version = '1.0'): Answer {
  return {
    status: 200,
    says: `Model "${model}" Version: ${version} registered with ${workers} initial workers`,
  }
}

export const noModel = (model: string): Answer => ({
  status: 404,
  type: NO_MODEL,
  message: `Model not found: ${model}`,
})

export const noVersion = (model: string, version: string): Answer => ({
  status: 404,
  type: NO_VERSION,
  message: `Model version: ${version} does not exist for model: ${model}`,
})

/** Requests that other cases begin with. */
export const SQUEEZENET = 'POST /models?url=squeezenet1_1.mar'
export const RESNET = 'POST /models?url=resnet-18.mar'
export const NOOP: readonly string[] = [
  'POST /models?url=noop.mar',
  'POST /models?url=noop_v2.mar&model_name=noop',
]
