import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { waitFor } from '../../../kernel/clock.ts';
import type { Position } from '../../../model/position.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { MysqlFence } from '../fence.ts';
import { readCatalog } from '../inspect/catalog.ts';
import { KeptSession } from '../kept-session.ts';
import { takeSnapshot } from '../snapshot-sessions.ts';
import { installTealSchema } from '../teal-schema.ts';
import { refusal, run, tell } from '../test-support/stream.ts';
import { RecordDecoder } from '../trigger-source/decoder.ts';
import { refuseGaps } from '../trigger-source/gaps.ts';
import { removeRecorder } from '../trigger-source/recorder.ts';
import { triggerSource } from '../trigger-source/source.ts';
import { endOfRecord, makeTick } from '../trigger-source/ticks.ts';
import { familyPolicy } from '../values/policy.ts';
import { measurePolled } from './measure.ts';
import { pollMeeting } from './meeting.ts';
import { installPolling, poll, polledBy, pollLock, pollsOf } from './poll.ts';

const item = `create table item (id int primary key, value varchar(40), at timestamp(6) not null default current_timestamp(6) on update current_timestamp(6), key (at))`;

describe.for(allSeries)('what is polled of $series', ({ series, tested }) => {
  let server: MysqlServer;
  const url = (): string => `mysql://root@127.0.0.1:${server.port}/`;
  const open = async (): Promise<MysqlConnection> => {
    const session = await connect({ url: url(), applicationName: 'client' });
    await session.query('create database if not exists shop');
    await session.query('use shop');
    return session;
  };
  beforeAll(async () => {
    if (tested) server = await startMysql({ series, settings: { 'skip-log-bin': '' } });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  /** Database shop with these tables, and a record of what is polled of them, with nothing looked back beyond what `behindSeconds` says. */
  const begin = async (
    session: MysqlConnection,
    statements: readonly string[] = [item],
    behindSeconds: number | 'own' = 0,
  ): Promise<Position> => {
    await removeRecorder(session);
    await run(session, ['drop database if exists teal', 'drop database shop', 'create database shop', 'use shop']);
    await run(session, statements);
    await installTealSchema(session, 'blue');
    await install(session, behindSeconds);
    return makeTick(session);
  };
  const install = async (session: MysqlConnection, behindSeconds: number | 'own'): Promise<void> => {
    const { tables } = await readCatalog(session, 'shop');
    await installPolling(
      session,
      tables.map((table) => {
        const type = table.columns.find(({ name }) => name === 'at')?.type ?? '';
        const by = polledBy('at', type, 0);
        if (by === undefined) throw new Error('not a time');
        return {
          ...table,
          polledBy: { ...by, behindSeconds: behindSeconds === 'own' ? by.behindSeconds : behindSeconds },
        };
      }),
    );
  };
  const readFrom = async (session: MysqlConnection, after: Position): Promise<readonly string[]> => {
    const upTo = await makeTick(session);
    if (upTo === after) return [];
    const source = triggerSource({ url: url(), applicationName: 'teal test stream', pollMs: 20, cleanPauseMs: 20 });
    await using stream = await source.start({ after }, new AbortController().signal);
    const decoder = new RecordDecoder({ policy: familyPolicy });
    const told: string[] = [];
    for (;;) {
      for (const entry of await stream.next()) {
        if (entry.kind === 'mark') continue;
        const event = decoder.decode(entry.payload);
        if (event?.kind === 'put') told.push(event.row.toArray().slice(0, 2).map(String).join('='));
        else if (event?.kind === 'insert') told.push(tell(event));
        if (entry.kind === 'commit' && entry.end >= upTo) return told;
      }
    }
  };
  /** What one more poll finds. */
  const polled = async (session: MysqlConnection): Promise<readonly string[]> => {
    const before = await makeTick(session);
    await poll(session, url());
    return (await readFrom(session, before)).toSorted();
  };

  test.skipIf(!tested)(
    'rows that were written come as they are now, each once, and none that was deleted',
    async () => {
      await using session = await open();
      await begin(session);
      await run(session, [`insert into item (id, value) values (1, 'a'), (2, 'a'), (3, 'a')`]);
      expect(await polled(session)).toEqual(['1=a', '2=a', '3=a']);
      await run(session, [
        `update item set value = 'b' where id = 2`,
        `insert into item (id, value) values (4, 'never seen')`,
        `update item set value = 'c' where id = 4`,
        'delete from item where id = 1',
        'begin',
        `insert into item (id, value) values (5, 'gone')`,
        'rollback',
      ]);
      expect(await polled(session)).toEqual(['2=b', '4=c']);
      // What says an old time itself is missed.
      await using other = await open();
      await run(other, [`update item set value = 'old time', at = '2023-11-14 22:13:20' where id = 3`]);
      expect(await polled(session)).toEqual([]);
      // Twice with one time, within reach of a poll.
      await run(other, ['begin', `insert into item (id, value) values (6, 'open')`]);
      await run(session, [`update item set value = 'x' where id = 3`]);
      expect(await polled(session)).toEqual(['3=x']);
      await run(session, [`update item set value = 'y', at = at where id = 3`]);
      expect(await polled(session)).toEqual(['3=y']);
      await run(other, ['rollback']);
      await session.query(
        `insert into item (id, value) with recursive n as (select 1 as i union all select i + 1 from n where i < 1000) select 1000 + i, 'many' from n`,
      );
      expect(new Set(await polled(session)).size).toBe(1000);
      // Told rows are forgotten when no poll reaches them any more.
      expect(await polled(session)).toEqual([]);
      await waitFor({ what: 'what was told to be forgotten', timeoutMs: 30_000 }, async () => {
        await poll(session, url());
        const { rows } = await session.query('select count(*) as n from teal.poll_told');
        return rows[0]?.['n'] === '0' || undefined;
      });
    },
  );

  test.skipIf(!tested)(
    'a transaction that took its time early and commits late is not missed, nor what was committed meanwhile told again',
    async () => {
      await using session = await open();
      await using early = await open();
      await begin(session);
      await run(early, ['begin', `insert into item (id, value) values (1, 'early')`]);
      for (let n = 10; n < 13; n += 1) {
        await session.query('insert into item (id, value) values (?, ?)', [n, 'later']);
        expect(await polled(session)).toEqual([`${n}=later`]);
      }
      await run(early, ['commit']);
      expect(await polled(session)).toEqual(['1=early']);
      expect(await polled(session)).toEqual([]);
    },
  );

  test.skipIf(!tested)(
    'nor one whose first statement stood for long before its transaction began, nor one that is prepared or was open before all',
    async () => {
      await using session = await open();
      await using gate = await open();
      await using slow = await open();
      await using first = await open();
      await run(session, ['drop table if exists item', item]);
      await run(first, ['begin', `insert into item (id, value) values (3, 'open')`]);
      await removeRecorder(session);
      await run(session, ['drop database if exists teal']);
      await installTealSchema(session, 'blue');
      await install(session, 0);
      await gate.query(`select get_lock('gate', 10)`);
      const { processId } = slow;
      // NOW() stands from here on, and InnoDB knows of no transaction yet.
      await slow.query('set autocommit = 0');
      const standing = slow.query(
        `insert into item (id, value, at) select 1, 'slow', now(6) from (select get_lock('gate', 60) as g union select 2) w where w.g = 1`,
      );
      await waitFor({ what: 'the statement to wait', timeoutMs: 30_000 }, async () => {
        const { rows } = await session.query('select state as state from information_schema.processlist where id = ?', [
          processId,
        ]);
        return rows[0]?.['state'] === 'User lock' || undefined;
      });
      await run(session, [`insert into item (id, value) values (10, 'later')`]);
      expect(await polled(session)).toEqual(['10=later']);
      expect(await polled(session)).toEqual([]);
      await gate.query(`do release_lock('gate')`);
      await standing;
      expect(await polled(session)).toEqual([]);
      await run(first, ['commit']);
      expect(await polled(session)).toEqual(['3=open']);
      await slow.query('commit');
      expect(await polled(session)).toEqual(['1=slow']);

      await run(gate, [
        `xa start 'x'`,
        `insert into item (id, value) values (2, 'prepared')`,
        `xa end 'x'`,
        `xa prepare 'x'`,
      ]);
      await run(session, [`insert into item (id, value) values (11, 'later')`]);
      expect(await polled(session)).toEqual(['11=later']);
      expect(await polled(session)).toEqual([]);
      await run(gate, [`xa commit 'x'`]);
      expect(await polled(session)).toEqual(['2=prepared']);
    },
  );

  test.skipIf(!tested)('a snapshot and what is polled after it are the table, while clients write', async () => {
    await using session = await open();
    await using client = await open();
    await begin(session, [item], 'own');
    const writing = new AbortController();
    const work = (async () => {
      for (let n = 1; !writing.signal.aborted; n += 1) {
        await client.query('begin');
        await client.query('insert into item (id, value) values (?, ?)', [n, 'new']);
        await client.query('update item set value = ? where id = ?', [`seen by ${n}`, Math.ceil(n / 2)]);
        await client.query('commit');
      }
    })();
    await waitFor({ what: 'clients to write', timeoutMs: 30_000 }, async () => {
      const { rows } = await session.query('select count(*) as n from item');
      return Number(rows[0]?.['n']) > 20 || undefined;
    });
    const options = { url: url(), applicationName: 'teal test snapshot', sessions: 2, meet: pollMeeting(url()) };
    const taken = await takeSnapshot(options, new AbortController().signal);
    const table = new Map<string, string>();
    const reader = await taken.borrow(new AbortController().signal);
    const held = await reader.query('select id as id, value as value from shop.item');
    for (const { id, value } of held.rows) table.set(id ?? '', value ?? '');
    const { position } = taken.taken;
    await taken[Symbol.asyncDispose]();
    await waitFor({ what: 'clients to write on', timeoutMs: 30_000 }, async () => {
      const { rows } = await session.query('select count(*) as n from item');
      return Number(rows[0]?.['n']) > table.size + 20 || undefined;
    });
    writing.abort();
    await work;
    await poll(session, url());
    const told = await readFrom(session, position);
    for (const [key = '', value = ''] of told.map((each) => each.split('='))) table.set(key, value);
    const { rows } = await session.query('select id as id, value as value from item');
    const seen = [...table].map(([id, value]) => `${id}=${value}`);
    expect(seen.toSorted()).toEqual(rows.map(({ id, value }) => `${id}=${value}`).toSorted());
    // At the place of the snapshot nothing is told that it does not have.
    expect(told.length).toBeLessThan(rows.length);
  });

  test.skipIf(!tested)(
    'all that was committed is told before the token, and nothing that comes to a closed side',
    async () => {
      await using session = await open();
      await using client = await connect({
        url: `mysql://app@127.0.0.1:${server.port}/`,
        applicationName: 'client',
      }).catch(async () => {
        await run(session, [`create user app@'%'`, `grant all on shop.* to app@'%'`]);
        return connect({ url: `mysql://app@127.0.0.1:${server.port}/`, applicationName: 'client' });
      });
      const first = await begin(session, [item], 'own');
      await using kept = new KeptSession({ url: url(), applicationName: 'teal test fence' });
      const fence = new MysqlFence({
        session: kept,
        position: endOfRecord,
        beforeToken: refuseGaps,
        gather: { lock: pollLock, work: pollsOf(url()) },
      });
      await fence.install(false);
      await client.query(`insert into shop.item (id, value) values (1, 'last')`);
      await using applier = await connect({ url: url(), applicationName: 'teal test apply' });
      // Root is the account of Teal here: a client of that name would be a stranger.
      await session.close();
      // Who waits for his turn to poll holds up nobody who closes the server.
      await applier.query('do get_lock(?, 10)', [pollLock]);
      await using poller = await connect({ url: url(), applicationName: 'teal test poller' });
      const polling = poll(poller, url());
      await waitFor({ what: 'the poller to wait for long', timeoutMs: 60_000 }, async () => {
        const { rows } = await applier.query('select time as s from information_schema.processlist where id = ?', [
          poller.processId,
        ]);
        return Number(rows[0]?.['s']) >= 2 || undefined;
      });
      const plain = new MysqlFence({ session: kept, position: endOfRecord });
      await plain.raise({ cut: 'b', token: 'b/blue', epoch: 1, lockTimeoutMs: 10_000 });
      await plain.lower();
      await applier.query('do release_lock(?)', [pollLock]);
      await polling;
      await fence.raise({ cut: 'c', token: 'c/blue', epoch: 1, lockTimeoutMs: 60_000 });
      const told = await readFrom(applier, first);
      expect(told.map((each) => each.split('|')[0])).toEqual([
        'insert cut b/blue',
        'insert cut b/blue/reopened',
        '1=last',
        'insert cut c/blue',
      ]);
      await applier.query(`insert into shop.item (id, value) values (2, 'from green')`);
      expect(await polled(applier)).toEqual([]);
      await fence.lower();
      await client.query(`insert into shop.item (id, value) values (3, 'a client again')`);
      expect(await polled(applier)).toContain('3=a client again');
      await fence.remove();
    },
  );

  test.skipIf(!tested)(
    'values of any length and kind, times without a zone, and rows without a time; a table that becomes another one ends it',
    async () => {
      await using session = await open();
      const long = 'é'.repeat(3 << 19);
      await begin(
        session,
        [
          `create table item (id int primary key, value longtext, at datetime null, day date, place point, bits bit(9), amount double, set_ set('a', 'b'), key (at))`,
        ],
        'own',
      );
      await session.query(
        `insert into item values (1, ?, utc_timestamp(), '0000-00-00', point(1, 2), b'100000001', 1e100, 'a,b'), (2, null, null, null, null, null, null, null), (3, 'old', '2001-01-01', null, null, null, null, null)`,
        [long],
      );
      expect(await polled(session)).toEqual([`1=${long}`, '2=null']);
      expect(await polled(session)).toEqual([]);
      await run(session, ['update item set amount = 2 where id = 2']);
      expect(await polled(session)).toEqual(['2=null']);
      await run(session, ['alter table item drop column value']);
      expect((await refusal(poll(session, url()))).code).toBe('TEAL-SYSTEMS-341');
    },
  );
});

describe.for(allSeries)('what is measured of columns of $series', ({ series, tested }) => {
  test.skipIf(!tested)('whether they are kept, indexed, and grow with the numbers of rows', async () => {
    await using server = await startMysql({ series });
    await using session = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'client' });
    await run(session, [
      'create database shop',
      `create table shop.item (id int not null auto_increment primary key, at timestamp(6) not null default current_timestamp(6) on update current_timestamp(6), key (at))`,
      `create table shop.bare (id int not null primary key, at datetime null)`,
      `create table shop.other (id int not null primary key, at date)`,
      `insert into shop.item (id, at) with recursive n as (select 1 as i union all select i + 1 from n where i < 100) select i, now(6) from n`,
      `insert into shop.item (id, at) values (200, now() - interval 1 day), (201, now() + interval 1 day)`,
      `insert into shop.bare values (1, null), (2, '2001-01-01'), (3, utc_timestamp() + interval 10 hour)`,
    ]);
    const { tables } = await readCatalog(session, 'shop');
    const found = await measurePolled(session, tables, { column: 'at', columns: {}, everyMs: 1_000 });
    const byName = new Map(found.map(({ name, seen }) => [name, seen]));
    const kept = { isTime: true, notNull: true, isIndexed: true, isFilled: true, isTouched: true };
    expect(byName.get('item')).toMatchObject({ ...kept, looked: 102, behind: 1, ahead: 1 });
    const bare = { isTime: true, notNull: false, isIndexed: false, isFilled: false, isTouched: false };
    expect(byName.get('bare')).toMatchObject({ ...bare, looked: 2, behind: 0, ahead: 0 });
    expect(byName.get('other')).toMatchObject({ type: 'date', isTime: false, looked: 0 });
    const inUtc = await measurePolled(session, tables, { column: 'at', columns: {}, zoneMinutes: 0, everyMs: 1_000 });
    expect(inUtc.find(({ name }) => name === 'bare')?.seen).toMatchObject({ ahead: 1 });
    const none = await measurePolled(session, tables, { column: 'none', columns: {}, everyMs: 1_000 });
    expect(none.map(({ seen }) => seen)).toEqual([undefined, undefined, undefined]);
  });
});

test('how far back rows of a column are looked for', () => {
  expect(polledBy('at', 'timestamp(3)', undefined)?.behindSeconds).toBe(60);
  expect(polledBy('at', 'datetime', undefined)?.behindSeconds).toBe(60 + 14 * 3600);
  expect(polledBy('at', 'datetime', 120)?.behindSeconds).toBe(60 - 7200);
  expect(polledBy('at', 'datetime(6)', -210)?.behindSeconds).toBe(60 + 12_600);
  expect(polledBy('at', 'date', 0)).toBeUndefined();
});
