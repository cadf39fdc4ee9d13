import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { KeyedWriters } from '../migration/keyed-writers.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';

/** One migration, whose cut is refused, given up, made and taken back; clients write through the proxy all the while, and others past it. */
describe('a cut', () => {
  const kept = new AsyncDisposableStack();
  let blue: PostgresServer;
  let green: PostgresServer;
  let life: Life;
  let writers: KeyedWriters;
  const started = new Map<string, () => void>();
  const ids: string[] = [];

  beforeAll(async () => {
    [blue, green] = await Promise.all([ownServer(blueMajor()), ownServer(greenMajor())]);
    kept.use(blue);
    kept.use(green);
    await KeyedWriters.createTables(blue.url);
    await queryUrl(
      blue.url,
      `create table account (id int primary key, note text); insert into account select i, 'x' from generate_series(1, 10) i;
       create table direct (id int primary key); create table other (id int primary key); insert into other values (1);
       create sequence ticket cache 50; create table ticketed (id bigint primary key default nextval('ticket'), who text)`,
    );
    life = kept.use(
      await Life.begin({
        name: 'cuts',
        blueUrl: blue.url,
        greenUrl: green.url,
        tools: await pgTools(blueMajor(), greenMajor()),
        maxPause: '6s',
        gates: '[{ person: tester }], drain: 2s, lockTimeout: 2s',
        onEvent: (event) => {
          if (event.kind !== 'step started') return;
          const what = event.step.split(':').at(-1) ?? '';
          started.get(what)?.();
          started.delete(what);
        },
      }),
    );
    writers = await KeyedWriters.start(life.proxyUrl, 2);
    await life.timed('up', async () => life.migration.up());
    await takeTickets();
  }, 300_000);
  afterAll(async () => kept.disposeAsync(), 120_000);

  /** Resolves when the next step of this name begins. */
  const begins = async (what: string): Promise<void> => new Promise((resolve) => started.set(what, resolve));
  const connect = async (url: string): Promise<Client> => {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    kept.defer(async () => client.end().catch(() => undefined));
    return client;
  };
  /** From two sessions that keep 50 numbers each. */
  const ticketClients: Client[] = [];
  const takeTickets = async (): Promise<void> => {
    while (ticketClients.length < 2) ticketClients.push(await connect(life.proxyUrl));
    for (let round = 0; round < 30; round += 1) {
      for (const client of ticketClients) {
        const { rows } = await client.query<{ id: string }>(
          `insert into ticketed (who) values ('a') returning id::text`,
        );
        ids.push(must(rows[0], 'a row').id);
      }
    }
  };
  const given = async (): Promise<unknown> => {
    const error: unknown = await life.migration.cutover().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error;
  };
  /** Blue takes writes, nothing was decided, nobody waits. */
  const blueIsAsBefore = async (): Promise<void> => {
    expect(life.migration.live).toBe('blue');
    expect(await queryUrl(green.url, 'select from teal.owner')).toEqual([]);
    await queryUrl(blue.url, `update account set note = note || '.' where id = 10`);
    expect((await life.migration.router.read()).mode).toBe('running');
  };

  test(
    '19: with an applier that does not come on is given up: nothing proceeds by a time-out, no client fails',
    { retry: 0, timeout: 300_000 },
    async () => {
      const lock = await connect(green.url);
      await lock.query('begin; lock table account in exclusive mode');
      const writer = await connect(blue.url);
      await writer.query(`begin; update account set note = 'last' where id = 1`);
      const fence = begins('fence');
      const cutting = given();
      await fence;
      // The fence waits for it: it is before the token, and what applies it waits for the lock.
      await writer.query('commit');
      const error = await cutting;
      expect(isTealError(error, 'TEAL-KERNEL-002') || isTealError(error, 'TEAL-STAGES-102'), String(error)).toBe(true);
      await blueIsAsBefore();
      await lock.query('rollback');
      await waitFor({ what: 'the flow to come on', timeoutMs: 60_000 }, async () => {
        const rows = await queryUrl(green.url, `select from account where note = 'last'`);
        return rows.length > 0 || undefined;
      });
    },
  );

  test('21: without a way back is refused before anybody waits', { retry: 0, timeout: 300_000 }, async () => {
    const [publication] = await queryUrl(green.url, 'select pubname from pg_publication');
    const name = must(publication?.['pubname'], 'the publication of the flow back');
    await queryUrl(green.url, `alter publication ${name} rename to hidden`);
    await waitFor({ what: 'the flow back to notice', timeoutMs: 60_000 }, async () =>
      (await life.migration.carrier.status('reverse')).now.state === 'running' ? undefined : true,
    );
    let held = false;
    started.set('hold', () => (held = true));
    const error = await given();
    started.delete('hold');
    // A flow that can never go on as it is: told by its own code, which says what to do.
    expect(isTealError(error, 'TEAL-SYSTEMS-029'), String(error)).toBe(true);
    expect(held).toBe(false);
    await blueIsAsBefore();
    await queryUrl(green.url, `alter publication hidden rename to ${name}`);
    await life.migration.carrier.halt('reverse');
    await life.migration.carrier.deploy('reverse');
    await waitFor({ what: 'the flow back to run again', timeoutMs: 60_000 }, async () =>
      (await life.migration.carrier.status('reverse')).now.state === 'running' ? true : undefined,
    );
  });

  test(
    '18: with a transaction that does not end in time is given up, and the transaction goes on',
    { retry: 0, timeout: 300_000 },
    async () => {
      const long = await connect(life.proxyUrl);
      await long.query(`begin; insert into account values (100, 'open across the attempt')`);
      expect(isTealError(await given(), 'TEAL-STAGES-100')).toBe(true);
      await long.query(`insert into account values (101, 'after it'); commit`);
      await blueIsAsBefore();
    },
  );

  test(
    '18, 24: is made when it ends; what it wrote and what others wrote past the proxy is on green or was refused',
    { retry: 0, timeout: 300_000 },
    async () => {
      const long = await connect(life.proxyUrl);
      await long.query(`begin; insert into account values (200, 'open across the cut')`);
      const past = directWriter(await connect(blue.url));
      const opened = await connect(blue.url);
      await opened.query(`set default_transaction_read_only = off; prepare w (int) as insert into direct values ($1)`);
      const holding = begins('hold');
      const cutting = life.migration.cutover();
      await holding;
      await long.query(`update account set note = 'committed in the hold' where id = 200; commit`);
      expect(await cutting).toMatchObject({ outcome: 'done', live: 'green' });
      const { acknowledged, refusal } = await past;
      expect(refusal).toBe('25006');
      expect(acknowledged.length).toBeGreaterThan(0);
      const there = await queryUrl(green.url, 'select id from direct order by id');
      expect(there.map((row) => Number(row['id']))).toEqual(acknowledged);
      expect(await queryUrl(green.url, 'select note from account where id = 200')).toEqual([
        { note: 'committed in the hold' },
      ]);
      // Sessions from before and after, by whatever way.
      const writes = [
        'execute w (-1)',
        'begin read write; insert into direct values (-2)',
        `copy direct from program 'echo -3'`,
        'truncate direct',
      ];
      for (const write of writes) {
        await expect(opened.query(write), write).rejects.toMatchObject({ code: '25006' });
        await opened.query('rollback');
        await expect(
          queryUrl(blue.url, write.replace('execute w (-1)', 'delete from direct')),
          write,
        ).rejects.toMatchObject({
          code: '25006',
        });
      }
      await expect(
        opened.query(`begin; insert into direct values (-4); prepare transaction 'p'`),
      ).rejects.toMatchObject({
        code: '25006',
      });
    },
  );

  test(
    '27: numbers of sequences that sessions keep are given out once, on blue, on green and on blue again',
    { retry: 0, timeout: 300_000 },
    async () => {
      await takeTickets();
      expect(await life.migration.rollback('a test')).toMatchObject({ live: 'blue' });
      await takeTickets();
      expect(ids).toHaveLength(180);
      expect(new Set(ids).size).toBe(ids.length);
    },
  );

  test(
    'loses nothing in all of that, and no client of the proxy has met an error',
    { retry: 0, timeout: 300_000 },
    async () => {
      const { failures, acknowledged } = await writers.stop();
      expect(failures).toEqual([]);
      expect(await KeyedWriters.rowsOf(blue.url)).toEqual(acknowledged);
      expect((await life.migration.verify()).verified).toMatchObject({ equal: true });
    },
  );
});

/** Writes past the proxy, one row after the other, until it is refused. */
async function directWriter(
  client: Client,
): Promise<{ readonly acknowledged: readonly number[]; readonly refusal: string }> {
  const acknowledged: number[] = [];
  for (let id = 1; ; id += 1) {
    try {
      await client.query('insert into direct values ($1)', [id]);
      acknowledged.push(id);
    } catch (error) {
      return { acknowledged, refusal: String((error as { code?: unknown }).code) };
    }
  }
}
