import fastify from 'fastify';

/** What Node and Fastify allow: one handler that returns the bytes that it was started with. Prints its address. */
const [, , body = '', type = 'application/json; charset=utf-8'] = process.argv;
const app = fastify();
app.get('/', (_request, reply) => reply.header('content-type', type).send(body));
process.stdout.write(await app.listen({ port: 0, host: '127.0.0.1' }));
