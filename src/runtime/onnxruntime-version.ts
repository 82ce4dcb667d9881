import { createRequire } from 'node:module'

/** The version of ONNX Runtime's package, without loading it: a process that runs no graph stays small. */
export function onnxRuntimeVersion(): string {
  const read: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json')
  return String(Reflect.get(Object(read), 'version'))
}
