import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { serverUrl, testEngine } from '#test/support/database.js';
import { Cluster } from '#test/support/processes.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

/** A server in front of the database, at a port where nothing listens before it does. */
async function listenAt(port: number): Promise<Server> {
  const { hostname, port: databasePort } = new URL(serverUrl);
  const server = createServer((client) => {
    const upstream = connect(Number(databasePort || 5432), hostname);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function freePort(): Promise<number> {
  const server = await listenAt(0);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

onServers('a server whose database is not there yet', () => {
  it('waits for it, and starts when it comes', async () => {
    const cluster = await Cluster.open();
    const port = await freePort();
    const url = new URL(cluster.test.url ?? '');
    url.host = `127.0.0.1:${port}`;
    let database: Server | undefined;
    try {
      const starting = await cluster.launch({ roles: 'api,projector', env: { DATABASE_URL: url.href } });
      await until('it says that it waits', () => starting.log.some((line) => line.includes('does not answer yet')));
      database = await listenAt(port);
      await starting.started();
      const health = await fetch(`${starting.url}/v1/health`);
      expect(health.status).toBe(200);
      expect(await starting.stop()).toBe(0);
    } finally {
      await cluster.close();
      database?.close();
    }
  });
});
