import { Client } from 'pg';
import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';

/** Whatever ends what is idle, long or slow, at its shortest. */
const impatient = {
  idle_in_transaction_session_timeout: '1s',
  idle_session_timeout: '2s',
  statement_timeout: '2s',
  wal_sender_timeout: '2s',
  lock_timeout: '1s',
} as const;
/** Of PostgreSQL 17 and newer. */
const transactionTimeout = greenMajor() >= 17 ? { transaction_timeout: '2s' } : {};

/**
 * Long copies were ended by the servers (pgdog #914, pgcopydb #904), and flows of databases in which nothing happens never got anywhere (pglogical #337, pgcopydb
 * #703, #727).
 */
test('33, 37: servers that end what is idle or long, and nobody who writes: the copy outlives them, and the cuts are made', async () => {
  await using blue = await ownServer(blueMajor(), { settings: impatient });
  await using green = await ownServer(greenMajor(), { settings: { ...impatient, ...transactionTimeout } });
  await queryUrl(
    blue.url,
    `create table a (id int primary key, v text); insert into a select i, repeat('x', 100) from generate_series(1, 5000) i;
     create table b (id int primary key); insert into b values (1)`,
  );
  const began: number[] = [];
  const holding: Promise<void>[] = [];
  await using life = await Life.begin({
    name: 'impatient',
    blueUrl: blue.url,
    greenUrl: green.url,
    tools: await pgTools(blueMajor(), greenMajor()),
    gates: '[{ person: tester }]',
    onEvent: (event) => {
      if (event.kind === 'step started' && event.step === 'copy:rows') holding.push(hold(green.url, began));
    },
  });
  expect(await life.timed('up', async () => life.migration.up())).toMatchObject({ outcome: 'waiting' });
  await Promise.all(holding);
  expect(began).toHaveLength(1);
  // Longer than any of them; nothing but Teal's own heartbeat is written meanwhile.
  await sleep(5_000);
  expect(await life.timed('cutover', async () => life.migration.cutover())).toMatchObject({ live: 'green' });
  await sleep(3_000);
  expect(await life.timed('rollback', async () => life.migration.rollback('a test'))).toMatchObject({ live: 'blue' });
  expect((await life.migration.verify()).verified).toMatchObject({ equal: true });
  expect(await queryUrl(green.url, 'select count(*) as n from a')).toEqual([{ n: '5000' }]);
});

/** A copy that has come to this table waits for it for 4 seconds, in its transactions on both sides. */
async function hold(url: string, began: number[]): Promise<void> {
  const client = new Client({
    connectionString: url,
    options: '-c idle_in_transaction_session_timeout=0 -c transaction_timeout=0 -c idle_session_timeout=0'.replace(
      greenMajor() >= 17 ? '' : ' -c transaction_timeout=0',
      '',
    ),
  });
  await client.connect();
  await client.query('begin; lock table a in share row exclusive mode');
  await waitFor({ what: 'the copy to wait', timeoutMs: 60_000, everyMs: 20 }, async () => {
    // Not pg_stat_activity, which shows one state for all of a transaction.
    const { rows } = await client.query(`select from pg_locks where relation = 'a'::regclass and not granted`);
    return rows.length > 0 || undefined;
  });
  began.push(performance.now());
  await sleep(4_000);
  await client.query('commit');
  await client.end();
}
