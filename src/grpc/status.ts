import type { Failure } from '../errors.ts'

/** How an API words its failures: TorchServe's put the name of a Java class below the text. */
export type Wording = 'inference' | 'management' | 'plain'

/** A status as it goes over the wire. */
export interface CallStatus {
  readonly code: number
  readonly details: string
  /** When a retry is worth it. */
  readonly retryAfterMs?: number
}

/** Clients take 8 kB of trailers; percent-encoded, a character may have nine. */
const MAX_DETAIL_CHARS = 800

/** https://grpc.io/docs/guides/status-codes/ */
export const STATUS = { ok: 0, cancelled: 1, invalidArgument: 3, notFound: 5, internal: 13 } as const

const UNKNOWN_CLIENT_ERROR = 9

/** What TorchServe makes of the HTTP status that a handler chose. */
const FROM_HTTP: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  409: 10,
  413: 8,
  416: 11,
  429: 8,
  499: 1,
  501: 12,
  503: 14,
  504: 4,
}

export function fromHttp(status: number): number {
  return FROM_HTTP[status] ?? (status >= 400 && status < 500 ? UNKNOWN_CLIENT_ERROR : STATUS.internal)
}

const archive = 'org.pytorch.serve.archive'
const http = 'org.pytorch.serve.http'

const CLASSES: Readonly<Record<string, string>> = {
  ModelNotFoundException: `${archive}.model.ModelNotFoundException`,
  ModelVersionNotFoundException: `${archive}.model.ModelVersionNotFoundException`,
  InvalidModelException: `${archive}.model.InvalidModelException`,
  ModelException: `${archive}.model.ModelException`,
  DownloadArchiveException: `${archive}.DownloadArchiveException`,
  ConflictStatusException: `${http}.ConflictStatusException`,
  InvalidModelVersionException: `${http}.InvalidModelVersionException`,
  RequestTimeoutException: `${http}.RequestTimeoutException`,
}

/** The inference API has words of its own for these. */
const CLASSES_OF: Readonly<Record<Wording, Readonly<Record<string, string>>>> = {
  inference: {
    ...CLASSES,
    BadRequestException: 'BadRequestException.()',
    ServiceUnavailableException: 'InternalServerException.()',
  },
  management: {
    ...CLASSES,
    BadRequestException: `${http}.BadRequestException`,
    ServiceUnavailableException: `${http}.ServiceUnavailableException`,
  },
  plain: {},
}

/** A failure as a status: the code of its row, the text, TorchServe's class, and the reason where there is one. */
export function toStatus(failed: Failure, wording: Wording): CallStatus {
  const lines = [failed.message, CLASSES_OF[wording][failed.type], failed.reason]
  const text = lines.filter(line => line !== undefined).join('\n')
  return {
    code: failed.code === 'HANDLER_STATUS' ? fromHttp(failed.http) : failed.grpc,
    details: shorten(text),
    ...(failed.retryAfterS === undefined ? {} : { retryAfterMs: failed.retryAfterS * 1000 }),
  }
}

/** Half a surrogate pair cannot be percent-encoded. */
function shorten(text: string): string {
  return (text.length > MAX_DETAIL_CHARS ? `${text.slice(0, MAX_DETAIL_CHARS)}…` : text).toWellFormed()
}
