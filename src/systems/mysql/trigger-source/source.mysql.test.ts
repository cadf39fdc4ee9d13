import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { must } from '../../../kernel/assert.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { PackedValues } from '../../../kernel/packed-values.ts';
import { carriedColumns } from '../../../model/catalog.ts';
import type { StreamEvent } from '../../../model/change.ts';
import { asPosition, type Position } from '../../../model/position.ts';
import type { ChangeStream } from '../../../ports/change-source.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { readCatalog } from '../inspect/catalog.ts';
import { quoteTable } from '../quote.ts';
import { openMysqlSink } from '../sink/sink.ts';
import { takeSnapshot } from '../snapshot-sessions.ts';
import { installTealSchema } from '../teal-schema.ts';
import { refusal, run, tell } from '../test-support/stream.ts';
import { selectionOf } from '../values/from-select.ts';
import { familyPolicy } from '../values/policy.ts';
import { RecordDecoder, type RecordDecoderOptions } from './decoder.ts';
import { recordGaps, refuseGaps } from './gaps.ts';
import { tickMeeting } from './meeting.ts';
import { installRecorder, recorderTables, removeRecorder } from './recorder.ts';
import { triggerSource } from './source.ts';
import { keptRange, makeTick } from './ticks.ts';
import { positionOfPlace } from './position.ts';

/** A transaction that lost a deadlock is over: the next one comes. */
async function orDeadlock(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
  }
}

describe.for(allSeries)('what triggers of $series record', ({ series, tested }) => {
  let server: MysqlServer;
  const url = (): string => `mysql://root@127.0.0.1:${server.port}/`;
  const open = async (): Promise<MysqlConnection> => connect({ url: url(), applicationName: 'client' });
  beforeAll(async () => {
    if (tested) server = await startMysql({ series, settings: { 'skip-log-bin': '' } });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  /** Database shop with these tables, every one of them recorded, and where the record begins. */
  const record = async (session: MysqlConnection, statements: readonly string[]): Promise<Position> => {
    await run(session, ['drop database if exists shop']);
    await removeRecorder(session);
    await run(session, ['drop database if exists teal', 'create database shop', 'use shop', ...statements]);
    await installTealSchema(session, 'blue');
    const { tables } = await readCatalog(session, 'shop');
    await installRecorder(session, recorderTables(tables));
    return makeTick(session);
  };
  const stream = async (after: Position, options: { readonly checkPauseMs?: number } = {}): Promise<ChangeStream> =>
    triggerSource({ url: url(), applicationName: 'teal test stream', pollMs: 20, cleanPauseMs: 20, ...options }).start(
      { after },
      new AbortController().signal,
    );
  /** All that is committed by now, as a stream of its own has it. */
  const readFrom = async (
    session: MysqlConnection,
    after: Position,
    options: RecordDecoderOptions = { policy: familyPolicy },
  ): Promise<readonly StreamEvent[]> => {
    const upTo = await makeTick(session);
    if (upTo === after) return [];
    await using opened = await stream(after);
    const decoder = new RecordDecoder(options);
    const events: StreamEvent[] = [];
    for (;;) {
      for (const entry of await opened.next()) {
        if (entry.kind === 'mark') continue;
        const event = decoder.decode(entry.payload);
        if (event !== undefined) events.push(event);
        if (entry.kind === 'commit' && entry.end >= upTo) return events;
      }
    }
  };
  const told = (events: readonly StreamEvent[]): readonly string[] =>
    events.filter(({ kind }) => kind !== 'relation').map(tell);

  test.skipIf(!tested)(
    'comes tick by tick, in the order in which rows were changed, and nothing of what was rolled back',
    async () => {
      await using session = await open();
      const first = await record(session, [
        'create table t (id int primary key, v varchar(20))',
        'create table twins (v varchar(20))',
      ]);
      await run(session, [
        `insert into t values (1, 'a'), (2, null)`,
        'begin',
        `insert into t values (9, 'gone')`,
        'rollback',
        `update t set id = 3, v = 'x' where id = 2`,
        `insert into t values (1, 'b') on duplicate key update v = 'again'`,
        `replace into t values (1, 'replaced')`,
      ]);
      const second = await makeTick(session);
      await run(session, [
        `insert into twins values ('say "x"'), ('é')`,
        `update twins set v = null`,
        'delete from twins limit 1',
      ]);
      const events = await readFrom(session, first);
      expect(told(events)).toEqual([
        'begin',
        'insert t 1|a',
        'insert t 2|NULL',
        'update t full 2|NULL to 3|x',
        'update t to 1|again',
        'delete t full 1|again',
        'insert t 1|replaced',
        'commit',
        'begin',
        'insert twins say "x"',
        'insert twins é',
        'update twins full say "x" to NULL',
        'update twins full é to NULL',
        'delete twins full NULL',
        'commit',
      ]);
      const begins = events.flatMap((event) => (event.kind === 'begin' ? [event.commitsAt] : []));
      // A copy of this tick has all of it and nothing of the next.
      expect(begins.map((at) => at < second)).toEqual([true, false]);
    },
  );

  test.skipIf(!tested)(
    'finds what was committed late with a lower number, whole, and follows the conflicts of rows',
    async () => {
      await using session = await open();
      await using early = await open();
      const first = await record(session, [
        'create table t (id int primary key, v varchar(20))',
        `insert into t values (1, ''), (2, '')`,
      ]);
      await run(early, [
        'begin',
        `update shop.t set v = 'early' where id = 2`,
        `insert into shop.t values (10, 'early')`,
      ]);
      await run(session, [`update t set v = 'late' where id = 1`]);
      const seen = await readFrom(session, first);
      expect(told(seen)).toEqual(['begin', 'update t to 1|late', 'commit']);
      const middle = await makeTick(session);
      await run(early, [`update shop.t set v = 'early' where id = 1`, 'commit']);
      await run(session, [`update t set v = 'last' where id = 1`]);
      expect(told(await readFrom(session, middle))).toEqual([
        'begin',
        'update t to 2|early',
        'insert t 10|early',
        'update t to 1|early',
        'update t to 1|last',
        'commit',
      ]);
    },
  );

  const wide = [
    'id int primary key auto_increment',
    'u bigint unsigned',
    'z int(5) unsigned zerofill',
    'd decimal(30, 10)',
    'f float',
    'g double',
    'b bit(13)',
    'y year',
    'da date',
    'dt datetime(6)',
    'ts timestamp(6) null',
    'ti time(3)',
    'c char(5)',
    'l varchar(20) character set latin1 collate latin1_swedish_ci',
    'bi binary(4)',
    'vb varbinary(300)',
    'tx mediumtext',
    'bl longblob',
    `e enum('a', 'b,c', 'it''s')`,
    `s set('x', 'y', 'z')`,
    'j json',
    'p geometry',
    `gen int generated always as (z + 1) virtual`,
    `sto int generated always as (z * 2) stored`,
  ];
  const values = [
    `(1, 18446744073709551615, 7, -1.5, 0.1, 1e23, b'1000000000001', 1999, '2024-02-29', '9999-12-31 23:59:59.999999', '2024-10-27 00:30:00.25', '-838:59:58.5', 'ü€', 'é ', x'00ff', x'',
      repeat('日', 3000), repeat(x'00fe', 5000), 'it''s', 'x,z', '{"b": [1.0, 2], "a": "é"}', st_geomfromtext('POINT(1 2)'))`,
    `(2, ${'null, '.repeat(20)}null)`,
    `(3, 0, 0, 0, -0e0, 5e-324, 0, 0, '0000-00-00', '2024-00-00 00:00:00', '1970-01-01 00:00:01', '00:00:00', '', '', '', '\\0', '', '', 1, '', 'null', null)`,
  ];
  const names = wide.map((text) => text.split(' ', 1)[0] ?? '').filter((name) => name !== 'gen' && name !== 'sto');

  test.skipIf(!tested)('has every value as the copy reads it, whatever the session of the client has set', async () => {
    await using session = await open();
    const first = await record(session, [`create table wide (${wide.join(', ')}) character set utf8mb4`]);
    await using client = await open();
    await run(client, [
      `set @@session.sql_mode = '', @@session.time_zone = '+05:30', @@session.div_precision_increment = 1`,
      `insert into shop.wide (${names.join(', ')}) values ${values.join(', ')}`,
      // 0: what a session that is not strict writes for a label that there is not.
      `insert into shop.wide (id, e, c) values (4, 'none', 'x')`,
      'update shop.wide set id = id + 100',
    ]);
    const table = must((await readCatalog(session, 'shop')).tables[0], 'a table');
    const columns = carriedColumns(table);
    const events = await readFrom(session, first, { policy: { ...familyPolicy, invalidEnum: 'null' } });
    const textsOf = (cells: readonly (Buffer | null | undefined)[]): readonly (string | null)[] =>
      cells.map((cell) => cell?.toString('latin1') ?? null);
    const inserted = events.flatMap((event) => (event.kind === 'insert' ? [textsOf(event.row.toArray())] : []));
    const updated = events.flatMap((event) => (event.kind === 'update' ? [textsOf(event.row.toArray())] : []));
    const old = events.flatMap((event) =>
      event.kind === 'update' ? [textsOf(event.old?.values.toArray() ?? [])] : [],
    );
    const selection = selectionOf({ table, columns, key: table.primaryKey }, { ...familyPolicy, invalidEnum: 'null' });
    const copied: (readonly (string | null)[])[] = [];
    for await (const row of session.rows(`select ${selection.list.join(', ')} from ${quoteTable(table)} order by id`)) {
      copied.push(textsOf(selection.canonical(row)));
    }
    expect(copied.length).toBe(4);
    expect(updated).toEqual(copied);
    const back = copied.map(([id, ...rest]) => [String(Number(id) - 100), ...rest]);
    expect(inserted).toEqual(back);
    expect(old).toEqual(back);
  });

  test.skipIf(!tested)('says whether foreign keys were off, and leaves to the target what they cascade', async () => {
    await using session = await open();
    const first = await record(session, [
      'create table parent (id int primary key)',
      'create table child (id int primary key, p int, foreign key (p) references parent (id) on update cascade on delete cascade)',
      'insert into parent values (1), (2), (3)',
      'insert into child values (10, 1), (20, 2), (30, 3)',
    ]);
    await run(session, [
      'update parent set id = 4 where id = 1',
      'set foreign_key_checks = 0',
      'delete from parent where id = 2',
      'set foreign_key_checks = 1',
      'delete from parent where id = 3',
    ]);
    const events = await readFrom(session, first, { referenced: () => ['id'] });
    expect(told(events)).toEqual([
      'begin',
      'update parent full 1 to 4',
      'delete parent full 2',
      'delete parent full 3',
      'commit',
    ]);
    const unchecked = events.flatMap((event) =>
      event.kind === 'update' || event.kind === 'delete' ? [event.isUnchecked ?? false] : [],
    );
    expect(unchecked).toEqual([false, true, false]);
  });

  const stops: readonly {
    readonly what: string;
    readonly sql: readonly string[];
    readonly code: string;
    readonly writesFail?: true;
  }[] = [
    { what: 'TRUNCATE', sql: ['truncate t'], code: 'TEAL-SYSTEMS-340' },
    {
      what: 'a partition that is emptied',
      sql: ['alter table parts truncate partition low'],
      code: 'TEAL-SYSTEMS-340',
    },
    { what: 'a table that is written anew', sql: ['alter table t engine = InnoDB, force'], code: 'TEAL-SYSTEMS-340' },
    { what: 'a table that is gone', sql: ['drop table `sö me-t`'], code: 'TEAL-SYSTEMS-340' },
    { what: 'a column that comes', sql: ['alter table t add column w int'], code: 'TEAL-SYSTEMS-341' },
    { what: 'a column that goes', sql: ['alter table t drop column v'], code: 'TEAL-SYSTEMS-34', writesFail: true },
    {
      what: 'a column of another name',
      sql: ['alter table t rename column v to w'],
      code: 'TEAL-SYSTEMS-341',
      writesFail: true,
    },
    {
      what: 'a foreign key that acts',
      sql: [
        'set foreign_key_checks = 0',
        'alter table child add foreign key (p) references t (id) on delete cascade',
        'set foreign_key_checks = 1',
      ],
      code: 'TEAL-SYSTEMS-34',
    },
    { what: 'a trigger that is dropped', sql: ['drop trigger {trigger}'], code: 'TEAL-SYSTEMS-041' },
    { what: 'a trigger that is made again', sql: ['drop trigger {trigger}', '{create}'], code: 'TEAL-SYSTEMS-041' },
  ];

  test.skipIf(!tested).for(stops)(
    '$what ends the stream, and stands in the way of every later one',
    async ({ sql, code, writesFail }) => {
      await using session = await open();
      const first = await record(session, [
        'create table t (id int primary key, v int)',
        'create table child (id int primary key, p int, key (p))',
        'create table `sö me-t` (id int primary key)',
        'create table parts (id int primary key) partition by range (id) (partition low values less than (10), partition high values less than maxvalue)',
      ]);
      await session.query('insert into t values (1, 1)');
      const { rows: triggers } = await session.query(
        `select trigger_name as name from information_schema.triggers where event_object_table = 't' and event_manipulation = 'DELETE'`,
      );
      const trigger = triggers[0]?.['name'] ?? '';
      const { rows: created } = await session.query(`show create trigger ${trigger}`);
      await using opened = await stream(first, { checkPauseMs: 0 });
      expect((await opened.next()).length).toBeGreaterThan(0);
      for (const text of sql) {
        await session.query(
          text.replace('{trigger}', trigger).replace('{create}', created[0]?.['SQL Original Statement'] ?? ''),
        );
      }
      const ended = await refusal(
        (async () => {
          for (;;) await opened.next();
        })(),
      );
      expect(ended.code).toMatch(new RegExp(`^${code}`));
      expect(ended.entry.retry).toBe('never');
      expect((await refusal(stream(first))).code).toBe(ended.code);
      // As a fence asks before its token.
      expect((await refusal(refuseGaps(session))).code).toBe(ended.code);
      const write = session.query('insert into t (id) values (77)').then(
        () => true,
        () => false,
      );
      expect(await write).toBe(writesFail !== true);
      await removeRecorder(session);
      await session.query('insert into t (id) values (78)');
    },
  );

  test.skipIf(!tested)('what changes neither rows nor columns is no reason to stop', async () => {
    await using session = await open();
    await record(session, ['create table t (id int auto_increment primary key, v int)', 'insert into t values (5, 1)']);
    await run(session, [
      'alter table t auto_increment = 1000',
      'analyze table t',
      'alter table t add index (v)',
      'alter table t alter v set default 7',
    ]);
    expect(await recordGaps(session)).toEqual({ replaced: [], reshaped: [], unrecorded: [], appliers: [] });
  });

  test.skipIf(!tested)(
    'is forgotten when it was acknowledged, and only then; a place that was forgotten is refused',
    async () => {
      await using session = await open();
      const first = await record(session, ['create table t (id int primary key, v longtext)']);
      await session.query(
        `insert into t select n, repeat('x', 1000) from (with recursive c (n) as (select 1 union all select n + 1 from c where n < 1000) select n from c) q`,
      );
      const middle = await makeTick(session);
      await session.query('delete from t where id <= 300');
      const last = await makeTick(session);
      {
        await using opened = await stream(first);
        let end = first;
        while (end < last) for (const entry of await opened.next()) if (entry.kind === 'commit') end = entry.end;
        opened.acknowledge(middle);
        await waitFor({ what: 'the record to be forgotten', timeoutMs: 60_000 }, async () => {
          const { rows } = await session.query('select count(*) as n from teal.changes');
          return rows[0]?.['n'] === '300' || undefined;
        });
      }
      expect((await refusal(stream(first))).code).toBe('TEAL-SYSTEMS-044');
      expect((await readFrom(session, middle)).filter(({ kind }) => kind === 'delete').length).toBe(300);
      const { begins } = await keptRange(session);
      expect(positionOfPlace(begins)).toBe(middle);
      const { rows } = await session.query(`select count(*) as n from teal.tick_runs where tick <= ${begins.tick}`);
      expect(rows[0]?.['n']).toBe('0');
    },
  );

  test.skipIf(!tested)(
    'says who owns the data in transactions of their own, and nothing of what Teal applied',
    async () => {
      await using session = await open();
      const first = await record(session, ['create table t (id int primary key)']);
      await run(session, [
        'insert into t values (1)',
        `insert into teal.cut (token, kind, cut, epoch) values ('one', 'fence', 'c', 1)`,
        `insert into teal.cut (token, kind, cut, epoch) values ('one/reopened', 'reopened', 'c', 1)`,
        'insert into t values (2)',
        `set @teal_origin = 'teal_shop_rev'`,
        'insert into t values (3)',
        `insert into teal.owner (epoch, owner, cut) values (2, 'green', 'c')`,
        'set @teal_origin = null',
        'insert into t values (4)',
      ]);
      const events = await readFrom(session, first);
      const words = told(events).map((text) => text.replace(/\|.*/, ''));
      expect(words).toEqual(
        [
          ['begin', 'insert t 1', 'commit'],
          ['begin', 'insert cut one', 'commit'],
          ['begin', 'insert cut one/reopened', 'commit'],
          ['begin', 'insert t 2', 'commit'],
          ['begin', 'insert owner 2', 'commit'],
          ['begin', 'insert t 4', 'commit'],
        ].flat(),
      );
      // Each end is a place to go on from.
      const ends = events.flatMap((event) => (event.kind === 'commit' ? [event.end] : []));
      for (const [place, end] of ends.entries()) {
        const rest = told(await readFrom(session, end)).map((text) => text.replace(/\|.*/, ''));
        expect(rest).toEqual(words.slice(3 * (place + 1)));
      }
      const inside = positionOfPlace({ tick: 2n, bytes: 1n });
      const refused = await refusal(
        (async () => {
          await using opened = await stream(inside);
          for (;;) await opened.next();
        })(),
      );
      expect(refused.code).toBe('TEAL-SYSTEMS-040');
    },
  );

  test.skipIf(!tested)('has nothing of what the flow back applies, which its triggers do not hold up', async () => {
    await using session = await open();
    const first = await record(session, ['create table t (id int primary key, v varchar(20))']);
    {
      await using sink = await openMysqlSink({ url: url(), stream: 'shop_rev' });
      const applied = { applied: asPosition('0001'), mode: 'live', epoch: 0, rogueTransactions: 0 } as const;
      await sink.progress(applied);
      const column = { typeOid: 0, typeModifier: -1 };
      const fit = await sink.describe({
        id: 1,
        schema: 'shop',
        name: 't',
        replicaIdentity: 'default',
        columns: [
          { name: 'id', key: true, ...column },
          { name: 'v', key: false, ...column },
        ],
      });
      if (!fit.fits) throw new Error(fit.reason);
      const row = PackedValues.of([Buffer.from('1'), Buffer.from('applied')]);
      const commit = { ...applied, applied: asPosition('0002'), committedAtUs: 1n };
      await sink.apply({ steps: [{ kind: 'insert', table: fit.table, rows: [row] }], commit });
    }
    await session.query(`insert into t values (2, 'a client')`);
    expect(told(await readFrom(session, first))).toEqual(['begin', 'insert t 2|a client', 'commit']);
    const { rows } = await session.query('select id, v from t order by id');
    expect(rows.map(({ v }) => v)).toEqual(['applied', 'a client']);
  });

  test.skipIf(!tested)(
    'a snapshot and the changes after its tick are the table, while clients write',
    { timeout: 120_000 },
    async () => {
      await using session = await open();
      const seed = Date.now() % 1_000_000;
      const first = await record(session, [
        'create table t (id int primary key, v int not null)',
        'insert into t select 0, 0',
      ]);
      const stop = new AbortController();
      const write = async (writer: number): Promise<number> => {
        await using client = await open();
        let state = seed + writer;
        const next = (below: number): number => {
          state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
          return Math.floor((state / 2_147_483_648) * below);
        };
        let transactions = 0;
        const once = async (): Promise<void> => {
          await client.query('begin');
          // Each keeps the sum: what is seen in part is seen at once.
          const [from, to] = [next(8), next(8)].toSorted((a, b) => a - b);
          await client.query(`insert into shop.t values (${from}, -1) on duplicate key update v = v - 1`);
          if (next(3) === 0) await client.query('do sleep(0.01)');
          await client.query(`insert into shop.t values (${to}, 1) on duplicate key update v = v + 1`);
          await client.query(next(5) === 0 ? 'rollback' : 'commit');
          transactions += 1;
        };
        // Two that make a row which is not there may wait for each other: the server ends one of them.
        while (!stop.signal.aborted) await orDeadlock(once);
        return transactions;
      };
      const writers = [1, 2, 3].map(async (writer) => write(writer));
      for (const writer of writers) writer.catch(() => undefined);
      const snapshots: { readonly position: Position; readonly rows: ReadonlyMap<number, number> }[] = [];
      try {
        for (let round = 0; round < 3; round += 1) {
          await using sessions = await takeSnapshot(
            {
              url: url(),
              applicationName: 'teal test',
              sessions: 2,
              meet: tickMeeting(url()),
              tables: [{ schema: 'shop', name: 't' }],
            },
            new AbortController().signal,
          );
          const found: string[] = [];
          for (let reader = 0; reader < 2; reader += 1) {
            const one = await sessions.borrow(new AbortController().signal);
            const { rows } = await one.query('select id, v from shop.t order by id');
            found.push(JSON.stringify(rows.map((row) => [Number(row['id']), Number(row['v'])])));
          }
          expect(found[1], `seed ${seed}`).toBe(found[0]);
          snapshots.push({
            position: sessions.taken.position,
            rows: new Map(JSON.parse(found[0] ?? '[]') as [number, number][]),
          });
        }
      } finally {
        stop.abort();
      }
      const transactions = (await Promise.all(writers)).reduce((sum, some) => sum + some, 0);
      expect(transactions).toBeGreaterThan(10);
      const last = new Map(
        (await session.query('select id, v from shop.t')).rows.map((row) => [Number(row['id']), Number(row['v'])]),
      );
      const empty = { position: first, rows: new Map([[0, 0]]) };
      for (const { position, rows } of [empty, ...snapshots]) {
        const now = new Map(rows);
        for (const event of await readFrom(session, position)) {
          if (event.kind === 'commit') {
            const sum = [...now.values()].reduce((total, value) => total + value, 0);
            expect(sum, `seed ${seed}: a state of the source`).toBe(0);
          }
          if (event.kind !== 'insert' && event.kind !== 'update') continue;
          const [id, v] = event.row.toArray().map(Number);
          expect(now.has(id ?? -1), `seed ${seed}: an update meets its row`).toBe(event.kind === 'update');
          now.set(id ?? -1, v ?? 0);
        }
        expect(now, `seed ${seed}`).toEqual(last);
      }
    },
  );

  test.skipIf(!tested)('is read by one reader alone, and only where it is', async () => {
    await using session = await open();
    const first = await record(session, ['create table t (id int primary key)']);
    {
      await using opened = await stream(first);
      expect(opened.identity).toMatch(/\S\/\S/);
      const second = await refusal(stream(first));
      expect([second.code, second.entry.retry]).toEqual(['TEAL-SYSTEMS-042', 'auto']);
    }
    await removeRecorder(session);
    await removeRecorder(session);
    expect((await refusal(stream(first))).code).toBe('TEAL-SYSTEMS-040');
    const { rows } = await session.query(
      `select count(*) as n from information_schema.triggers where trigger_schema in ('shop', 'teal')`,
    );
    expect(rows[0]?.['n']).toBe('0');
  });
});
