import { describeFiles, type DescribedFile } from './protobuf/descriptor.ts'
import type { Read, Written } from './protobuf/message.ts'
import { fullName, type Implementation, type Service } from './service.ts'
import type { ServerReflection } from './services-standard.ts'
import { STATUS } from './status.ts'

type Method = (typeof ServerReflection)['methods']['ServerReflectionInfo']
type Request = Read<Method['request']>
type Response = Written<Method['response']>

/**
 * gRPC's reflection, which tells tools such as grpcurl what is served here; it names no models and needs no key:
 * https://grpc.io/docs/guides/reflection/
 */
export function reflectionService(services: readonly Service[]): Implementation<typeof ServerReflection> {
  const files = describeFiles(services)
  const names = services.map(fullName)
  const answer = (request: Request): Response => {
    const { host, file_by_filename: file, file_containing_symbol: symbol, list_services } = request
    const said = { valid_host: host, original_request: request }
    if (list_services !== undefined) {
      return { ...said, list_services_response: { service: names.map(name => ({ name })) } }
    }
    if (file !== undefined) {
      return { ...said, ...give(files, one => one.name === file, `There is no file ${file} here.`) }
    }
    if (symbol !== undefined) {
      return { ...said, ...give(files, one => one.symbols.includes(symbol), `There is no ${symbol} here.`) }
    }
    const isAboutExtensions =
      request.file_containing_extension !== undefined || request.all_extension_numbers_of_type !== undefined
    return {
      ...said,
      error_response: isAboutExtensions
        ? { error_code: STATUS.notFound, error_message: 'There are no extensions here.' }
        : { error_code: STATUS.invalidArgument, error_message: 'The request asks for nothing.' },
    }
  }
  return {
    ServerReflectionInfo: async function* answerEach(requests) {
      for await (const request of requests) yield answer(request)
    },
  }
}

/** A file with all that it imports. */
function give(
  files: readonly DescribedFile[],
  isAsked: (file: DescribedFile) => boolean,
  otherwise: string,
): Pick<Response, 'file_descriptor_response' | 'error_response'> {
  const found = files.find(isAsked)
  if (found === undefined) {
    return { error_response: { error_code: STATUS.notFound, error_message: otherwise } }
  }
  const all = new Set([found])
  for (const { imports } of all) {
    for (const one of files) if (imports.includes(one.name)) all.add(one)
  }
  return { file_descriptor_response: { file_descriptor_proto: Array.from(all, ({ bytes }) => bytes) } }
}
