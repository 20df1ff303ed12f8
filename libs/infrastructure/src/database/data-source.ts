import pg from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '#migrations/migrations.js';

/** The driver's pool behind TypeORM; the only thing that we need of it. */
interface PostgresDriver {
  readonly master: pg.Pool;
}

/** Opens a pool of connections behind TypeORM, whose driver gets `options`; rejects when no server can be reached. */
export async function connect(options: object): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'postgres',
    driver: pg,
    extra: { ...options, onConnect: survive },
    installExtensions: false,
    migrations: [...migrations],
    migrationsTableName: 'schema_migrations',
    poolErrorHandler: () => undefined,
  });
  return dataSource.initialize();
}

/** The pool of a data source that is open. */
export function poolOf({ driver }: DataSource): pg.Pool {
  return (driver as unknown as PostgresDriver).master;
}

const ignore = (): void => undefined;

/** The pool listens only to idle clients: a connection that breaks while held would end the process. */
function survive(client: pg.ClientBase): void {
  client.on('error', ignore);
}
