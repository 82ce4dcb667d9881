/** The headers that let pages of other origins use the API, as far as they are set. */
export function corsHeaders({ origin, methods, headers }: CorsValues): Record<string, string> {
  const all = {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': headers,
  }
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}

interface CorsValues {
  readonly origin: string | undefined
  readonly methods: string | undefined
  readonly headers: string | undefined
}
