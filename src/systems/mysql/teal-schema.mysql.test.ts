import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import { stepContract } from '../../testing/step-contract.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { lockHolder, lockName } from './named-lock.ts';
import { MysqlFence } from './fence.ts';
import { removalStep } from './removal.ts';
import { fenceStep, tealSchemaStep } from './setup-steps.ts';
import { takeStreamLease } from './stream-lease.ts';
import { readTableStarts } from './table-starts.ts';
import { installTealSchema, probeTealSchema, removeTealSchema } from './teal-schema.ts';
import { asPosition } from '../../model/position.ts';
import type { Step } from '../../ports/step.ts';

async function expectRefused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(work).rejects.toSatisfy((error) => isTealError(error, code));
}

describe.for(allSeries)('database teal on $series', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    url = `mysql://root@127.0.0.1:${server.port}/`;
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    if (tested) await withSession(async (session) => session.query('drop database if exists teal'));
  });

  async function withSession<T>(work: (session: MysqlConnection) => Promise<T>): Promise<T> {
    await using session = await connect({ url, applicationName: 'teal test' });
    return await work(session);
  }
  const signal = new AbortController().signal;

  test.skipIf(!tested)(
    'comes once, also when several install it at the same moment, and goes without a trace',
    async () => {
      await Promise.all([1, 2, 3].map(async () => withSession(async (session) => installTealSchema(session, 'blue'))));
      expect(await withSession(probeTealSchema)).toBe('blue');
      const { rows } = await withSession(async (session) => session.query('select count(*) as n from teal.meta'));
      expect(rows).toEqual([{ n: '2' }]);
      for (let time = 0; time < 2; time += 1) await withSession(removeTealSchema);
      expect(await withSession(probeTealSchema)).toBeUndefined();
    },
  );

  test.skipIf(!tested)('goes on where its making was interrupted, and keeps what is in it', async () => {
    await withSession(async (session) => {
      await session.query('create database teal');
      await session.query(
        'create table teal.meta (name varchar(64) not null primary key, value varchar(1024) not null)',
      );
      expect(await probeTealSchema(session)).toBeUndefined();
      await installTealSchema(session, 'green');
      await session.query(`insert into teal.owner (epoch, owner, cut) values (1, 'green', 'c')`);
      await installTealSchema(session, 'green');
      expect((await session.query('select owner from teal.owner')).rows).toEqual([{ owner: 'green' }]);
    });
  });

  test.skipIf(!tested)('refuses what a newer Teal made, and the other side', async () => {
    await withSession(async (session) => {
      await installTealSchema(session, 'green');
      await expectRefused(installTealSchema(session, 'blue'), 'TEAL-SYSTEMS-101');
      await session.query(`update teal.meta set value = '999' where name = 'version'`);
      await expectRefused(installTealSchema(session, 'green'), 'TEAL-SYSTEMS-100');
      await expectRefused(probeTealSchema(session), 'TEAL-SYSTEMS-100');
      await expectRefused(removeTealSchema(session), 'TEAL-SYSTEMS-100');
      expect((await session.query('select count(*) as n from teal.meta')).rows).toEqual([{ n: '2' }]);
    });
  });

  test.skipIf(!tested)('a lease has one holder, and is free when its session is gone', async () => {
    const first = await takeStreamLease(url, 'shop_fwd', signal);
    await expectRefused(takeStreamLease(url, 'shop_fwd', signal), 'TEAL-SYSTEMS-030');
    await (await takeStreamLease(url, 'shop_rev', signal))[Symbol.asyncDispose]();
    const lost = new Promise((resolve) => first.lost.addEventListener('abort', resolve, { once: true }));
    await withSession(async (session) => {
      const name = lockName('carrier', 'shop_fwd');
      await session.query(`kill ${await lockHolder(session, name)}`);
      await lost;
      // The server closes the connection first, and lets go of the lock after it.
      await waitFor({ what: 'the lock', timeoutMs: 60_000 }, async () =>
        (await lockHolder(session, name)) === undefined ? true : undefined,
      );
    });
    await (await takeStreamLease(url, 'shop_fwd', signal))[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)('tells where each table begins, by its newest snapshot', async () => {
    await withSession(async (session) => {
      await installTealSchema(session, 'green');
      expect(await readTableStarts(url, signal)).toEqual(new Map());
      await session.query(`insert into teal.chunk (run, rel, chunk, kind, snap) values
        (1, 7, 1, 'key', '0000000002.000000000009'), (2, 7, 1, 'key', '0000000010.000000000001|a-b'), (1, 8, 1, 'whole', '0000000002.000000000009')`);
    });
    expect(await readTableStarts(url, signal)).toEqual(
      new Map([
        [7, asPosition('0000000010.000000000001|a-b')],
        [8, asPosition('0000000002.000000000009')],
      ]),
    );
  });

  async function stepWorld(
    makeStep: (session: KeptSession) => Step,
    schemaFirst: boolean,
  ): Promise<{
    step: Step;
    look: () => Promise<unknown>;
    [Symbol.asyncDispose]: () => Promise<void>;
  }> {
    const session = new KeptSession({ url, applicationName: 'teal test' });
    await session.use(async (connection) => {
      await connection.query('set global read_only = off');
      await removeTealSchema(connection);
      if (schemaFirst) await installTealSchema(connection, 'green');
    });
    return {
      step: makeStep(session),
      look: async () =>
        session.use(async (connection) => {
          const tables = await connection.query(
            `select table_name as name from information_schema.tables where table_schema = 'teal' order by 1`,
          );
          const meta =
            tables.rows.length === 0
              ? []
              : (await connection.query('select name, value from teal.meta order by 1')).rows;
          const closed = await connection.query('select @@global.read_only as closed');
          return [tables.rows, meta, closed.rows];
        }),
      [Symbol.asyncDispose]: async () => {
        await session.use(async (connection) => {
          await connection.query('set global read_only = off');
          await removeTealSchema(connection);
        });
        await session[Symbol.asyncDispose]();
      },
    };
  }
  const fenceOf = (session: KeptSession): MysqlFence =>
    new MysqlFence({ session, position: async () => asPosition('0') });

  describe.skipIf(!tested)('the step that makes it', () => {
    const open = async () => stepWorld((session) => tealSchemaStep('green', session), false);
    for (const { name, run } of stepContract(open)) test(name, run);
  });

  describe.skipIf(!tested)('the step that closes its side', () => {
    const open = async () => stepWorld((session) => fenceStep('green', fenceOf(session), true), true);
    for (const { name, run } of stepContract(open)) test(name, run);
  });

  test.skipIf(!tested)('is taken away, and its server stays closed where it must', async () => {
    for (const keepClosed of [true, false]) {
      await using world = await stepWorld(
        (session) => removalStep('green', session, fenceOf(session), keepClosed),
        true,
      );
      await using session = new KeptSession({ url, applicationName: 'teal test' });
      await fenceOf(session).install(true);
      const context = { signal, progress: () => undefined, facts: () => undefined, before: undefined };
      expect((await world.step.probe(context)).state).toBe('not done');
      await world.step.act(context);
      await world.step.act(context);
      expect((await world.step.probe(context)).state).toBe('done');
      expect(await world.look()).toEqual([[], [], [{ closed: keepClosed ? '1' : '0' }]]);
    }
  });
});
