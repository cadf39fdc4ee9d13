import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { waitFor } from '../../kernel/clock.ts';
import type { TealError } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { ChangeRecord } from '../../ports/change-source.ts';
import type { MysqlConnection } from './connection.ts';
import { placeOfPosition, positionOfPlace } from './position.ts';
import {
  decode,
  endOfBinlog,
  endsOf,
  openSession,
  openStream,
  readCommits,
  readUpTo,
  refusal,
  run,
  tell,
} from './test-support/stream.ts';

/** The same boundary without GTIDs: where to read on is then told by file and offset. */
function byFile(position: Position): Position {
  return positionOfPlace({ ...placeOfPosition(position), gtids: undefined });
}

const isRow = (text: string): boolean => /^(insert|update|delete|truncate)/.test(text);

describe.for(allSeries)('the binlog of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  let session: MysqlConnection;
  let schemas = 0;
  let schema = '';

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    url = `mysql://root@127.0.0.1:${server.port}/`;
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    if (!tested) return;
    schemas += 1;
    schema = `s${schemas}`;
    session = await openSession(url);
    await run(session, [`create database ${schema}`, `use ${schema}`]);
  });
  afterEach(async () => session?.close());

  test.skipIf(!tested)(
    'is read whole: every kind of change, old rows where the key moves or there is none',
    async () => {
      await run(session, [
        'create table t (id int primary key, v varchar(20), w int as (id + 1) stored)',
        'create table f (a int, b varchar(9))',
        'create table p (n varchar(20), k int, primary key (k, n))',
      ]);
      const after = await endOfBinlog(session);
      await using stream = await openStream(url, after);
      await run(session, [
        `insert into t (id, v) values (1, 'a'), (2, null)`,
        'begin',
        `update t set v = 'b' where id = 1`,
        'savepoint one',
        'update t set id = 3 where id = 2',
        'rollback to one',
        'update t set id = 4 where id = 2',
        'delete from t where id = 4',
        'commit',
        `insert into f values (1, 'é')`,
        'update f set b = null',
        'delete from f',
        `insert into p values ('x', 1)`,
        `update p set n = 'X'`,
        'begin',
        `insert into t (id) values (9)`,
        'rollback',
      ]);
      const records = await readUpTo(stream, await endOfBinlog(session));
      const events = decode(records);
      expect(events.map(tell)).toEqual([
        'begin',
        `relation ${schema}.t id*,v,w`,
        'insert t 1|a|2',
        'insert t 2|NULL|3',
        'commit',
        'begin',
        'update t to 1|b|(not sent)',
        'update t full 2|NULL|3 to 4|NULL|5',
        'delete t full 4|NULL|5',
        'commit',
        'begin',
        `relation ${schema}.f a*,b*`,
        'insert f 1|é',
        'commit',
        'begin',
        'update f full 1|é to 1|NULL',
        'commit',
        'begin',
        'delete f full 1|NULL',
        'commit',
        'begin',
        `relation ${schema}.p n*,k*`,
        'insert p x|1',
        'commit',
        'begin',
        'update p full x|1 to X|1',
        'commit',
      ]);
      const ends = endsOf(records);
      expect(ends.toSorted()).toEqual(ends);
      expect(ends[0] !== undefined && ends[0] > after).toBe(true);
      // Each begin lies behind all that ended before, and before its own end.
      let last = after;
      for (const event of events) {
        if (event.kind === 'begin') {
          expect(event.commitsAt > last).toBe(true);
          expect(Math.abs(Number(event.committedAtUs / 1000n) - Date.now())).toBeLessThan(600_000);
        }
        if (event.kind !== 'commit') continue;
        expect(event.end > last).toBe(true);
        last = event.end;
      }
      expect(last).toBe(await endOfBinlog(session));
    },
  );

  test.skipIf(!tested)('tells the old values that foreign keys refer to, and when these were off', async () => {
    await run(session, ['create table t (id int primary key, code varchar(9) unique, n int)']);
    const after = await endOfBinlog(session);
    await using stream = await openStream(url, after);
    await run(session, [
      `insert into t values (1, 'a', 1), (2, null, 2)`,
      'update t set n = 3 where id = 1',
      `update t set code = 'A' where id = 1`,
      `update t set code = 'b' where id = 2`,
      'set foreign_key_checks = 0',
      `update t set code = 'c' where id = 2`,
      'delete from t where id = 2',
      'set foreign_key_checks = 1',
      'delete from t where id = 1',
    ]);
    const records = await readUpTo(stream, await endOfBinlog(session));
    const options = { referenced: ({ name }: { readonly name: string }) => (name === 't' ? ['code'] : []) };
    const events = decode(records, options).filter((event) => event.kind === 'update' || event.kind === 'delete');
    expect(events.map((event) => `${tell(event)}${event.isUnchecked === true ? ' unchecked' : ''}`)).toEqual([
      'update t to 1|(not sent)|3',
      'update t full 1|a|3 to 1|A|3',
      'update t full 2|NULL|2 to 2|b|2',
      'update t full 2|b|2 to 2|c|2 unchecked',
      'delete t full 2|c|2 unchecked',
      'delete t full 1|A|3',
    ]);
  });

  test.skipIf(!tested)('has computed and invisible columns as rows have them, and none that nobody sees', async () => {
    const isMysql = server.flavour === 'mysql';
    await run(session, [
      `create table t (id int primary key, v varchar(9), w int as (id + 1) virtual, x int default 5 invisible${
        isMysql ? ', index ((upper(v)))' : ''
      })`,
      'create table f (a int unique, b int)',
      // What the server itself takes for the key where none is named.
      'create table u (b int, a int not null unique)',
    ]);
    await using stream = await openStream(url, await endOfBinlog(session));
    await run(session, [
      `insert into t (id, v) values (1, 'a')`,
      `update t set v = 'b'`,
      'insert into f values (1, 2)',
      'insert into u values (2, 1)',
      'delete from t',
    ]);
    const told = decode(await readUpTo(stream, await endOfBinlog(session)))
      .map(tell)
      .filter((text) => text !== 'begin' && text !== 'commit');
    expect(told).toEqual([
      `relation ${schema}.t id*,v,w,x`,
      'insert t 1|a|2|5',
      'update t to 1|b|(not sent)|(not sent)',
      `relation ${schema}.f a*,b*`,
      'insert f 1|2',
      `relation ${schema}.u b,a*`,
      'insert u 2|1',
      'delete t full 1|b|2|5',
    ]);
  });

  test.skipIf(!tested)('says the time of a commit', async () => {
    await session.query('create table t (id int primary key)');
    await using stream = await openStream(url, await endOfBinlog(session));
    const before = BigInt(Date.now()) * 1_000n;
    await session.query('insert into t values (1)');
    const [begin] = decode(await readCommits(stream, 1));
    const committedAtUs = begin?.kind === 'begin' ? begin.committedAtUs : 0n;
    // The clock here tells whole milliseconds: what it says now may have begun up to one before.
    const after = BigInt(Date.now() + 1) * 1_000n;
    // MariaDB tells whole seconds.
    const least = server.flavour === 'mysql' ? before : before - 1_000_000n;
    expect(committedAtUs >= least && committedAtUs <= after).toBe(true);
    if (server.flavour === 'mysql') expect(committedAtUs % 1_000_000n === 0n).toBe(false);
  });

  test.skipIf(!tested)(
    'goes on behind any commit, by GTID and by file, also after the reader was cut off in a transaction',
    async () => {
      await run(session, ['create table t (id int primary key, v longtext)']);
      const after = await endOfBinlog(session);
      for (let id = 1; id <= 3; id += 1) await session.query(`insert into t values (${id}, 'x')`);
      // Longer than what arrives at once.
      await run(session, [
        'begin',
        `insert into t values (4, repeat('a', 3000000))`,
        `insert into t values (5, repeat('b', 3000000))`,
        'commit',
      ]);
      await session.query(`insert into t values (6, 'x')`);
      const end = await endOfBinlog(session);
      const idsOf = (records: readonly ChangeRecord[]): readonly string[] =>
        decode(records).flatMap((event) => (event.kind === 'insert' ? [event.row.latin1(0) ?? ''] : []));
      let ends: readonly Position[] = [];
      let identity = '';
      {
        const reason = new AbortController();
        await using stream = await openStream(url, after, { signal: reason.signal });
        identity = stream.identity;
        const records = await readCommits(stream, 3);
        ends = endsOf(records);
        while (records.filter(({ kind }) => kind === 'begin').length < 4) records.push(...(await stream.next()));
        // In the middle of the fourth.
        expect(endsOf(records)).toHaveLength(3);
        const stopped = stream.next().then(async () => readCommits(stream, 9));
        reason.abort(new Error('enough'));
        await expect(stopped).rejects.toThrow('enough');
      }
      expect(ends).toHaveLength(3);
      for (const [at, from] of [after, ...ends].entries()) {
        for (const position of [from, byFile(from)]) {
          await using stream = await openStream(url, position, { identity });
          const records = await readUpTo(stream, byFile(end));
          expect(idsOf(records)).toEqual(['1', '2', '3', '4', '5', '6'].slice(at));
          const last = endsOf(records).at(-1);
          expect(last).toBe(position === from ? end : byFile(end));
        }
      }
      const other = await refusal(openStream(url, after, { identity: 'another' }));
      expect([other.code, other.entry.retry]).toEqual(['TEAL-SYSTEMS-023', 'operator']);
    },
  );

  test.skipIf(!tested)('goes on over rotated files and restarts of the server, killed ones too', async () => {
    await session.query('create table t (id int primary key)');
    const after = await endOfBinlog(session);
    await session.query('insert into t values (1)');
    await session.query('flush binary logs');
    await session.query('insert into t values (2)');
    const read: string[] = [];
    let reached = after;
    const readOn = async (count: number, position = reached): Promise<void> => {
      await using stream = await openStream(url, position);
      const records = await readCommits(stream, count);
      read.push(...decode(records).map(tell).filter(isRow));
      reached = endsOf(records).at(-1) ?? reached;
    };
    await readOn(2);
    await server.restart();
    await session.close();
    session = await openSession(url);
    await session.query(`insert into ${schema}.t values (3)`);
    await readOn(1);
    await session.query(`insert into ${schema}.t values (4)`);
    const lost = await openStream(url, reached);
    const next = refusal(readCommits(lost, 9));
    await server.kill9();
    const error = await next;
    expect([error.code, error.entry.retry]).toEqual(['TEAL-SYSTEMS-006', 'auto']);
    await lost[Symbol.asyncDispose]();
    await server.restart();
    await session.close();
    session = await openSession(url);
    await session.query(`insert into ${schema}.t values (5)`);
    await readOn(2, byFile(reached));
    expect(read).toEqual([1, 2, 3, 4, 5].map((id) => `insert t ${id}`));
    expect(placeOfPosition(reached).sequence - placeOfPosition(after).sequence).toBeGreaterThanOrEqual(3);
  });

  test.skipIf(!tested)('is refused where it was purged or is not the one that was read', async () => {
    await session.query('create table t (id int primary key)');
    const after = await endOfBinlog(session);
    const place = placeOfPosition(after);
    await run(session, [
      'insert into t values (1)',
      'flush binary logs',
      'insert into t values (2)',
      'flush binary logs',
    ]);
    const head = await endOfBinlog(session);
    const { sequence } = placeOfPosition(head);
    const { rows } = await session.query('show binary logs');
    const newest = rows.at(-1)?.['Log_name'] ?? '';
    await endDumps(session);
    // MariaDB keeps a file until InnoDB has gone beyond it, a moment later.
    await waitFor({ what: 'the files to go', timeoutMs: 60_000 }, async () => {
      await session.query(`purge binary logs to '${newest}'`);
      return (await session.query('show binary logs')).rows.length === 1 || undefined;
    });
    // Where a server refuses with its first word or a later one is its own affair.
    const refused = async (position: Position): Promise<TealError> =>
      refusal(openStream(url, position).then(async (stream) => readCommits(stream, 1)));
    for (const position of [after, byFile(after)]) {
      const error = await refused(position);
      expect([error.code, error.entry.retry]).toEqual(['TEAL-SYSTEMS-320', 'never']);
    }
    await using stream = await openStream(url, head);
    expect(stream.identity).not.toBe('');
    const beyond = positionOfPlace({ ...place, sequence, offset: 1_000_000, gtids: undefined });
    expect((await refused(beyond)).code).toBe('TEAL-SYSTEMS-321');
    const unknown = server.flavour === 'mysql' ? `${stream.identity}:1-999999` : `0-1-999999`;
    const more = positionOfPlace({ ...place, sequence, offset: 4, gtids: unknown });
    expect((await refused(more)).code).toBe('TEAL-SYSTEMS-321');
    expect((await refusal(openStream(url, asPosition('16/B374D848')))).code).toBe('TEAL-MODEL-001');
  });

  test.skipIf(!tested)('has marks where nothing of it is wanted, also while nothing happens', async () => {
    await run(session, ['create table t (id int primary key)', 'create table other (id int primary key)']);
    const after = await endOfBinlog(session);
    await using stream = await openStream(url, after, {
      isWanted: ({ name }) => name === 't',
      silenceTimeoutMs: 3_000,
    });
    await run(session, [
      'insert into other values (1), (2)',
      'create table more (id int)',
      'analyze table t',
      'flush binary logs',
    ]);
    const head = await endOfBinlog(session);
    const records = await readUpTo(stream, byFile(head));
    expect(records.every(({ kind }) => kind === 'mark')).toBe(true);
    const last = records.at(-1);
    const end = last?.kind === 'mark' ? last.end : after;
    stream.acknowledge(end);
    expect(() => stream.acknowledge(asPosition('9'))).toThrow('TEAL-KERNEL-001');
    const waiting = stream.next();
    // Longer than it may be silent.
    await session.query('select sleep(5)');
    await session.query('insert into t values (1)');
    const more = [...(await waiting)];
    while (!more.some(({ kind }) => kind === 'commit')) more.push(...(await stream.next()));
    expect(endsOf(more).every((each) => each > end)).toBe(true);
    await using again = await openStream(url, end, { isWanted: ({ name }) => name === 't' });
    expect(
      decode(await readCommits(again, 1))
        .map(tell)
        .filter(isRow),
    ).toEqual(['insert t 1']);
  });

  test.skipIf(!tested)(
    'is without the rows that Teal applied itself, but with those that say who owns the data',
    async () => {
      await run(session, [
        'create table t (id int primary key)',
        'create database if not exists teal',
        'drop table if exists teal.stream, teal.owner, teal.chunk',
        'create table teal.stream (name varchar(255) not null primary key, writes bigint unsigned not null default 0)',
        'create table teal.owner (epoch int primary key, owner varchar(8))',
        'create table teal.chunk (run int primary key)',
      ]);
      await using stream = await openStream(url, await endOfBinlog(session), {
        isOwn: (origin) => origin === 'teal_m_fwd',
        isWanted: (table) => table.schema === schema,
      });
      const touch = (name: string): string =>
        `insert into teal.stream (name) values ('${name}') on duplicate key update writes = writes + 1`;
      await run(session, [
        'begin',
        touch('teal_m_fwd'),
        'insert into t values (1)',
        'commit',

        'begin',
        touch('teal_m_fwd'),
        'insert into t values (2)',
        `insert into teal.owner values (1, 'green')`,
        'commit',
        'begin',
        touch('teal_other_fwd'),
        'insert into t values (3)',
        'insert into teal.chunk values (1)',
        'commit',
        // Not first: it names nobody.
        'begin',
        'insert into t values (4)',
        touch('teal_m_fwd'),
        'commit',
        'insert into t values (5)',
      ]);
      const told = decode(await readUpTo(stream, await endOfBinlog(session))).map(tell);
      expect(told.filter((text) => !text.startsWith('relation'))).toEqual([
        'begin',
        'origin teal_m_fwd',
        'insert owner 1|green',
        'commit',
        'begin',
        'origin teal_other_fwd',
        'insert t 3',
        'commit',
        'begin',
        'insert t 4',
        'commit',
        'begin',
        'insert t 5',
        'commit',
      ]);
    },
  );

  test.skipIf(!tested)('tells changes of the schema at their place, by names alone', async () => {
    await run(session, [
      'create table t (id int primary key)',
      'create table unseen (id int primary key, v int not null)',
    ]);
    await using stream = await openStream(url, await endOfBinlog(session), {
      isWanted: (table) => table.schema === schema && table.name !== 'hidden',
      formsOf: async (connection, tables) => {
        const [table] = tables;
        const { rows } = await connection.query(
          'select column_name as name, column_type as type from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position',
          [table?.schema ?? '', table?.name ?? ''],
        );
        return rows.map((row) => ({
          kind: 'column',
          schema: table?.schema ?? '',
          of: table?.name ?? '',
          name: row['name'] ?? '',
          definition: row['type'] ?? '',
        }));
      },
    });
    await run(session, [
      'insert into t values (1)',
      `alter table t add column v varchar(20) default 'secret'`,
      `insert into t values (2, 'two')`,
      'create table hidden (id int)',
      'alter table t modify v varchar(30)',
      'truncate table unseen',
      'truncate t',
      'drop table t',
      `create table made (id int primary key) as select 7 as id`,
      'rename table unseen to seen',
    ]);
    const records = await readUpTo(stream, await endOfBinlog(session));
    expect(records.some((record) => record.kind !== 'mark' && record.payload.includes('secret'))).toBe(false);
    const events = decode(records);
    const brief = (text: string): string => text.replace(/"forms":\[.*?\],/, '');
    const note = (command: string, names: readonly string[], rewrote = false): string =>
      `message teal.ddl ${JSON.stringify({
        command,
        objects: names.map((name) => `table ${schema}.${name}`),
        tables: names.map((name) => ({ schema, name })),
        rewrote,
      })}`;
    expect(events.map(tell).map(brief)).toEqual([
      'begin',
      `relation ${schema}.t id*`,
      'insert t 1',
      'commit',
      'begin',
      note('ALTER TABLE', ['t']),
      'commit',
      'begin',
      `relation ${schema}.t id*,v`,
      'insert t 2|two',
      'commit',
      'begin',
      note('ALTER TABLE', ['t'], true),
      'commit',
      'begin',
      expect.stringMatching(/^relation s\d+\.unseen/) as string,
      'truncate unseen true',
      'commit',
      'begin',
      'truncate t true',
      'commit',
      'begin',
      note('DROP TABLE', ['t']),
      'commit',
      'begin',
      note('CREATE TABLE', ['made']),
      `relation ${schema}.made id*`,
      'insert made 7',
      'commit',
      'begin',
      note('RENAME TABLE', ['unseen', 'seen']),
      'commit',
    ]);
    expect(events.map(tell).some((text) => text.includes('"name":"id","definition"'))).toBe(true);
  });

  const stops: readonly {
    readonly what: string;
    readonly statements: readonly string[];
    readonly code: string;
    readonly word: string;
    readonly only?: 'mysql' | 'mariadb';
  }[] = [
    {
      what: 'a statement',
      statements: [`set session binlog_format = 'STATEMENT'`, 'insert into t values (1, null)'],
      code: 'TEAL-SYSTEMS-322',
      word: 'statement',
    },
    {
      what: 'XA',
      statements: [`xa start 'x'`, 'insert into t values (1, null)', `xa end 'x'`, `xa prepare 'x'`, `xa rollback 'x'`],
      code: 'TEAL-SYSTEMS-324',
      word: 'XA',
    },
    {
      what: 'a partial image',
      statements: [`set session binlog_row_image = 'MINIMAL'`, 'update t set v = 2 where id = 0'],
      code: 'TEAL-SYSTEMS-325',
      word: 'binlog_row_image',
    },
    {
      what: 'names that are missing',
      statements: [`set global binlog_row_metadata = 'MINIMAL'`, 'insert into t values (1, null)'],
      code: 'TEAL-SYSTEMS-325',
      word: 'binlog_row_metadata',
    },
    {
      what: 'a table that cannot roll back',
      statements: ['insert into m values (1)'],
      code: 'TEAL-SYSTEMS-326',
      word: 'roll back',
    },
    {
      what: 'parts of JSON',
      statements: [
        `set session binlog_row_value_options = 'PARTIAL_JSON'`,
        `update j set doc = json_set(doc, '$.b', 2)`,
      ],
      code: 'TEAL-SYSTEMS-324',
      word: 'parts of rows',
      only: 'mysql',
    },
  ];
  test.skipIf(!tested).each(stops.filter(({ only }) => only === undefined || series.startsWith(only)))(
    'stops on $what',
    async ({ statements, code, word }) => {
      await run(session, [
        'create table t (id int primary key, v int)',
        'create table m (id int primary key) engine=myisam',
        'create table j (id int primary key, doc json)',
        'insert into t values (0, 0)',
        `insert into j values (1, json_object('a', repeat('long ', 100), 'b', 1))`,
      ]);
      onTestFinished(async () => {
        await using other = await openSession(url);
        await other.query(`set global binlog_row_metadata = 'FULL'`);
      });
      await using stream = await openStream(url, await endOfBinlog(session));
      await run(session, statements);
      const error = await refusal(readCommits(stream, 9));
      expect(error.code).toBe(code);
      expect(error.message).toContain(word);
      expect(error.entry.retry).toBe('never');
    },
  );

  test.skipIf(!tested)('is read compressed', async () => {
    await session.query('create table t (id int primary key, v longtext)');
    await using stream = await openStream(url, await endOfBinlog(session));
    if (server.flavour === 'mysql') await session.query('set session binlog_transaction_compression = on');
    else await session.query('set global log_bin_compress = on');
    await run(session, [
      'begin',
      `insert into t values (1, repeat('v', 5000))`,
      `insert into t values (2, repeat('w', 5000))`,
      'commit',
      'delete from t',
    ]);
    if (server.flavour === 'mariadb') await session.query('set global log_bin_compress = off');
    const records = await readUpTo(stream, await endOfBinlog(session));
    expect(decode(records).map(tell).filter(isRow)).toEqual([
      `insert t 1|${'v'.repeat(5_000)}`,
      `insert t 2|${'w'.repeat(5_000)}`,
      `delete t full 1|${'v'.repeat(5_000)}`,
      `delete t full 2|${'w'.repeat(5_000)}`,
    ]);
    expect(endsOf(records).at(-1)).toBe(await endOfBinlog(session));
  });

  test.skipIf(!tested)('holds the server back while nobody reads, and is not cut off for it', async () => {
    await run(session, [
      'create table t (id int primary key auto_increment, v longblob)',
      'set global net_write_timeout = 2',
    ]);
    onTestFinished(async () => {
      await using other = await openSession(url);
      await other.query('set global net_write_timeout = 60');
    });
    const after = await endOfBinlog(session);
    // One transaction of 128 MB.
    await session.query('begin');
    await session.query(`insert into t (v) values (repeat('x', 1000000))`);
    for (let count = 0; count < 7; count += 1) await session.query(`insert into t (v) select v from t`);
    await session.query('commit');
    await using stream = await openStream(url, after);
    const first = await stream.next();
    const held = memory();
    await session.query('select sleep(6)');
    expect(memory() - held).toBeLessThan(30);
    let rows = first.filter(({ kind }) => kind === 'change').length;
    let most = held;
    for (let isOver = false; !isOver;) {
      for (const record of await stream.next()) {
        if (record.kind === 'change') rows += 1;
        isOver ||= record.kind === 'commit';
      }
      most = Math.max(most, memory());
    }
    expect(rows).toBe(128);
    // It is streamed: a few rows at a time, never all of it.
    expect(most - held).toBeLessThan(30);
  });

  test.skipIf(!tested)('has one reader of a name: the later one', async () => {
    await session.query('create table t (id int primary key)');
    const after = await endOfBinlog(session);
    await using first = await openStream(url, after, { replica: `twin ${schema}` });
    const ended = refusal(readCommits(first, 1));
    await using second = await openStream(url, after, { replica: `twin ${schema}` });
    const error = await ended;
    expect([error.code, error.entry.retry]).toEqual(['TEAL-SYSTEMS-329', 'auto']);
    await session.query('insert into t values (1)');
    expect(endsOf(await readCommits(second, 1))).toHaveLength(1);
    await waitFor({ what: 'one dump', timeoutMs: 60_000 }, async () => {
      const { rows } = await session.query(
        `select count(*) as dumps from information_schema.processlist where command like 'Binlog Dump%'`,
      );
      return rows[0]?.['dumps'] === '1' || undefined;
    });
  });
});

describe.for(allSeries)('a server of $series as many are', ({ series, tested }) => {
  test.skipIf(!tested)('without GTIDs or sums is read by file and offset', async () => {
    // MySQL keeps names as its data folder was made.
    const own = series.startsWith('mysql')
      ? { 'gtid-mode': 'OFF', 'enforce-gtid-consistency': 'OFF' }
      : { 'lower-case-table-names': '1' };
    const settings = { ...own, 'binlog-checksum': 'NONE' };
    await using server = await startMysql({ series, settings });
    const url = `mysql://root@127.0.0.1:${server.port}/`;
    await using session = await openSession(url);
    await run(session, ['create database shop', 'use shop', 'create table t (id int primary key)']);
    const after = await endOfBinlog(session);
    expect(placeOfPosition(after).gtids === undefined).toBe(server.flavour === 'mysql');
    await run(session, [
      'insert into t values (1)',
      'flush binary logs',
      server.flavour === 'mysql' ? 'truncate shop.t' : 'TRUNCATE Shop.T',
      'insert into t values (2)',
    ]);
    const end = byFile(await endOfBinlog(session));
    const isWanted = ({ schema, name }: { readonly schema: string; readonly name: string }): boolean =>
      schema === 'shop' && name === 't';
    await using stream = await openStream(url, byFile(after), { isWanted });
    const records = await readUpTo(stream, end);
    expect(decode(records).map(tell).filter(isRow)).toEqual(['insert t 1', 'truncate t true', 'insert t 2']);
    expect(endsOf(records).at(-1)).toBe(end);
    await using again = await openStream(url, endsOf(records)[0] ?? after, { isWanted, identity: stream.identity });
    expect(
      decode(await readUpTo(again, end))
        .map(tell)
        .filter(isRow),
    ).toEqual(['truncate t true', 'insert t 2']);
  });

  test.skipIf(!tested)('without a binlog is no source', async () => {
    await using server = await startMysql({ series, settings: { 'skip-log-bin': '1' } });
    const start = openStream(
      `mysql://root@127.0.0.1:${server.port}/`,
      positionOfPlace({ sequence: 1, offset: 4, gtids: '' }),
    );
    expect((await refusal(start)).code).toBe('TEAL-SYSTEMS-327');
  });
});

/** A reader that has gone is missed only when the server has something for it, and until then its file is kept. */
async function endDumps(session: MysqlConnection): Promise<void> {
  await waitFor({ what: 'the server to end its dumps', timeoutMs: 60_000 }, async () => {
    const { rows } = await session.query(
      `select id from information_schema.processlist where command like 'Binlog Dump%'`,
    );
    // It may end by itself between the two.
    for (const row of rows) await session.query(`kill ${row['id']}`).catch(() => undefined);
    return rows.length === 0 || undefined;
  });
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Megabytes of buffers that somebody still holds. */
function memory(): number {
  collect();
  return process.memoryUsage().arrayBuffers / 1e6;
}
