import { failure } from '../errors.ts'

/** The URL to post to: the endpoint, with the protocol's own path where it names none. */
export function parseEndpoint(key: string, text: string, defaultPath: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw failure('BAD_CONFIG', `${key}: expected an http or https URL, got "${text}"`)
  }
  if (url.pathname === '/') url.pathname = defaultPath
  return url.href
}
