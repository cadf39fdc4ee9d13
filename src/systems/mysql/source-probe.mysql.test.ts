import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Position } from '../../model/position.ts';
import { placeOfPosition, positionOfPlace } from './position.ts';
import { openSourceProbe, readBeginning } from './source-probe.ts';
import {
  decode,
  endOfBinlog,
  endsOf,
  openSession,
  openStream,
  readCommits,
  readUpTo,
  run,
  tell,
} from './test-support/stream.ts';

describe.for(allSeries)('a probe of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    url = `mysql://root@127.0.0.1:${server.port}/`;
    await using session = await openSession(url);
    await run(session, [
      'create database teal',
      'create table teal.heartbeat (side varchar(8) not null primary key, at timestamp(6) not null default current_timestamp(6))',
      'create database shop',
      'create table shop.t (id int primary key, v int)',
    ]);
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)(
    'marks a place between all that was committed and itself, through a read-only server too',
    async () => {
      await using session = await openSession(url);
      const first = await endOfBinlog(session);
      await using probe = openSourceProbe({
        url,
        applicationName: 'teal test probe',
        side: 'blue',
        firstPosition: async () => first,
      });
      await using stream = await openStream(url, first);
      await session.query('insert into shop.t values (1, 1)');
      const mark = await probe.mark();
      await session.query('set global read_only = on');
      await probe.heartbeat();
      await probe.heartbeat();
      await session.query('set global read_only = off');
      const records = await readCommits(stream, 4);
      const ends = endsOf(records);
      expect(ends.map((end) => end < mark)).toEqual([true, false, false, false]);
      const told = decode(records)
        .map(tell)
        .filter((text) => /^(insert|update)/.test(text));
      expect(told[0]).toBe('insert t 1|1');
      expect(told.slice(1).map((text) => text.replace(/20\d\d-.*$/, '…'))).toEqual([
        'insert heartbeat blue|…',
        'update heartbeat to blue|…',
        'update heartbeat to blue|…',
      ]);
      expect(new Set(told).size).toBe(4);
      expect(await probe.firstPosition()).toBe(first);
      await probe.release();
      await using again = await openStream(url, first);
      expect(endsOf(await readCommits(again, 4))).toEqual(ends);
    },
  );

  test.skipIf(!tested)('says what is still there of what was not received', async () => {
    await using session = await openSession(url);
    const first = await endOfBinlog(session);
    let received: Position | undefined;
    await using probe = openSourceProbe({
      url,
      applicationName: 'teal test probe',
      side: 'blue',
      firstPosition: async () => first,
      received: () => received,
    });
    const none = await probe.look();
    expect(none.keepsAnyway).toBe(true);
    expect([none.slot, none.retainedBytes, none.headroomBytes]).toEqual(['usable', undefined, undefined]);
    expect(none.head > first).toBe(true);
    received = first;
    await run(session, [
      `insert into shop.t values (10, 1)`,
      'flush binary logs',
      `insert into shop.t values (11, 1)`,
      'flush binary logs',
    ]);
    const look = await probe.look();
    const { rows } = await session.query('show binary logs');
    const bytes = rows.reduce((sum, row) => sum + Number(row['File_size']), 0);
    expect(look.slot).toBe('usable');
    expect(look.retainedBytes).toBeGreaterThan(100);
    expect(look.retainedBytes).toBeLessThanOrEqual(bytes + 1);
    expect(probe.bytesBetween(first, look.head)).toBe(look.retainedBytes);
    expect(probe.bytesBetween(look.head, first)).toBe(0);
    // What is at its end needs nothing of the file it ends.
    received = await endOfBinlog(session);
    const newest = rows.at(-1)?.['Log_name'] ?? '';
    await waitFor({ what: 'the files to go', timeoutMs: 60_000 }, async () => {
      await session.query(`purge binary logs to '${newest}'`);
      return (await session.query('show binary logs')).rows.length === 1 || undefined;
    });
    expect((await probe.look()).slot).toBe('usable');
    for (const place of [first, positionOfPlace({ ...placeOfPosition(first), gtids: undefined })]) {
      received = place;
      expect((await probe.look()).slot).toBe('absent');
    }
  });

  test.skipIf(!tested)('gives a place to begin with while others commit, after which nothing is missing', async () => {
    await using session = await openSession(url);
    await session.query('create table shop.n (id int auto_increment primary key, w int)');
    const stop = new AbortController();
    const writing = Promise.all(
      [1, 2, 3].map(async (writer) => {
        await using client = await openSession(url);
        while (!stop.signal.aborted) await client.query(`insert into shop.n (w) values (${writer})`);
      }),
    );
    try {
      for (let time = 0; time < 5; time += 1) {
        const begin = await readBeginning(session, 'blue');
        const { rows: before } = await session.query('select id from shop.n');
        const seen = new Set(before.map((row) => row['id']));
        const after = await waitFor({ what: 'later rows', timeoutMs: 30_000 }, async () => {
          const { rows } = await session.query('select id from shop.n');
          return rows.length > seen.size + 5 ? rows.map((row) => row['id']) : undefined;
        });
        await using stream = await openStream(url, begin);
        const told = new Set(decode(await readUpTo(stream, await endOfBinlog(session))).map(tell));
        const isTold = (id: string | null | undefined): boolean =>
          [1, 2, 3].some((w) => told.has(`insert n ${id}|${w}`));
        expect(after.filter((id) => !seen.has(id ?? '') && !isTold(id))).toEqual([]);
      }
    } finally {
      stop.abort();
      await writing;
    }
  });

  test.skipIf(!tested)('connects again after its session was lost', async () => {
    await using session = await openSession(url);
    const probe = openSourceProbe({
      url,
      applicationName: 'teal test probe',
      side: 'green',
      firstPosition: async () => endOfBinlog(session),
    });
    await probe.heartbeat();
    const { rows } = await session.query(
      'select id from information_schema.processlist where id <> connection_id() and user = "root"',
    );
    for (const row of rows) await session.query(`kill ${row['id']}`).catch(() => undefined);
    await waitFor({ what: 'a heartbeat', timeoutMs: 60_000 }, async () => {
      try {
        await probe.heartbeat();
        return true;
      } catch (error) {
        if (isTealError(error) && error.entry.retry === 'auto') return undefined;
        throw error;
      }
    });
    const { rows: beats } = await session.query(`select count(*) as n from teal.heartbeat where side = 'green'`);
    expect(beats[0]?.['n']).toBe('1');
    await probe[Symbol.asyncDispose]();
  });
});
