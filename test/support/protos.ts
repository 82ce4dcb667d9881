/** The files of proto/ as a foreign library reads them: what clients see, independent of the server's own codec. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'

const folder = join(import.meta.dirname, '../../proto')

/** Everything that the .proto files declare, by full name. */
export function loadProtos(): PackageDefinition {
  const files = readdirSync(folder).filter(name => name.endsWith('.proto'))
  return loadSync(files, {
    includeDirs: [folder],
    keepCase: true,
    longs: String,
    enums: String,
    bytes: Buffer,
    defaults: true,
    oneofs: true,
  })
}
