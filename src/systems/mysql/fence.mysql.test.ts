import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import { fenceContract, type FenceWorld } from '../../testing/fence-contract.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { serverNumberOf } from './errors.ts';
import { fenceErrorNumber, MysqlFence } from './fence.ts';
import { KeptSession } from './kept-session.ts';
import { lockHolder, lockName } from './named-lock.ts';
import { outlastWriters } from './outlast-writers.ts';
import { installTealSchema } from './teal-schema.ts';

const raise = { cut: 'c1', token: 'c1/blue', epoch: 1, lockTimeoutMs: 10_000 };

async function expectRefused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(work).rejects.toSatisfy((error) => isTealError(error, code));
}

/** Enough for these tests: what the server says of its log's end. */
async function readPosition(connection: MysqlConnection): Promise<Position> {
  const { rows } = await connection.query('show master status');
  return asPosition(`${rows[0]?.['File']}.${String(rows[0]?.['Position']).padStart(12, '0')}`);
}

describe.for(allSeries)('the fence of $series', ({ series, tested }) => {
  let server: MysqlServer;
  const url = (user: string): string => `mysql://${user}@127.0.0.1:${server.port}/`;
  const open = async (user: string): Promise<MysqlConnection> =>
    connect({ url: url(user), applicationName: 'teal test' });

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    await using root = await open('root');
    await root.query('create database shop');
    await root.query('create table shop.kept (id int auto_increment primary key, v int) engine=InnoDB');
    for (const user of ['app', 'boss']) await root.query(`create user ${user}@'%'`);
    await root.query(`grant select, insert, update, delete, create, drop on shop.* to app@'%'`);
    const pass = server.flavour === 'mysql' ? 'connection_admin' : 'read_only admin';
    await root.query(`grant ${pass} on *.* to boss@'%'`);
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  interface World extends FenceWorld {
    readonly session: KeptSession;
    readonly fence: MysqlFence;
    readonly client: MysqlConnection;
  }

  async function world(): Promise<World> {
    const session = new KeptSession({ url: url('root'), applicationName: 'teal test' });
    await session.use(async (connection) => {
      await connection.query('set global read_only = off');
      await connection.query('drop database if exists teal');
      await connection.query('delete from shop.kept');
      await installTealSchema(connection, 'blue');
    });
    const client = await open('app');
    return {
      session,
      client,
      fence: new MysqlFence({ session, position: readPosition }),
      side: 'blue',
      clientWrites: async () => {
        try {
          await client.query('insert into shop.kept (v) values (1)');
          return true;
        } catch (error) {
          if (serverNumberOf(error) === fenceErrorNumber) return false;
          throw error;
        }
      },
      carrierWrites: async () => {
        await using carrier = await open('root');
        await carrier.query('insert into shop.kept (v) values (2)');
        return true;
      },
      clientStaysOpen: async () => {
        const writer = await open('app');
        await writer.query('start transaction');
        await writer.query('insert into shop.kept (v) values (3)');
        return async () => {
          await writer.query('commit');
          await writer.close();
        };
      },
      rows: async () => Number((await client.query('select count(*) as n from shop.kept')).rows[0]?.['n']),
      [Symbol.asyncDispose]: async () => {
        await client.close();
        await session.use(async (connection) => {
          await connection.query('set global read_only = off');
          if (connection.flavour === 'mysql') await connection.query('reset persist if exists read_only');
          await connection.query('drop database if exists teal');
        });
        await session[Symbol.asyncDispose]();
      },
    };
  }

  describe.skipIf(!tested)('as every fence', () => {
    for (const { name, run } of fenceContract(world)) test(name, run);
  });

  test.skipIf(!tested)('refuses every kind of write', async () => {
    await using it = await world();
    await it.fence.install(false);
    await it.client.query('insert into shop.kept values (100, 1)');
    const accepted = await it.session.use(readPosition);
    // What comes after it is no write: MariaDB notes by itself, some time after a start, which of its logs it needs.
    expect((await it.fence.raise(raise)) > accepted).toBe(true);
    for (const sql of [
      'insert into shop.kept (v) values (1)',
      'update shop.kept set v = 2',
      'delete from shop.kept',
      'truncate table shop.kept',
      'create table shop.more (id int primary key)',
      'drop table shop.kept',
      'alter table shop.kept add column w int',
    ]) {
      const error: unknown = await it.client.query(sql).catch((thrown: unknown) => thrown);
      // Without the privilege to alter it is not even asked.
      expect([fenceErrorNumber, 1142], sql).toContain(serverNumberOf(error));
    }
    expect(await it.rows()).toBe(1);
  });

  test.skipIf(!tested)('a write that waited while the server was closed has no effect', async () => {
    // What the fence rests on: the server looks at read_only again when the statement commits.
    await using it = await world();
    await using root = await open('root');
    await root.query('flush tables with read lock');
    const waits = it.client.query('insert into shop.kept (v) values (1)').catch((thrown: unknown) => thrown);
    await waitFor({ what: 'the write to wait', timeoutMs: 60_000 }, async () => {
      const { rows } = await root.query(
        `select state as state from information_schema.processlist where id = ${it.client.processId} and state like 'Waiting for%'`,
      );
      return rows.length > 0 ? true : undefined;
    });
    await root.query('set global read_only = on');
    await root.query('unlock tables');
    expect(serverNumberOf(await waits)).toBe(fenceErrorNumber);
    expect(await it.rows()).toBe(0);
  });

  test.skipIf(!tested)('needs these privileges, and no others', async () => {
    await using it = await world();
    const needed =
      server.flavour === 'mysql'
        ? 'reload, process, event, connection_admin, system_variables_admin, xa_recover_admin'
        : 'reload, process, event, read_only admin';
    await using root = await open('root');
    await root.query(`drop user if exists teal@'%'`);
    await root.query(`create user teal@'%'`);
    await root.query(`grant ${needed} on *.* to teal@'%'`);
    await root.query(`grant all on teal.* to teal@'%'`);
    await root.query(`grant select on mysql.user to teal@'%'`);
    await using session = new KeptSession({ url: url('teal'), applicationName: 'teal test' });
    const fence = new MysqlFence({ session, position: async () => asPosition('0') });
    await fence.install(false);
    await expectRefused(fence.raise(raise), 'TEAL-SYSTEMS-010');
    await root.query(`grant select on mysql.* to teal@'%'`);
    await session
      .use(async (connection) => connection.abandon(new Error('with the new privileges')))
      .catch(() => undefined);
    // Root's own sessions are in the way now: they could write.
    await expectRefused(fence.raise(raise), 'TEAL-SYSTEMS-503');
    const rootUses = [
      ...(
        await root.query(`select id from information_schema.processlist where user = 'root' and id <> connection_id()`)
      ).rows,
    ];
    for (const { id } of rootUses) await root.query(`kill ${id}`);
    await root.close();
    await waitFor({ what: 'root to be gone', timeoutMs: 60_000 }, async () =>
      session.use(async (connection) => {
        const { rows } = await connection.query(`select id from information_schema.processlist where user = 'root'`);
        return rows.length === 0 ? true : undefined;
      }),
    );
    await fence.raise(raise);
    expect(await it.clientWrites()).toBe(false);
    await fence.lower();
    expect(await it.clientWrites()).toBe(true);
    await fence.remove();
    expect((await fence.probe()).fence).toBe('absent');
  });

  test.skipIf(!tested)('a transaction that reads stays, one that would write fails without effect', async () => {
    await using it = await world();
    await it.fence.install(false);
    await it.client.query('start transaction');
    await it.client.query('select count(*) from shop.kept');
    await it.fence.raise(raise);
    expect(await it.rows()).toBe(0);
    expect(await it.clientWrites()).toBe(false);
    await it.client.query('rollback');
  });

  test.skipIf(!tested)('gives up with no effect when a statement runs on, and tells which', async () => {
    await using it = await world();
    await it.fence.install(false);
    await using slow = await open('app');
    const sleeps = slow.query('select sleep(30) from (select count(*) from shop.kept) x').catch(() => undefined);
    await it.session.use(async (connection) =>
      waitFor({ what: 'a long statement', timeoutMs: 60_000 }, async () => {
        const { rows } = await connection.query(
          `select id from information_schema.processlist where user = 'app' and time >= 2 and info is not null`,
        );
        return rows.length > 0 ? true : undefined;
      }),
    );
    const error: unknown = await it.fence.raise({ ...raise, lockTimeoutMs: 300 }).catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-SYSTEMS-008') && String(error)).toContain('(app) runs for');
    expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: [] });
    expect(await it.clientWrites()).toBe(true);
    await it.session.use(async (connection) => connection.query(`kill ${slow.processId}`));
    await sleeps;
  });

  test.skipIf(!tested)(
    'where nobody holds the clients it is closed over a transaction that does not end, whose COMMIT is refused',
    async () => {
      await using it = await world();
      const fence = new MysqlFence({ session: it.session, position: readPosition, refusesOpenWriters: true });
      await fence.install(false);
      await it.client.query('start transaction');
      await it.client.query('insert into shop.kept (v) values (5)');
      await fence.raise({ ...raise, lockTimeoutMs: 2_000 });
      expect(await fence.probe()).toEqual({ fence: 'raised', tokens: ['c1/blue'] });
      const refused: unknown = await it.client.query('commit').catch((error: unknown) => error);
      expect(serverNumberOf(refused)).toBe(fenceErrorNumber);
      // Rolled back by the server itself: what comes next is no part of it.
      await fence.lower();
      expect(await it.rows()).toBe(0);
      expect(await it.clientWrites()).toBe(true);
      expect(await it.rows()).toBe(1);
    },
  );

  test.skipIf(!tested)(
    'is not raised while somebody else could write past it, or a transaction is prepared',
    async () => {
      await using it = await world();
      await it.fence.install(false);
      {
        await using boss = await open('boss');
        await expectRefused(it.fence.raise(raise), 'TEAL-SYSTEMS-503');
        await boss.query('select 1');
      }
      await it.session.use(async (connection) =>
        waitFor({ what: 'the session to be gone', timeoutMs: 60_000 }, async () => {
          const { rows } = await connection.query(`select id from information_schema.processlist where user = 'boss'`);
          return rows.length === 0 ? true : undefined;
        }),
      );
      for (const sql of [`xa start 'x'`, 'insert into shop.kept (v) values (7)', `xa end 'x'`, `xa prepare 'x'`])
        await it.client.query(sql);
      await expectRefused(it.fence.raise(raise), 'TEAL-SYSTEMS-500');
      expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: [] });
      await it.client.query(`xa rollback 'x'`);
      await it.fence.raise(raise);
    },
  );

  test.skipIf(!tested)(
    'tells another program that uses the account of Teal, where the server names programs',
    async () => {
      await using named = await startMysql({ series, settings: { 'performance-schema': 'ON' } });
      const address = `mysql://root@127.0.0.1:${named.port}/`;
      await using session = new KeptSession({ url: address, applicationName: 'teal test' });
      await session.use(async (connection) => installTealSchema(connection, 'blue'));
      const fence = new MysqlFence({ session, position: readPosition });
      await fence.install(false);
      await using another = await connect({ url: address, applicationName: 'teal apply x' });
      {
        await using stranger = await connect({ url: address, applicationName: 'somebody' });
        const error: unknown = await fence.raise(raise).catch((thrown: unknown) => thrown);
        expect(isTealError(error, 'TEAL-SYSTEMS-503') && error.message).toContain(
          `session ${stranger.processId} uses the account of Teal`,
        );
        expect(isTealError(error) && error.facts['bypasses']).toBe(1);
      }
      await waitFor({ what: 'the session to be gone', timeoutMs: 60_000 }, async () => {
        const { rows } = await another.query(`select id from information_schema.processlist where user = 'root'`);
        return rows.length === 2 ? true : undefined;
      });
      await fence.raise(raise);
    },
  );

  test.skipIf(!tested)('is not raised for another schema than the one that was compared', async () => {
    await using it = await world();
    const changed = async (): Promise<readonly string[]> => ['shop.kept'];
    const fence = new MysqlFence({ session: it.session, position: readPosition, changed });
    await fence.install(false);
    await expectRefused(fence.raise({ ...raise, schema: { digest: 'x', objects: {} } }), 'TEAL-SYSTEMS-502');
    expect(await fence.probe()).toEqual({ fence: 'installed', tokens: [] });
    expect(await it.clientWrites()).toBe(true);
  });

  test.skipIf(!tested)('opens again after an aborted cut and says so in the stream, once', async () => {
    await using it = await world();
    await it.fence.install(false);
    await it.fence.lower();
    expect((await it.fence.probe()).tokens).toEqual([]);
    await it.fence.raise(raise);
    await it.fence.lower();
    await it.fence.lower();
    expect(await it.fence.probe()).toEqual({ fence: 'installed', tokens: ['c1/blue', 'c1/blue/reopened'] });
  });

  test.skipIf(!tested)(
    'a decision that was interrupted is finished by whoever asks; a server that others closed is not opened',
    async () => {
      await using it = await world();
      await it.fence.install(true);
      // As a controller leaves it that was killed between the owner row and the opening.
      await it.session.use(async (connection) => {
        await connection.query(`insert into teal.owner (epoch, owner, cut) values (1, 'blue', 'c1')`);
        await connection.query(`update teal.meta set value = 'opening' where name = 'fence'`);
      });
      expect(await it.fence.probe()).toEqual({
        fence: 'installed',
        tokens: [],
        owner: { epoch: 1, owner: 'blue', cut: 'c1' },
      });
      expect(await it.clientWrites()).toBe(true);
      await it.session.use(async (connection) => connection.query('set global read_only = on'));
      await it.fence.lower();
      expect((await it.fence.probe()).fence).toBe('raised');
      expect(await it.clientWrites()).toBe(false);
    },
  );

  test.skipIf(!tested)('a controller that is ended in the middle leaves nothing locked', async () => {
    await using it = await world();
    await it.fence.install(false);
    const commit = await it.clientStaysOpen();
    const end = new AbortController();
    const raising = it.fence.raise({ ...raise, lockTimeoutMs: 60_000, signal: end.signal });
    raising.catch(() => undefined);
    await using other = await open('root');
    await waitFor({ what: 'the fence to be under way', timeoutMs: 60_000 }, async () =>
      (await lockHolder(other, lockName('fence'))) === undefined ? undefined : true,
    );
    end.abort(new Error('enough'));
    await expect(raising).rejects.toThrow('enough');
    await commit();
    expect(await it.clientWrites()).toBe(true);
    expect((await it.fence.probe()).fence).toBe('installed');
    await it.fence.raise(raise);
  });

  test.skipIf(!tested)('holds over a restart where the server can keep it, and says so where not', async () => {
    await using it = await world();
    await it.fence.install(false);
    await it.fence.raise(raise);
    await server.kill9();
    await server.restart();
    await using again = new KeptSession({ url: url('root'), applicationName: 'teal test' });
    const fence = new MysqlFence({ session: again, position: readPosition });
    // MySQL has kept it; the servers of these tests read nothing of what is kept (--no-defaults).
    const kept = await readFile(join(server.dataDir, 'mysqld-auto.cnf'), 'utf8').catch(() => '');
    expect(/"read_only" *: *\{ *"Value" *: *"ON"/.test(kept)).toBe(server.flavour === 'mysql');
    expect(await fence.probe()).toEqual({ fence: 'partly', tokens: ['c1/blue'] });
    await fence.install(true);
    expect((await fence.probe()).fence).toBe('raised');
    await fence.lower();
    const left = await readFile(join(server.dataDir, 'mysqld-auto.cnf'), 'utf8').catch(() => '');
    expect(left).not.toContain('"read_only"');
  });

  test.skipIf(!tested)('writers of now are outlasted, those that come later are not waited for', async () => {
    await using it = await world();
    const signal = new AbortController().signal;
    const commit = await it.clientStaysOpen();
    expect(await it.session.use(async (connection) => outlastWriters(connection, 300, signal))).toBe(false);
    await using watching = await open('root');
    const asked = vi.spyOn(watching, 'query');
    const waits = outlastWriters(watching, 60_000, signal);
    // What it saw first may be of before, for the server keeps it for a while; then it looks again at once.
    await waitFor(
      { what: 'the first look at now', timeoutMs: 60_000, everyMs: 5 },
      () =>
        asked.mock.settledResults.some(
          (each) => each.type === 'fulfilled' && each.value.rows.some((row) => row['fresh'] === '1'),
        ) || undefined,
    );
    await using later = await open('app');
    await later.query('start transaction');
    await later.query('insert into shop.kept (v) values (4)');
    await commit();
    expect(await waits).toBe(true);
    await later.query('rollback');
  });
});
