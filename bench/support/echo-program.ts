/**
 * The reference: a bare Fastify that takes the same bodies and gives the same answers without a model. JSON is parsed
 * as Fastify does by default; any other body is read whole. Argument: a JSON object from path to answer.
 */
import Fastify from 'fastify'

const answers = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>
const app = Fastify({ bodyLimit: 8 * 1024 * 1024 })
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
for (const [path, answer] of Object.entries(answers)) {
  app.post(path, async (_request, reply) => reply.type('application/json').send(answer))
}
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
