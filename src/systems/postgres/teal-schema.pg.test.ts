import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { isTealError } from '../../kernel/errors.ts';
import { connect, type PgConnection } from './connection.ts';
import { installTealSchema, probeTealSchema, publishedTealTables, removeTealSchema } from './teal-schema.ts';

async function withSession<T>(db: TestDatabase, work: (connection: PgConnection) => Promise<T>): Promise<T> {
  await using connection = await connect({ url: db.url, applicationName: 'teal test' });
  return await work(connection);
}

describe.each([blueMajor(), greenMajor()])('schema teal on PostgreSQL %i', (major) => {
  test('comes once, also when two install it at the same moment, and goes without a trace', async () => {
    await using db = await testDatabase(major);
    await Promise.all(
      [1, 2, 3].map(async () => withSession(db, async (session) => installTealSchema(session, 'blue'))),
    );
    expect(await withSession(db, probeTealSchema)).toBe('blue');
    for (let time = 0; time < 2; time += 1) await withSession(db, removeTealSchema);
    expect(await withSession(db, probeTealSchema)).toBeUndefined();
    expect(await db.query(`select from pg_namespace where nspname = 'teal'`)).toEqual([]);
  });

  test('keeps what is in it when it is installed again', async () => {
    await using db = await testDatabase(major);
    await withSession(db, async (session) => installTealSchema(session, 'green'));
    await db.query(`insert into teal.owner (epoch, owner, cut) values (1, 'green', 'c')`);
    await withSession(db, async (session) => installTealSchema(session, 'green'));
    expect(await db.query('select owner from teal.owner')).toEqual([{ owner: 'green' }]);
  });

  test('changes what an older Teal made forward, with the places that its flows had come to', async () => {
    await using db = await testDatabase(major);
    await withSession(db, async (session) => installTealSchema(session, 'green'));
    await db.query(`alter table teal.progress drop column position, add column end_lsn pg_lsn not null default '0/0'`);
    await db.query(`update teal.meta set value = '1' where name = 'version'`);
    await db.query(`insert into teal.progress (stream, end_lsn, mode) values ('s_fwd', '16/B374D8', 'live')`);
    expect(await withSession(db, probeTealSchema)).toBeUndefined();
    await withSession(db, async (session) => installTealSchema(session, 'green'));
    expect(await withSession(db, probeTealSchema)).toBe('green');
    expect(await db.query('select stream, position, mode from teal.progress')).toEqual([
      { stream: 's_fwd', position: '0000001600B374D8', mode: 'live' },
    ]);
  });

  test('refuses what a newer Teal made, and the other side', async () => {
    await using db = await testDatabase(major);
    await withSession(db, async (session) => installTealSchema(session, 'green'));
    const refused = async (
      work: (session: PgConnection) => Promise<unknown>,
      code: 'TEAL-SYSTEMS-100' | 'TEAL-SYSTEMS-101',
    ) => expect(withSession(db, work)).rejects.toSatisfy((error) => isTealError(error, code));
    await refused(async (session) => installTealSchema(session, 'blue'), 'TEAL-SYSTEMS-101');
    await db.query(`update teal.meta set value = '999' where name = 'version'`);
    await refused(async (session) => installTealSchema(session, 'green'), 'TEAL-SYSTEMS-100');
    await refused(probeTealSchema, 'TEAL-SYSTEMS-100');
    await refused(removeTealSchema, 'TEAL-SYSTEMS-100');
    expect(await db.query(`select from pg_namespace where nspname = 'teal'`)).toHaveLength(1);
  });

  test('lets everybody read who owns the data, and nobody write it', async () => {
    await using db = await testDatabase(major);
    await withSession(db, async (session) => installTealSchema(session, 'blue'));
    const may = async (table: string, right: string) => {
      const [row] = await db.query(`select has_table_privilege('pg_read_all_settings', $1, $2) as may`, [
        `teal.${table}`,
        right,
      ]);
      return row?.['may'];
    };
    for (const table of [...publishedTealTables, 'meta']) {
      expect([await may(table, 'select'), await may(table, 'insert')], table).toEqual(['t', 'f']);
    }
    expect([await may('progress', 'select'), await may('chunk', 'select')]).toEqual(['f', 'f']);
  });
});
