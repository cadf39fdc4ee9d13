import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deadLetters, discardLetters, initOutbox, outboxStatus, retryLetters } from '../../src/app/outbox/index.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { allSeries } from '../support/mysql.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { firstTimes, openReceiver } from './receiver.ts';
import { startRelay, until, writeEvents } from './relaying.ts';

describe.for(allSeries)('an outbox of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let from: string;
  const open = async (): Promise<MysqlConnection> => connect({ url: from, applicationName: 'teal test' });
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    from = `mysql://root@127.0.0.1:${server.port}/shop`;
    await using root = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'teal test' });
    await root.query('create database shop');
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.runIf(tested)(
    'comes in order, passes no late commit over, and holds the aggregate of a dead letter alone',
    async () => {
      await using receiver = await openReceiver();
      await using one = await open();
      await using two = await open();
      await initOutbox({ from });
      await initOutbox({ from });
      receiver.answer = ({ body }) => (body.includes('poison') ? 422 : 200);
      const { stop, until: relayed } = startRelay({ from, to: receiver.url });
      await two.query('start transaction');
      await writeEvents('mysql', two, { aggregateId: 'late', payload: 1 });
      await writeEvents('mysql', one, { payload: { n: 1 } }, { payload: 'poison ü' }, { payload: null });
      await relayed('what is behind', async () => (await outboxStatus({ from })).behind === 1);
      await two.query('commit');
      await writeEvents('mysql', one, { aggregateId: 'late', payload: 2 }, { payload: 4 });
      await relayed('the rest', async () => receiver.taken.length === 3 && (await outboxStatus({ from })).behind === 2);
      expect(firstTimes(receiver.taken)).toEqual(
        new Map([
          ['order 1', ['{"n": 1}'].map((text) => (server.flavour === 'mysql' ? text : '{"n":1}'))],
          ['order late', ['1', '2']],
        ]),
      );
      const [dead] = await deadLetters({ from });
      expect(dead).toMatchObject({ state: 'dead', attempts: 1, reason: expect.stringContaining('TEAL-OUTBOX-010') });
      expect(await retryLetters({ from }, [dead?.id ?? ''])).toBe(3);
      await relayed('the second refusal', async () => (await deadLetters({ from }))[0]?.attempts === 2);
      expect(await discardLetters({ from }, [dead?.id ?? ''])).toBe(1);
      await relayed('what was behind', () => receiver.taken.length === 5);
      expect(firstTimes(receiver.taken).get('order 1')?.slice(1)).toEqual(['', '4']);
      await relayed('nothing to be left', async () => (await deadLetters({ from })).length === 0);
      expect(await outboxStatus({ from })).toMatchObject({
        pending: 0,
        dead: 0,
        behind: 0,
        due: 0,
        relay: { runs: true, delivered: 5n },
      });
      await stop();
      expect(await outboxStatus({ from })).toMatchObject({ relay: { runs: false } });
    },
  );

  test.runIf(tested)(
    'goes into a table of PostgreSQL and of its own family, each event once, though it comes twice',
    async () => {
      await using green = await testDatabase(greenMajor());
      await using session = await open();
      await green.query(
        'create table inbox (id uuid primary key, aggregatetype text, aggregateid text, type text, payload bytea, seq serial)',
      );
      await initOutbox({ from, table: 'shop.second' });
      await initOutbox({ from, table: 'third' });
      const payloads = Array.from({ length: 30 }, (_, at) => at);
      const id = '0d7c2a5e-8f5c-4c2e-9d41-000000000001';
      await session.query(
        `insert into shop.second (id, aggregatetype, aggregateid, type, payload) values ('${id}', 'a', 'b', 'c', '"äé"')`,
      );
      const { sql } = {
        sql: 'insert into shop.second (id, aggregatetype, aggregateid, type, payload) values (uuid(), ?, ?, ?, ?)',
      };
      for (const at of payloads) await session.query(sql, ['a', String(at % 3), 'c', String(at)]);
      await green.query(`insert into inbox (id, payload) values ('${id}', 'came before')`);
      const toGreen = startRelay({ from, table: 'second', to: green.url, toTable: 'inbox' });
      await toGreen.until('all of it', async () => (await outboxStatus({ from, table: 'second' })).pending === 0);
      await toGreen.stop();
      const rows = await green.query(`select convert_from(payload, 'UTF8') as payload from inbox order by seq`);
      expect(rows.map(({ payload }) => payload)).toEqual(['came before', ...payloads.map(String)]);

      await writeEvents('mysql', session, { payload: 'fourth' });
      const toSibling = startRelay({ from, to: from, toTable: 'third' });
      await toSibling.until('the event', async () => (await outboxStatus({ from, table: 'third' })).pending === 1);
      await toSibling.stop();
      await until('the letterless end', async () => (await outboxStatus({ from })).pending === 0);
      const { rows: third } = await session.query('select aggregatetype, payload from shop.third');
      expect(third).toEqual([{ aggregatetype: 'order', payload: '"fourth"' }]);
    },
  );
});
