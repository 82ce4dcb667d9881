import { Busboy, type BusboyInstance } from '@fastify/busboy'
import type { FastifyRequest } from 'fastify'
import { failure } from '../errors.ts'
import type { Item, Parameter } from '../worker/protocol.ts'
import { HeaderMemory } from './header-memory.ts'

/** Parts of one form; further ones are refused. */
const MAX_PARTS = 1000
const MAX_BOUNDARY_CHARS = 200
const NOTHING = Buffer.alloc(0)

export interface ItemOptions {
  /** What followed the version in the path. */
  readonly urlPath?: string
  readonly explain?: boolean
  /** Whether query parameters become parameters of the handler. */
  readonly withQuery?: boolean
}

/**
 * A request of any content type as an item, by TorchServe's rules: each field of a form is a parameter, any other
 * body is one parameter `body` with its media type. The bytes are not looked into. A promise for forms only.
 */
export function toItem(request: FastifyRequest, options: ItemOptions = {}): Item | Promise<Item> {
  const parameters = readParameters(request)
  return 'then' in parameters
    ? parameters.then(read => makeItem(request, read, options))
    : makeItem(request, parameters, options)
}

function makeItem(request: FastifyRequest, parameters: readonly Parameter[], options: ItemOptions): Item {
  const { urlPath = '', explain = false, withQuery = false } = options
  const path = urlPath === '' ? (explain ? EXPLAINED : PREDICTED) : pathHeaders(urlPath, explain)
  return {
    requestId: request.id,
    headers: headerMemory.join(request.raw, path),
    parameters: withQuery ? [...parameters, ...queryParameters(request)] : parameters,
  }
}

const headerMemory = new HeaderMemory()
const PREDICTED = pathHeaders('', false)
const EXPLAINED = pathHeaders('', true)

/** TorchServe tells handlers so what was asked for. */
function pathHeaders(urlPath: string, explain: boolean) {
  return { url_path: urlPath, explain: explain ? 'True' : 'False' }
}

/** A parameter's value as text; undefined where it is not there. The last of a name counts. */
export function textParameter(item: Item, name: string): string | undefined {
  const value = item.parameters.findLast(parameter => parameter.name === name)?.value
  return value === undefined ? undefined : new TextDecoder().decode(value)
}

function readParameters(request: FastifyRequest): Parameter[] | Promise<Parameter[]> {
  // The parser for '*' hands out the bytes; without a body there are none.
  const body =
    request.body instanceof Uint8Array
      ? Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength)
      : NOTHING
  const contentType = request.headers['content-type'] ?? ''
  const mediaType =
    contentType === 'application/json'
      ? contentType
      : (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  if (mediaType === 'multipart/form-data') return parseMultipart(contentType, body)
  if (mediaType !== 'application/x-www-form-urlencoded')
    return [{ name: 'body', contentType: mediaType, value: body }]
  if (isForm(body)) return parseUrlEncoded(body)
  return [{ name: 'body', contentType: '', value: body }]
}

/** A form begins with the short and plain name of a field. */
const FORM = /^[\w.~%+[\]-]{1,128}=/
const LONGEST_NAME_BYTES = 130

/**
 * Whether a body that says it is a form can be one. `curl -d` and `--data-binary` say so of anything that they send;
 * an image or JSON never begins like a form, and comes as it is then.
 */
function isForm(body: Buffer): boolean {
  return FORM.test(body.toString('latin1', 0, LONGEST_NAME_BYTES))
}

function parseUrlEncoded(body: Buffer): Parameter[] {
  const fields = new URLSearchParams(body.toString('utf8'))
  if (fields.size > MAX_PARTS) throw failure('BAD_REQUEST', `The form has more than ${MAX_PARTS} fields.`)
  return [...fields].map(([name, value]) => ({ name, contentType: '', value: Buffer.from(value) }))
}

/** Parses a whole multipart body. A field without a filename keeps no content type, as with TorchServe. */
function parseMultipart(contentType: string, body: Buffer): Promise<Parameter[]> {
  if (contentType.length > MAX_BOUNDARY_CHARS) {
    throw failure(
      'BAD_REQUEST',
      `The Content-Type of the multipart body is longer than ${MAX_BOUNDARY_CHARS} characters.`,
    )
  }
  return new Promise((resolve, reject) => {
    const refuse = (what: string) =>
      reject(failure('BAD_REQUEST', `The multipart body is malformed: ${what}`))
    const parameters: Parameter[] = []
    let parser: BusboyInstance
    try {
      const limits = { fieldSize: body.length, fileSize: body.length, parts: MAX_PARTS }
      parser = new Busboy({ headers: { 'content-type': contentType }, limits, isPartAFile: () => true })
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error))
    }
    parser.on(
      'file',
      (name: string | undefined, stream, ...[filename, , mimeType]: [string | undefined, string, string]) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', error => refuse(error.message))
        stream.on('end', () => {
          const type = filename === undefined ? '' : mimeType
          if (name === undefined) refuse('a part without a name')
          else parameters.push({ name, contentType: type, value: Buffer.concat(chunks) })
        })
      },
    )
    parser.on('partsLimit', () => refuse(`more than ${MAX_PARTS} parts`))
    parser.on('error', error => refuse(error instanceof Error ? error.message : String(error)))
    parser.on('finish', () => resolve(parameters))
    parser.end(body)
  })
}

function queryParameters(request: FastifyRequest): Parameter[] {
  const start = request.url.indexOf('?')
  const query = new URLSearchParams(start === -1 ? '' : request.url.slice(start + 1))
  return [...query].map(([name, value]) => ({ name, contentType: '', value: Buffer.from(value) }))
}
