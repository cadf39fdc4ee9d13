import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import { actingKeysOf, linkedTables } from '../../model/acting-keys.ts';
import type { MysqlTable } from '../../model/mysql-catalog.ts';
import type { CopyRange, DoneRange, RowStream } from '../../ports/snapshot-source.ts';
import { copyInEpochs } from '../../sync/epochs.ts';
import { copyTables } from '../../sync/copy.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { LineReader, LineWriter } from './copy-lines.ts';
import type { Cell } from './values/from-select.ts';
import { mysqlSnapshotSource } from './copy-source.ts';
import { mysqlCopyTarget, type TargetColumn } from './copy-target.ts';
import { readCatalog } from './inspect/catalog.ts';
import { mysqlSnapshotKeeper } from './snapshot.ts';
import { takeSnapshot, type SnapshotSessions } from './snapshot-sessions.ts';
import { cellsOf } from './test-support/lines.ts';
import { describeTable } from './test-support/tables.ts';

const signal = new AbortController().signal;
/** Opens sessions and copies: a machine with other work takes its time. */
const slow = { timeout: 300_000 };

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

/** Enough for the tables of these tests: whole numbers and texts. */
function literals({ type }: TargetColumn): { literal(text: Buffer): string } {
  const isNumber = /int/.test(type);
  return { literal: (text) => (isNumber ? text.toString('latin1') : `_utf8mb4 x'${text.toString('hex')}'`) };
}

async function* spansOf(rows: Iterable<readonly Cell[]>): AsyncGenerator<Buffer, void, void> {
  const writer = new LineWriter(256);
  for (const row of rows) {
    writer.add(row);
    yield* writer.take();
  }
  yield* writer.end();
}

function streamOf(rows: readonly (readonly Cell[])[], count = rows.length): RowStream {
  return { format: 'text', spans: spansOf(rows), rowCount: () => BigInt(count) };
}

async function readAll(stream: RowStream, columns: number): Promise<readonly (readonly Cell[])[]> {
  const rows: (readonly Cell[])[] = [];
  const reader = new LineReader((line, from, to) => rows.push(cellsOf(line.subarray(from, to), columns)));
  for await (const span of stream.spans) reader.push(Buffer.from(span));
  reader.end();
  expect(stream.rowCount()).toBe(BigInt(rows.length));
  return rows;
}

describe.for(longSeries)('the copy with $series', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  const open = async (): Promise<MysqlConnection> => connect({ url, applicationName: 'teal test' });

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    url = `mysql://root@127.0.0.1:${server.port}/`;
    await using session = await open();
    await session.query('create database here');
    await session.query('create database teal');
    await session.query(
      `create table teal.chunk (run int not null, rel bigint unsigned not null, chunk int not null, kind varchar(8) not null, lo text, hi text,
         snap mediumtext not null, \`rows\` bigint not null default 0, done_at timestamp(6) not null default current_timestamp(6),
         primary key (run, rel, chunk)) engine=InnoDB`,
    );
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
  });

  let other: MysqlServer | undefined;
  /** A second server for whole copies, with these tables and no record of any copy. */
  async function openOther(
    tables: readonly string[],
  ): Promise<{ readonly target: MysqlConnection; readonly targetUrl: string }> {
    other ??= await startMysql({ series });
    const targetUrl = `mysql://root@127.0.0.1:${other.port}/`;
    const target = await connect({ url: targetUrl, applicationName: 'teal test' });
    for (const name of ['here', 'teal']) {
      await target.query(`drop database if exists ${name}`);
      await target.query(`create database ${name}`);
    }
    for (const table of tables) await target.query(table);
    await using session = await open();
    const chunk = await session.query('show create table teal.chunk');
    await target.query((chunk.rows[0]?.['Create Table'] ?? '').replace('`chunk`', 'teal.chunk'));
    return { target, targetUrl };
  }

  /** Ends the sessions of a snapshot. */
  async function loseSnapshot(session: MysqlConnection): Promise<void> {
    const { rows } = await session.query('select trx_mysql_thread_id as id from information_schema.innodb_trx');
    for (const { id } of rows) {
      if (id !== String(session.processId)) await session.query(`kill ${id}`).catch(() => undefined);
    }
  }

  /** Changes of rows in the log behind a position. */
  async function updatesAfter(session: MysqlConnection, position: string): Promise<number> {
    const [, sequence = '', offset = ''] = /^(\d+)\.(\d+)/.exec(position) ?? [];
    const logs = await session.query('show binary logs');
    let count = 0;
    for (const { Log_name: file } of logs.rows) {
      const number = Number(/\.(\d+)$/.exec(file ?? '')?.[1]);
      if (number < Number(sequence)) continue;
      const from = number === Number(sequence) ? ` from ${Number(offset)}` : '';
      const { rows } = await session.query(`show binlog events in '${file}'${from}`);
      count += rows.filter((row) => row['Event_type']?.startsWith('Update_rows')).length;
    }
    return count;
  }

  test.skipIf(!tested).for([undefined, 0])(
    'all sessions see what the log has before the position, while others write (attempts without a lock: %s)',
    slow,
    async (attemptsWithoutLock) => {
      await using session = await open();
      await session.query('drop table if exists here.counter');
      await session.query('create table here.counter (id int primary key, n int not null) engine=innodb');
      await session.query('insert into here.counter values (0, 0), (1, 0), (2, 0)');
      const stop = new AbortController();
      const writers = [0, 1, 2].map(async (id) => {
        await using writer = await open();
        while (!stop.signal.aborted) {
          await writer.query('update here.counter set n = n + 1 where id = ?', [id]);
          // Writers without pause leave no moment without a commit.
          await writer.query('do sleep(rand() * 0.01)');
        }
      });
      const taken: { readonly sum: number; readonly position: string }[] = [];
      try {
        for (let n = 0; n < 20; n += 1) {
          await using snapshot = await takeSnapshot(
            {
              url,
              applicationName: 'teal test',
              sessions: 3,
              tables: [{ schema: 'here', name: 'counter' }],
              ...(attemptsWithoutLock === undefined ? {} : { attemptsWithoutLock }),
            },
            signal,
          );
          const { how, blockedMs } = snapshot.taken;
          if (attemptsWithoutLock === 0) {
            expect(how).toBe(server.flavour === 'mysql' ? 'writes blocked' : 'commits blocked');
          }
          expect(blockedMs).toBeLessThan(20_000);
          const sums = [await sumOf(snapshot), await sumOf(snapshot), await sumOf(snapshot)];
          expect(new Set(sums).size).toBe(1);
          taken.push({ sum: must(sums[0], 'a sum'), position: snapshot.taken.position });
        }
      } finally {
        stop.abort();
        await Promise.all(writers);
      }
      const { rows } = await session.query('select sum(n) as n from here.counter');
      const end = Number(rows[0]?.['n']);
      expect(end).toBeGreaterThan(20);
      for (const { sum, position } of taken) expect(sum + (await updatesAfter(session, position))).toBe(end);
      const positions = taken.map(({ position }) => position);
      expect([...positions].sort()).toEqual(positions);
    },
  );

  /** By one session after the other: each is asked once. */
  async function sumOf(snapshot: SnapshotSessions): Promise<number> {
    const lent = await snapshot.borrow(signal);
    const { rows } = await lent.query('select sum(n) as n from here.counter');
    return Number(rows[0]?.['n']);
  }

  test.skipIf(!tested)(
    'its tables cannot be replaced while it is held, others are told when they were',
    slow,
    async () => {
      await using session = await connect({ url, applicationName: 'teal test', lockTimeoutMs: 1_000 });
      for (const name of ['kept', 'other']) {
        await session.query(`drop table if exists here.${name}`);
        await session.query(`create table here.${name} (id int primary key)`);
        await session.query(`insert into here.${name} values (1)`);
      }
      const kept = await describeTable(session, 'here', 'kept', 1);
      const other = await describeTable(session, 'here', 'other', 2);
      await using snapshot = await takeSnapshot(
        { url, applicationName: 'teal test', sessions: 2, tables: [kept] },
        signal,
      );
      expect(await codeOf(session.query('truncate table here.kept'))).toBe('TEAL-SYSTEMS-008');
      await session.query('truncate table here.other');
      const source = mysqlSnapshotSource({ url, sessions: snapshot });
      await using reader = await source.open(signal);
      expect(await readAll(reader.read({ table: kept, from: 0 }, 'text'), 1)).toEqual([[Buffer.from('1')]]);
      expect(await codeOf(readAll(reader.read({ table: other, from: 0 }, 'text'), 1))).toBe('TEAL-SYNC-203');
      expect(await codeOf(source.open(signal))).toBe('TEAL-SYNC-203');
    },
  );

  test.skipIf(!tested)(
    'a long SELECT delays what waits for it, for a bounded time, and nothing else',
    slow,
    async () => {
      await using session = await open();
      await session.query('drop table if exists here.read, here.counter');
      await session.query('create table here.counter (id int primary key, n int not null)');
      await session.query('create table here.read (id int primary key)');
      await session.query('insert into here.read values (1)');
      await using reader = await open();
      const reads = codeOf(reader.query('select sleep(600) from here.read'));
      await waitFor({ what: 'the statement to run', timeoutMs: 60_000 }, async () => {
        const { rows } = await session.query(
          `select count(*) as n from information_schema.processlist where id = ? and info like 'select sleep%'`,
          [reader.processId],
        );
        return rows[0]?.['n'] === '1' ? true : undefined;
      });
      try {
        const take = async (attemptsWithoutLock: number): Promise<string> => {
          const options = { url, applicationName: 'teal test', sessions: 2, lockTimeoutMs: 3_000, attemptsWithoutLock };
          await using snapshot = await takeSnapshot(options, signal);
          return snapshot.taken.how;
        };
        expect(await take(20)).toBe('agreed');
        if (server.flavour === 'mariadb') {
          expect(await take(0)).toBe('commits blocked');
          await session.query('insert into here.read values (3)');
        } else {
          expect(await codeOf(take(0))).toBe('TEAL-SYSTEMS-008');
          await session.query('insert into here.counter values (99, 0)');
        }
      } finally {
        await session.query(`kill ${reader.processId}`);
      }
      expect(await reads).not.toBe('no error');
    },
  );

  test.skipIf(!tested)('needs no more rights than its way takes', slow, async () => {
    await using session = await open();
    await session.query(`drop user if exists 'reader'@'%'`);
    await session.query(`create user 'reader'@'%' identified by 'pass'`);
    await session.query(`grant select on here.* to 'reader'@'%'`);
    await session.query('create table if not exists here.counter (id int primary key, n int not null)');
    const readerUrl = `mysql://reader:pass@127.0.0.1:${server.port}/`;
    const take = async (attemptsWithoutLock: number): Promise<void> => {
      await using _ = await takeSnapshot(
        {
          url: readerUrl,
          applicationName: 'teal test',
          sessions: 2,
          tables: [{ schema: 'here', name: 'counter' }],
          attemptsWithoutLock,
        },
        signal,
      );
    };
    expect(await codeOf(take(5))).toBe('TEAL-SYSTEMS-010');
    await session.query(
      `grant ${server.flavour === 'mariadb' ? 'binlog monitor' : 'replication client'} on *.* to 'reader'@'%'`,
    );
    expect(await codeOf(take(100))).toBe('no error');
    expect(await codeOf(take(0))).toBe('TEAL-SYSTEMS-010');
  });

  test.skipIf(!tested)('parts of a table hold every row once, whatever its numbers are', slow, async () => {
    await using session = await open();
    await session.query('drop table if exists here.wide, here.few, here.none, here.my');
    await session.query('create table here.wide (id bigint primary key, v varchar(200) not null)');
    const ids = [
      ...Array.from({ length: 3_000 }, (_, n) => BigInt(n - 700)),
      ...Array.from({ length: 1_000 }, (_, n) => 10n ** 15n + BigInt(n * 1_000_003)),
      -(2n ** 63n),
      2n ** 63n - 1n,
    ];
    for (let at = 0; at < ids.length; at += 500) {
      const some = ids.slice(at, at + 500).map((id) => `(${id}, repeat('x', 200))`);
      await session.query(`insert into here.wide values ${some.join(', ')}`);
    }
    await session.query('create table here.few (a bigint unsigned, b int, primary key (a, b))');
    await session.query('insert into here.few values (18446744073709551615, 1), (18446744073709551615, -1), (0, 0)');
    await session.query('create table here.none (v varchar(20))');
    await session.query(`insert into here.none values ('a'), ('a'), (null)`);
    await session.query('create table here.my (id int primary key) engine=myisam');
    await session.query('analyze table here.wide, here.few, here.none');
    const tables: MysqlTable[] = [];
    for (const name of ['wide', 'few', 'none', 'my']) {
      tables.push(await describeTable(session, 'here', name, tables.length + 1));
    }
    await using keeper = mysqlSnapshotKeeper({ url, tables, sessions: 2, stretchBytes: 20_000 });
    const { source } = await keeper.take(3, signal);
    const extents = await source.extents(tables);
    expect(extents[0]?.units).toBeGreaterThan(10);
    expect(extents.map(({ units }) => units).slice(2)).toEqual([1, 1]);
    // What comes after the stretches were measured belongs to no part: the snapshot has it not.
    await session.query(`insert into here.wide values (-5000, ''), (99999999, '')`);
    await using reader = await source.open(signal);
    for (const extent of extents.slice(0, 3)) {
      const columns = extent.table.columns.length;
      const whole = await readAll(reader.read({ table: extent.table, from: 0 }, 'text'), columns);
      const parts: string[] = [];
      const sizes: number[] = [];
      for (let from = 0; from < extent.units; from += 1) {
        const range: CopyRange = { table: extent.table, from, ...(from === extent.units - 1 ? {} : { to: from + 1 }) };
        const rows = await readAll(reader.read(range, 'text'), columns);
        sizes.push(rows.length);
        parts.push(...rows.map((row) => row.join('|')));
      }
      expect(parts.toSorted()).toEqual(whole.map((row) => row.join('|')).toSorted());
      if (extent.table.name === 'wide') {
        expect(whole).toHaveLength(ids.length);
        expect(Math.max(...sizes)).toBeLessThan(ids.length / 3);
      }
      // A plan may cut behind the end, and further than there are stretches.
      const behind = await readAll(reader.read({ table: extent.table, from: extent.units }, 'text'), columns).catch(
        (error: unknown) => error,
      );
      if (extent.units > 1) expect(behind).toEqual([]);
    }
    const my = must(tables[3], 'a table');
    expect(await codeOf(readAll(reader.read({ table: my, from: 0 }, 'text'), 1))).toBe('TEAL-SYNC-131');
    expect(await codeOf(readAll(reader.read({ table: my, from: 0 }, 'binary'), 1))).toBe('TEAL-SYNC-204');
  });

  test.skipIf(!tested)('a session that is left in the middle of a table is used again', slow, async () => {
    await using session = await open();
    await session.query('drop table if exists here.long');
    await session.query('create table here.long (id int primary key auto_increment, v varchar(1000))');
    await session.query(`insert into here.long (v) values (repeat('x', 1000))`);
    for (let n = 0; n < 14; n += 1) await session.query('insert into here.long (v) select v from here.long');
    const table = await describeTable(session, 'here', 'long', 1);
    await using snapshot = await takeSnapshot(
      { url, applicationName: 'teal test', sessions: 1, tables: [table] },
      signal,
    );
    const source = mysqlSnapshotSource({ url, sessions: snapshot });
    {
      await using reader = await source.open(signal);
      for await (const _ of reader.read({ table, from: 0 }, 'text').spans) break;
    }
    expect(snapshot.alive).toBe(1);
    const stop = new AbortController();
    {
      await using reader = await source.open(stop.signal);
      const reads = async (): Promise<void> => {
        for await (const _ of reader.read({ table, from: 0 }, 'text').spans) stop.abort(new Error('enough'));
      };
      await expect(reads()).rejects.toThrow('enough');
    }
    expect(snapshot.alive).toBe(1);
    await using reader = await source.open(signal);
    const { rows } = await session.query('select count(*) as n from here.long');
    expect(await readAll(reader.read({ table, from: 0 }, 'text'), 2)).toHaveLength(Number(rows[0]?.['n']));
  });

  test.skipIf(!tested)('a range and its record are one act', slow, async () => {
    await using session = await open();
    await session.query('drop table if exists here.t, teal.copy_run');
    await session.query('delete from teal.chunk');
    await session.query('create table here.t (id int primary key, v varchar(300))');
    const table = await describeTable(session, 'here', 't', 7);
    const target = mysqlCopyTarget({ url, literals });
    const run = { epoch: 2, snapshot: 'one', tables: [table] };
    expect(await target.epoch()).toBe(0);
    expect(await target.begin(run, signal)).toEqual([]);
    expect(await target.epoch()).toBe(2);
    const rows = Array.from({ length: 5_000 }, (_, n): readonly Cell[] => [
      Buffer.from(String(n - 9)),
      n % 3 === 0 ? null : Buffer.from(`'é\\\n\t日${'x'.repeat(n % 280)}`),
    ]);
    {
      await using writer = await target.open(run, signal);
      const first = { table, from: 0, to: 1 };
      expect(await codeOf(writer.write(first, streamOf(rows, rows.length + 1)))).toBe('TEAL-SYNC-205');
      expect(await codeOf(writer.write(first, { ...streamOf(rows), format: 'binary' }))).toBe('TEAL-SYNC-204');
      expect(await target.done([table])).toEqual([]);
      expect(await writer.write(first, streamOf(rows))).toEqual({ state: 'written', rows: 5_000n });
      expect(await writer.write(first, streamOf(rows))).toEqual({ state: 'already there' });
    }
    const read: (readonly Cell[])[] = [];
    for await (const row of session.rows('select id, v from here.t order by id')) read.push(row);
    expect(read).toEqual(rows);
    const done: readonly DoneRange[] = await target.done([table]);
    expect(done).toMatchObject([{ snapshot: 'one', from: 0, to: 1, rows: 5_000n }]);
    // Gone on with, not begun again; and nobody of before may write.
    const again = mysqlCopyTarget({ url, literals });
    expect(await again.begin(run, signal)).toMatchObject([{ from: 0, to: 1 }]);
    await using late = await target.open(run, signal);
    expect(await codeOf(late.write({ table, from: 1 }, streamOf([])))).toBe('TEAL-SYNC-206');
    expect(await codeOf(again.begin({ ...run, snapshot: 'other' }, signal))).toBe('TEAL-SYNC-202');
    // A new epoch empties what is not complete.
    expect(await again.begin({ ...run, epoch: 3, snapshot: 'two' }, signal)).toEqual([]);
    expect((await session.query('select count(*) as n from here.t')).rows).toEqual([{ n: '0' }]);
    expect(await codeOf(again.begin(run, signal))).toBe('TEAL-SYNC-206');
    await session.query(`insert into here.t values (1, 'mine')`);
    expect(await codeOf(again.begin({ ...run, epoch: 4, snapshot: 'three' }, signal))).toBe('TEAL-SYNC-201');
    expect((await session.query('select count(*) as n from here.t')).rows).toEqual([{ n: '1' }]);
  });

  test.skipIf(!tested)('a run that begins ends writers that hang', slow, async () => {
    await using session = await open();
    await session.query('drop table if exists here.t, teal.copy_run');
    await session.query('delete from teal.chunk');
    await session.query('create table here.t (id int primary key, v text)');
    const table = await describeTable(session, 'here', 't', 7);
    const run = { epoch: 2, snapshot: 'one', tables: [table] };
    const target = mysqlCopyTarget({ url, literals });
    await target.begin(run, signal);
    await using writer = await target.open(run, signal);
    const [begun, never] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* hangs(): AsyncGenerator<Buffer, void, void> {
      const rows = Array.from({ length: 3_000 }, (_, n): readonly Cell[] => [
        Buffer.from(String(n)),
        Buffer.alloc(900, 'x'),
      ]);
      yield* spansOf(rows);
      begun.resolve();
      await never.promise;
    }
    const writing = codeOf(
      writer.write({ table, from: 0 }, { format: 'text', spans: hangs(), rowCount: () => 3_000n }),
    );
    await begun.promise;
    const again = mysqlCopyTarget({ url, literals });
    expect(await again.begin(run, signal)).toEqual([]);
    never.resolve();
    expect(await writing).toBe('TEAL-SYSTEMS-006');
    expect((await session.query('select count(*) as n from here.t')).rows).toEqual([{ n: '0' }]);
    await using next = await again.open(run, signal);
    expect(await next.write({ table, from: 0 }, streamOf([[Buffer.from('1'), null]]))).toEqual({
      state: 'written',
      rows: 1n,
    });
  });

  test.skipIf(!tested)('values are read that are longer than a packet of the protocol', slow, async () => {
    {
      await using session = await open();
      await session.query('set global max_allowed_packet = 67108864');
    }
    await using session = await open();
    await session.query('drop table if exists here.big');
    await session.query('create table here.big (id int primary key, v longblob)');
    await session.query(`insert into here.big values (1, repeat(x'ab', ${20 << 20})), (2, x'00')`);
    const table = await describeTable(session, 'here', 'big', 1);
    await using snapshot = await takeSnapshot({ url, applicationName: 'teal test', sessions: 1 }, signal);
    await using reader = await mysqlSnapshotSource({ url, sessions: snapshot }).open(signal);
    const rows = await readAll(reader.read({ table, from: 0 }, 'text'), 2);
    expect(rows[0]?.[1]?.equals(Buffer.from(`\\x${'ab'.repeat(20 << 20)}`))).toBe(true);
    expect(rows[1]).toEqual([Buffer.from('2'), Buffer.from('\\x00')]);
  });

  test.skipIf(!tested)('a row that is too long for the target is told', slow, async () => {
    await using session = await open();
    await session.query('drop table if exists here.t, teal.copy_run');
    await session.query('delete from teal.chunk');
    await session.query('create table here.t (id int primary key, v longtext)');
    const { rows } = await session.query('select @@global.max_allowed_packet as n');
    await session.query('set global max_allowed_packet = 1048576');
    try {
      const table = await describeTable(session, 'here', 't', 7);
      const run = { epoch: 2, snapshot: 'one', tables: [table] };
      const target = mysqlCopyTarget({ url, literals });
      await target.begin(run, signal);
      await using writer = await target.open(run, signal);
      const big = streamOf([[Buffer.from('1'), Buffer.alloc(600_000, 'x')]]);
      expect(await codeOf(writer.write({ table, from: 0 }, big))).toBe('TEAL-SYNC-133');
      const smaller = streamOf([[Buffer.from('1'), Buffer.alloc(500_000, 'x')]]);
      expect(await writer.write({ table, from: 0 }, smaller)).toMatchObject({ state: 'written' });
    } finally {
      await session.query(`set global max_allowed_packet = ${rows[0]?.['n']}`);
    }
  });

  test.skipIf(!tested)('a whole copy goes through the loss of its snapshot, while others write', slow, async () => {
    const make = (name: string): string =>
      `create table here.${name} (id bigint primary key auto_increment, v varchar(500))`;
    const { target: opened, targetUrl } = await openOther([make('a'), make('b')]);
    await using target = opened;
    await using session = await open();
    await session.query('drop table if exists here.a, here.b');
    for (const name of ['a', 'b']) await session.query(make(name));
    await session.query(`insert into here.a (v) values (repeat('a', 400))`);
    for (let n = 0; n < 12; n += 1) await session.query('insert into here.a (v) select v from here.a');
    await session.query(`insert into here.b (v) select v from here.a limit 100`);
    await session.query('analyze table here.a, here.b');
    const tables = [await describeTable(session, 'here', 'a', 1), await describeTable(session, 'here', 'b', 2)];
    await using keeper = mysqlSnapshotKeeper({ url, tables, sessions: 2, stretchBytes: 30_000 });
    const copyTarget = mysqlCopyTarget({ url: targetUrl, literals });
    let kills = 0;
    const report = await copyInEpochs({
      keeper,
      target: copyTarget,
      tables,
      workers: 2,
      signal,
      minRangeBytes: 60_000,
      onEpoch: async () => {
        // Rows of after the first snapshot are in the second one.
        await session.query(`insert into here.a (v) values ('later')`);
        if (kills === 0) {
          kills += 1;
          await loseSnapshot(session);
        }
      },
    });
    expect(report.lost).toBe(1);
    const { rows } = await session.query('select count(*) as n from here.a');
    expect((await target.query('select count(*) as n, count(distinct id) as d from here.a')).rows[0]).toEqual({
      n: String(Number(rows[0]?.['n']) - 1),
      d: String(Number(rows[0]?.['n']) - 1),
    });
    expect(report.ranges).toBeGreaterThan(5);
    // Again: all is there, and nothing is read.
    const held = must(await keeper.held(signal), 'the held snapshot');
    const second = await copyTables({ ...held, target: copyTarget, tables, signal });
    expect(second).toMatchObject({ bytes: 0, ranges: 0, rows: report.rows });
    await keeper.letGo(signal);
    expect(await keeper.held(signal)).toBeUndefined();
  });

  test.skipIf(!tested)(
    'what a foreign key did between two snapshots is in the copy: a table that was complete is copied anew with one that it is linked to',
    slow,
    async () => {
      const parent = 'create table here.parent (id bigint primary key auto_increment, v varchar(500))';
      const child = (more: string): string =>
        `create table here.child (id bigint primary key auto_increment, parent bigint, v varchar(500)${more})`;
      const { target: opened, targetUrl } = await openOther([parent, child('')]);
      await using target = opened;
      await using blocker = await connect({ url: targetUrl, applicationName: 'teal test' });
      await using session = await open();
      await session.query('drop table if exists here.child, here.parent');
      await session.query(parent);
      await session.query(child(', foreign key (parent) references here.parent (id) on delete cascade'));
      await session.query(`insert into here.parent (v) values (repeat('p', 400))`);
      for (let n = 0; n < 10; n += 1) await session.query('insert into here.parent (v) select v from here.parent');
      for (let n = 0; n < 4; n += 1)
        await session.query('insert into here.child (parent, v) select id, v from here.parent');
      await session.query('analyze table here.parent, here.child');
      const catalog = await readCatalog(session, 'here');
      const tables = catalog.tables.filter(({ name }) => name === 'parent' || name === 'child');
      await using keeper = mysqlSnapshotKeeper({ url, tables, sessions: 1, stretchBytes: 30_000 });
      // Whoever writes the first parent waits for this one.
      await blocker.query('begin');
      await blocker.query('insert into here.parent (id) values (1)');
      const childDone = Promise.withResolvers<void>();
      const meanwhile = (async (): Promise<void> => {
        await childDone.promise;
        await session.query('delete from here.parent where id % 2 = 0');
        await loseSnapshot(session);
        await blocker.query('rollback');
      })();
      const report = await copyInEpochs({
        keeper,
        target: mysqlCopyTarget({ url: targetUrl, literals }),
        tables,
        linked: linkedTables(actingKeysOf(tables)),
        workers: 1,
        signal,
        minRangeBytes: 60_000,
        maxRangeBytes: 60_000,
        onTableDone: ({ name }) => (name === 'child' ? childDone.resolve() : undefined),
      });
      await meanwhile;
      expect(report.lost).toBe(1);
      const count = async (on: MysqlConnection, name: string): Promise<string | null | undefined> =>
        (await on.query(`select count(*) as n from here.${name}`)).rows[0]?.['n'];
      for (const name of ['parent', 'child']) expect(await count(target, name)).toBe(await count(session, name));
      const { rows } = await target.query('select distinct run as run from teal.chunk');
      expect(rows).toEqual([{ run: String(report.epoch) }]);
    },
  );
});
