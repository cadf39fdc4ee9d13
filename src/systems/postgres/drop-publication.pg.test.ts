import { expect, test } from 'vitest';
import { greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import { connect, type PgConnection } from './connection.ts';
import { dropPublication } from './drop-publication.ts';
import { sqlStateOf } from './errors.ts';

/**
 * A session whose changes of publications meet a writer at the worst moment: it knows that its table is in a publication and is about to look at that one, which the lock on the catalog
 * keeps it from until the change is committed. `ends` are the writers' ends, a SQLSTATE each or `done`.
 */
function meetingWriters(db: TestDatabase, connection: PgConnection): { met: PgConnection; ends: Promise<string>[] } {
  const ends: Promise<string>[] = [];
  const meet = async (): Promise<void> => {
    await connection.query('lock table pg_catalog.pg_publication in access exclusive mode');
    // A new one: what another has looked at before it would find in its cache.
    const writer = await connect({ url: db.url, applicationName: 'teal test writer' });
    ends.push(endOf(writer));
    await waitFor({ what: 'the writer to wait', timeoutMs: 60_000 }, async () => {
      const rows = await db.query('select from pg_locks where pid = $1 and not granted', [writer.processId]);
      return rows.length > 0 ? true : undefined;
    });
  };
  const met: PgConnection = Object.assign(Object.create(connection) as PgConnection, {
    query: async (sql: string, parameters?: never) => {
      if (sql.startsWith('alter publication')) await meet();
      if (!sql.startsWith('drop publication')) return connection.query(sql, parameters);
      return connection.transaction(async () => {
        await meet();
        return connection.query(sql, parameters);
      });
    },
    transaction: async (work: () => Promise<unknown>) => connection.transaction(work),
  });
  return { met, ends };
}

async function endOf(writer: PgConnection): Promise<string> {
  try {
    await writer.query('update public.busy set v = v + 1');
    return 'done';
  } catch (error) {
    return sqlStateOf(error) ?? String(error);
  } finally {
    await writer.close();
  }
}

const schema = `create table public.busy (id int primary key, v int);
  insert into public.busy values (1, 0);
  create publication p for table only public.busy`;

test('no writer fails while a publication goes', async () => {
  await using db = await testDatabase(greenMajor());
  await using connection = await connect({ url: db.url, applicationName: 'teal test' });
  await connection.query(schema);
  const plain = meetingWriters(db, connection);
  await plain.met.query('drop publication p');
  expect(await Promise.all(plain.ends), 'what DROP alone does').toEqual(['XX000']);
  await connection.query('create publication p for table only public.busy');
  const careful = meetingWriters(db, connection);
  await dropPublication(careful.met, 'p');
  expect(await Promise.all(careful.ends)).toEqual(['done', 'done']);
  expect((await connection.query('select from pg_publication')).rowCount).toBe(0);
});

test('what cannot be locked does not keep it from going, and none is no error', async () => {
  await using db = await testDatabase(greenMajor());
  await using connection = await connect({ url: db.url, applicationName: 'teal test' });
  await using other = await connect({ url: db.url, applicationName: 'teal test' });
  await connection.query(schema);
  await other.transaction(async () => {
    await other.query('lock table public.busy in share update exclusive mode');
    await dropPublication(connection, 'p');
  });
  expect((await connection.query('select from pg_publication')).rowCount).toBe(0);
  await dropPublication(connection, 'p');
});
