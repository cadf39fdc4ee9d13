import { describe, expect, test } from 'vitest';
import { waitFor } from '../../../src/kernel/clock.ts';
import { isolations, type Isolation, type Txn } from '../../../src/testing/checker/history.ts';
import { ownErrors } from '../../../src/testing/checker/invariants.ts';
import { startMysql } from '../../../tools/servers/mysql.ts';
import { longSeries } from '../../support/mysql.ts';
import { runOnOneServer, scheduleWith } from '../run/one-server.ts';
import type { SessionKind } from '../schedule.ts';
import { clientUrlOf, makeAccount, mysqlStore } from '../stores/mysql.ts';
import { openMysql2 } from './mysql2.ts';

/** Errors that the workload did not bring about itself. */
const seen = (txns: readonly Txn[]): readonly Txn[] =>
  txns.filter(({ outcome, error = 'none' }) => outcome !== 'ok' && !ownErrors.has(error));

async function reach(count: number, acknowledged: () => Promise<number>): Promise<void> {
  await waitFor({ what: `${count} transactions`, timeoutMs: 120_000 }, async () =>
    (await acknowledged()) >= count ? true : undefined,
  );
}

const sessions: readonly (readonly [SessionKind, Isolation])[] = [
  ...isolations.map((isolation) => ['plain', isolation] as const),
  ['named statements', 'read committed'],
  ['settings', 'read committed'],
  ['temporary table', 'repeatable read'],
  ['advisory lock', 'read committed'],
  ['long transactions', 'serializable'],
  ['savepoints', 'read committed'],
];

describe.for(longSeries)('mysql2 on $series, judged by what it left', ({ series, tested }) => {
  test.skipIf(!tested)('every kind of session', async () => {
    await using server = await startMysql({ series });
    const rootUrl = `mysql://root@127.0.0.1:${server.port}/`;
    await makeAccount(rootUrl);
    const store = mysqlStore(rootUrl, 'blue');
    const found: unknown[] = [];
    for (const [at, [session, isolation]] of sessions.entries()) {
      const schedule = scheduleWith(at + 1, { driver: 'mysql2', session, isolation, clients: 3 });
      const { txns, violations } = await runOnOneServer(
        clientUrlOf(server.port),
        schedule,
        async (acknowledged) => reach(30, acknowledged),
        store,
      );
      if (violations.length > 0 || seen(txns).length > 0)
        found.push({ session, isolation, violations, seen: seen(txns) });
      await store.spoil('drop database shop');
    }
    expect(found).toEqual([]);
  });

  test.skipIf(!tested)('a write that is lost is found', async () => {
    await using server = await startMysql({ series });
    const rootUrl = `mysql://root@127.0.0.1:${server.port}/`;
    await makeAccount(rootUrl);
    const store = mysqlStore(rootUrl, 'blue');
    const group = { driver: 'mysql2', session: 'plain', isolation: 'read committed', clients: 2 } as const;
    const { violations } = await runOnOneServer(
      clientUrlOf(server.port),
      scheduleWith(1, group),
      async (acknowledged) => reach(30, acknowledged),
      {
        ...store,
        async readState(epoch) {
          await store.spoil(`update lists set elements = '' where elements <> '' limit 1`);
          return store.readState(epoch);
        },
      },
    );
    expect(violations.map(({ invariant }) => invariant)).toContain(1);
  });

  test.skipIf(!tested)('what a closed server says is told from all other errors', async () => {
    await using server = await startMysql({ series });
    const rootUrl = `mysql://root@127.0.0.1:${server.port}/`;
    await makeAccount(rootUrl);
    const store = mysqlStore(rootUrl, 'blue');
    await store.load(
      scheduleWith(1, { driver: 'mysql2', session: 'plain', isolation: 'serializable', clients: 1 }),
      [],
    );
    await using driver = openMysql2(clientUrlOf(server.port), 1);
    const connection = await driver.borrow();
    const insert = { sql: 'insert into claims (`by`, value) values (?, ?)', params: [1, 1] };
    await connection.begin('serializable');
    await connection.run([insert]);
    await expect(connection.run([insert])).rejects.toMatchObject({ code: '23505', isServers: true });
    expect(await store.accepts()).toBe(true);
    await store.spoil('set global read_only = on');
    await expect(connection.commit()).rejects.toMatchObject({ code: 'read only', isDoubtful: false });
    await connection.rollback();
    expect(await store.accepts()).toBe(false);
    expect(await store.leftovers(false)).toMatchObject([{ kind: 'fence', name: 'read_only' }]);
    expect(await store.leftovers(true)).toEqual([]);
    await server.kill9();
    await expect(connection.run([insert])).rejects.toMatchObject({ isServers: false, isLost: true });
    await connection.destroy();
  });
});
