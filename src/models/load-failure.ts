import { Failure, failureWith } from '../errors.ts'
import { LoadFailed, WorkerEnded } from '../pool/port.ts'
import type { Model } from './model.ts'

const MAX_REASON_CHARS = 500

/**
 * Why the workers of a model did not start, as the client gets it: TorchServe's sentence, and beside it what the
 * worker or its handler said. Paths stay in the log.
 */
export function toLoadFailure(error: unknown, { name, version }: Pick<Model, 'name' | 'version'>): Failure {
  if (error instanceof Failure && error.code === 'LOAD_FAILED') return error
  const outOfMemory = (error instanceof WorkerEnded || error instanceof LoadFailed) && error.outOfMemory
  const details = { cause: error, reason: withoutPaths(explain(error)) }
  return failureWith({ ...details, ...(outOfMemory ? { status: 507 } : {}) }, 'LOAD_FAILED', name, version)
}

function explain(error: unknown): string {
  if (error instanceof WorkerEnded) {
    const said = mainLine(error.lastWords)
    return said === undefined
      ? `The worker ${error.message}.`
      : `The worker ${error.message}. It said: ${said}`
  }
  if (error instanceof LoadFailed || error instanceof Error) return error.message
  return String(error)
}

/** Of what a process said last: the error, where one ended it, else the last line that is no part of a stack. */
function mainLine(lastWords: string): string | undefined {
  const lines = lastWords.split('\n').map(line => line.trim())
  return (
    lines.findLast(line => /^(?:FATAL ERROR|[\w.]*(?:Error|Exception)\b)/.test(line)) ??
    lines.findLast(line => line !== '' && !/^(?:Node\.js v|at )/.test(line))
  )
}

/** Absolute paths and file URLs are shortened to the file's name. */
function withoutPaths(text: string): string {
  const short = text.replaceAll(/(?:file:\/\/)?(?:\/[\w.@+-]+)+\/([\w.@+-]+)/g, '$1')
  return short.length > MAX_REASON_CHARS ? `${short.slice(0, MAX_REASON_CHARS)}...` : short
}
