/** The versions of one model name and who gets what. */
export interface VersionTable {
  readonly versions: readonly string[]
  readonly defaultVersion: string
}

/** The version a request gets: the one it names, else the default. Undefined: there is no such version. */
export function choose(table: VersionTable, asked: string | undefined): string | undefined {
  const version = asked ?? table.defaultVersion
  return table.versions.includes(version) ? version : undefined
}
