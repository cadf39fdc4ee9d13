import { expect, onTestFinished, test } from 'vitest';
import { blueMajor, testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import { isTealError } from '../../../kernel/errors.ts';
import type { Table, TableName } from '../../../model/catalog.ts';
import type { StreamEvent } from '../../../model/change.ts';
import { PgoutputDecoder } from '../change-decoder.ts';
import { connect } from '../connection.ts';
import { installDdlNotes, removeDdlNotes } from '../ddl-notes.ts';
import { postgresRepairer } from '../digest/repair.ts';
import { PostgresFence } from '../fence.ts';
import { readCatalog } from '../inspect/catalog.ts';
import { KeptSession } from '../kept-session.ts';
import { movingRelations } from '../moving.ts';
import { readUnmoved } from '../schema-eyes.ts';
import { installTealSchema } from '../teal-schema.ts';
import { openTriggerProbe } from './probe.ts';
import { installRecorder, recordedTables, refuseGaps } from './recorder.ts';
import { triggerSource } from './source.ts';

/** Recorded as by the step; the tables of the user. */
async function recorded(db: TestDatabase, schema: string): Promise<readonly Table[]> {
  await db.query(schema);
  await using connection = await connect({ url: db.url, applicationName: 'teal test recorder' });
  const { tables } = await readCatalog(connection);
  await installTealSchema(connection, 'blue');
  await installRecorder(connection, recordedTables(tables));
  return tables;
}

/** What was recorded of everything that was committed before. */
async function eventsOf(db: TestDatabase): Promise<readonly StreamEvent[]> {
  await using probe = openTriggerProbe({ url: db.url, applicationName: 'teal test probe', side: 'blue' });
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const source = triggerSource({ url: db.url, applicationName: 'teal test stream', pollMs: 20 });
  await using stream = await source.start({ after: await probe.firstPosition() }, abort.signal);
  const mark = await probe.mark();
  const decoder = new PgoutputDecoder();
  const events: StreamEvent[] = [];
  for (let isOver = false; !isOver;) {
    for (const each of await stream.next()) {
      if (each.kind === 'mark') continue;
      events.push(...[decoder.decode(each.payload) ?? []].flat());
      if (each.kind === 'commit' && each.end > mark) isOver = true;
    }
  }
  return events;
}

test('a side of which a table is not recorded any more is not closed: what was written meanwhile would be lost in the cut', async () => {
  await using db = await testDatabase(blueMajor());
  const tables = await recorded(db, 'create table t (id int primary key); create table u (id int primary key)');
  await using session = new KeptSession({ url: db.url, applicationName: 'teal test fence' });
  const fence = new PostgresFence(session, tables, undefined, { beforeToken: refuseGaps });
  await fence.install(false);
  await db.query('alter table u disable trigger teal_record; insert into u values (1)');
  await db.query('alter table u enable always trigger teal_record');
  const raise = { cut: 'c', token: 'c/blue', epoch: 1, lockTimeoutMs: 5_000 };
  const thrown: unknown = await fence.raise(raise).catch((error: unknown) => error);
  expect(isTealError(thrown, 'TEAL-SYSTEMS-041') && thrown.facts).toEqual({ tables: ['public.u'] });
  expect(await fence.probe()).toEqual({ fence: 'installed', tokens: [] });
});

test('changes of the schema come in the record, each at its place among the rows', async () => {
  await using db = await testDatabase(blueMajor());
  await recorded(db, 'create table t (id int primary key, v text); create table other (id int)');
  await using connection = await connect({ url: db.url, applicationName: 'teal test notes' });
  expect(await installDdlNotes(connection, '', 'triggers')).toBe('notes');
  await db.query(`
    begin; insert into t values (1, 'a'); alter table t add column w int; insert into t values (2, 'b', 3); commit;
    begin; alter table t drop column w; rollback;
    create table later (id int primary key)`);
  const told = (await eventsOf(db)).flatMap((event): readonly unknown[] => {
    if (event.kind === 'insert') return [`insert of ${event.relation.columns.length} columns`];
    if (event.kind !== 'message' || event.prefix !== 'teal.ddl') return [];
    const note = JSON.parse(event.content.toString()) as { command: string; forms: readonly { name: string }[] };
    return [[note.command, event.transactional, note.forms.map(({ name }) => name).sort()]];
  });
  expect(told).toEqual([
    'insert of 2 columns',
    ['ALTER TABLE', true, ['public.t', 'public.t.id', 'public.t.v', 'public.t.w']],
    'insert of 3 columns',
    ['CREATE TABLE', true, []],
  ]);
  const unmoved = await readUnmoved(connection, movingRelations('triggers', ''), isOfUser, 'blue');
  expect(unmoved).toEqual([expect.stringMatching(/^rows of public\.later do not move/)]);
  await removeDdlNotes(connection);
});

const isOfUser = ({ schema }: TableName): boolean => schema === 'public';

test('what a repair writes is not recorded, neither its own nor that of its script', async () => {
  await using db = await testDatabase(blueMajor());
  const [table] = await recorded(db, 'create table t (id int primary key, v text)');
  const repairer = postgresRepairer({ url: db.url, origin: `${db.name}_repair` });
  const insert = (id: string) => [
    {
      table: {
        schema: 'public',
        name: 't',
        oid: table?.oid ?? 0,
        key: ['id'],
        buckets: 1,
        columns: [
          { name: 'id', sameType: true, type: 'integer', generated: false },
          { name: 'v', sameType: true, type: 'text', generated: false },
        ],
      },
      changes: [{ kind: 'insert' as const, after: [id, 'mended'] }],
    },
  ];
  expect(await repairer.apply(insert('1'), new AbortController().signal)).toBe(1);
  for (const sql of repairer.render(insert('2'))) await db.query(sql);
  await db.query(`insert into t values (3, 'by a client')`);
  const rows = (await eventsOf(db)).flatMap((event) =>
    event.kind === 'insert' ? [event.row.toArray().map((value) => value?.toString() ?? null)] : [],
  );
  expect(rows).toEqual([['3', 'by a client']]);
  expect(await db.query('select count(*) as rows from t')).toEqual([{ rows: '3' }]);
  await db.query(`select pg_replication_origin_drop('${db.name}_repair')`);
});
