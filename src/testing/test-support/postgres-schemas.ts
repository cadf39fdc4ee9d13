import { testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { postgresSchemas } from '../../app/compare-schemas.ts';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';
import { KeptSession } from '../../systems/postgres/kept-session.ts';
import { publishedRelations } from '../../systems/postgres/moving.ts';
import { quoteIdent } from '../../systems/postgres/quote.ts';
import { keyed, keyless } from '../relational.ts';
import type { SchemasWorld } from '../schemas-contract.ts';
import { postgresClients } from './postgres-worlds.ts';

const publication = 'teal_kit';

export async function postgresSchemasWorld(
  blueMajor: TestDatabase['major'],
  greenMajor: TestDatabase['major'],
): Promise<SchemasWorld> {
  const databases = { blue: await testDatabase(blueMajor), green: await testDatabase(greenMajor) };
  const clients = { blue: postgresClients(databases.blue), green: postgresClients(databases.green) };
  for (const side of ['blue', 'green'] as const) {
    for (const shape of [keyed, keyless]) await clients[side].make(shape);
    await databases[side].query(`create publication ${publication} for table ${keyed.name}, ${keyless.name}`);
  }
  const session = (side: Side): KeptSession =>
    new KeptSession({ url: databases[side].url, applicationName: 'teal test' });
  const sessions = { blue: session('blue'), green: session('green') };
  const moving = publishedRelations(publication);
  const managed = [keyed, keyless].map(({ name }) => ({ schema: clients.blue.schema, name }));
  return {
    clients,
    schemas: postgresSchemas(sessions, { blue: moving, green: moving }, () => true, managed),
    addColumn: async (side, { name }, column) =>
      void (await databases[side].query(`alter table ${quoteIdent(name)} add column ${quoteIdent(column)} bigint`)),
    addIndex: async (side, { name }, index, column) =>
      void (await databases[side].query(
        `create index ${quoteIdent(index)} on ${quoteIdent(name)} (${quoteIdent(column)})`,
      )),
    waitForTeal: async (side) => waitBehindTeal(databases[side]),
    async [Symbol.asyncDispose]() {
      for (const each of Object.values(sessions)) await each[Symbol.asyncDispose]();
      for (const database of Object.values(databases)) await database[Symbol.asyncDispose]();
    },
  };
}

/** Behind a session that says it is Teal's, as the holders of a snapshot do. */
async function waitBehindTeal(database: TestDatabase): Promise<() => Promise<void>> {
  const [holder, waiter] = [await database.connect(), await database.connect()];
  await holder.query(`set application_name = 'teal holder'; begin; lock table ${keyed.name} in access share mode`);
  const { rows } = await waiter.query<{ pid: string }>('select pg_backend_pid() as pid');
  const { pid } = must(rows[0], 'a row');
  const refused = waiter.query(`alter table ${keyed.name} add column never int`).then(
    () => false,
    () => true,
  );
  await waitFor({ what: 'somebody to wait', timeoutMs: 60_000 }, async () => {
    const waiting = await database.query('select from pg_locks where pid = $1 and not granted', [pid]);
    return waiting.length > 0 || undefined;
  });
  return async () => {
    await database.query('select pg_cancel_backend($1)', [pid]);
    await refused;
    await holder.query('rollback');
    for (const each of [waiter, holder]) await each.end();
  };
}
