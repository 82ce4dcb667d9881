import { readFile } from 'node:fs/promises'
import type { App } from '../app.ts'
import { OWN_FILE, PAGE_FILES, PAGE_SCRIPT, pageHtml } from './page-files.ts'

/** Everything comes from here, nothing stands in the page itself, and no other page may show it in a frame. */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/**
 * The page that shows the API's documents, with Swagger UI. Its files are those that @fastify/swagger-ui ships; the
 * plugin itself is never loaded, and the files not before they are asked for, so that a start costs nothing.
 */
export function addDocsPage(app: App): void {
  const method = ['GET', 'HEAD']
  app.route({
    method,
    url: '/docs',
    handler: (request, reply) => {
      const [path = ''] = request.url.split('?', 1)
      return reply
        .headers({ ...HEADERS, 'content-type': 'text/html; charset=utf-8' })
        .send(pageHtml(path.endsWith('/') ? '.' : './docs'))
    },
  })
  for (const [file, type] of Object.entries(PAGE_FILES)) {
    const headers = { ...HEADERS, 'content-type': `${type}; charset=utf-8` }
    app.route({
      method,
      url: `/docs/${file}`,
      handler: async (_request, reply) => reply.headers(headers).send(await readPart(file)),
    })
  }
}

function readPart(file: string): Promise<string> | string {
  if (file === OWN_FILE) return PAGE_SCRIPT
  return readFile(new URL(`static/${file}`, import.meta.resolve('@fastify/swagger-ui')), 'utf8')
}
