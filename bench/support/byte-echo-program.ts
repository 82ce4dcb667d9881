/** The reference for tensors: a bare Fastify that reads a body whole and sends the same bytes back. */
import Fastify from 'fastify'

const app = Fastify({ bodyLimit: 256 * 1024 * 1024 })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/echo', async (request, reply) => reply.type('application/octet-stream').send(request.body))
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
