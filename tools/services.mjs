import net from 'node:net';

/** True when something accepts a connection at `url`'s host and port within a second. */
function accepts(url, defaultPort) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = net.connect({ host: hostname, port: Number(port || defaultPort), timeout: 1000 });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}

/** Why the server at `url` cannot serve these tests, or undefined when it can. */
export async function postgresProblem(url) {
  if (!(await accepts(url, 5432))) return 'no PostgreSQL server answers';
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  try {
    await client.connect();
    const { rows } = await client.query(`select 1 from pg_available_extensions where name = 'vector'`);
    return rows.length === 0 ? 'PostgreSQL has no pgvector (tools/install-pgvector.sh installs it)' : undefined;
  } catch (error) {
    return `PostgreSQL refused: ${error.message}`;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function redisProblem(url) {
  return (await accepts(url, 6379)) ? undefined : 'no Redis server answers';
}
