import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import { sleep } from '../kernel/clock.ts';
import { asPosition, type Position } from '../model/position.ts';
import { lsnTextOfPosition, positionOfLsnText } from '../systems/postgres/position.ts';
import { namesOf, twoSides, type TwoSides } from './test-support/two-sides.ts';

/** Table `t (id int primary key, v int)` of blue, carried to green one whole transaction after another: a carrier small enough to be beyond doubt. */
class SmallCarrier implements AsyncDisposable {
  readonly #sides: TwoSides;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(sides: TwoSides) {
    this.#sides = sides;
  }

  static async start(sides: TwoSides): Promise<SmallCarrier> {
    await sides.blue.query(`select pg_create_logical_replication_slot('small_carrier', 'test_decoding')`);
    const carrier = new SmallCarrier(sides);
    carrier.#running = carrier.#follow();
    return carrier;
  }

  #held = false;
  #reached = asPosition('');
  #idle = Promise.withResolvers<void>();

  /** Where it has come to: it goes on while a position is asked for, and may be past it. */
  readonly stopAt = async (position: Position): Promise<Position> => {
    this.#idle = Promise.withResolvers<void>();
    this.#held = true;
    await this.#idle.promise;
    if (position > this.#reached) await this.#apply(lsnTextOfPosition(position));
    return position > this.#reached ? position : this.#reached;
  };

  readonly resume = async (): Promise<void> => {
    this.#held = false;
  };

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#held) this.#idle.resolve();
      else await this.#apply(null);
      await sleep(2);
    }
  }

  async #apply(upTo: string | null): Promise<void> {
    const rows = await this.#sides.blue.query(
      `select lsn, data from pg_logical_slot_get_changes('small_carrier', $1, $2, 'include-xids', '0', 'skip-empty-xacts', '1')`,
      [upTo, upTo === null ? 20 : null],
    );
    const statements = rows.map(({ data }) => statementOf(must(data, 'data')));
    if (statements.length > 0) await this.#sides.green.query(statements.join(';'));
    const end = rows.at(-1)?.['lsn'];
    if (end !== undefined) this.#reached = positionOfLsnText(must(end, 'a place'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held = false;
    this.#stop.abort();
    await this.#running;
  }
}

function statementOf(data: string): string {
  if (data === 'BEGIN' || data === 'COMMIT') return data;
  const match = /^table public\.t: (INSERT|UPDATE|DELETE): (?:id\[integer\]:(\d+))(?: v\[integer\]:(-?\d+))?$/.exec(
    data,
  );
  const [, kind, id, v] = must(match, `a change that the test made, not: ${data}`);
  switch (kind) {
    case 'INSERT':
      return `insert into t values (${id}, ${v})`;
    case 'UPDATE':
      return `update t set v = ${v} where id = ${id}`;
    default:
      return `delete from t where id = ${id}`;
  }
}

/** Writes until told to stop, in transactions of one to four statements that are open for a moment. */
async function write(client: Client, from: number, signal: AbortSignal): Promise<number> {
  let transactions = 0;
  for (let id = from; !signal.aborted; id += 1) {
    await client.query('begin');
    await client.query(`insert into t values (${id}, ${id})`);
    // In the order of their keys: two writers that take the same rows as they lie in the table may wait for each other.
    await client.query(
      `update t set v = v + 1 where id = any (array(select id from t where id between ${id % 500} and ${(id % 500) + 5} order by id for update))`,
    );
    if (id % 3 === 0) await client.query(`delete from t where id = ${id - 2}`);
    await client.query(id % 7 === 0 ? 'rollback' : 'commit');
    transactions += 1;
  }
  return transactions;
}

/** Ends with the test, also with one that fails: their sessions end after it. */
function writersOn(sides: TwoSides): AsyncDisposable & { stop(): Promise<readonly number[]> } {
  const stop = new AbortController();
  const writers = Promise.all(
    [10_000, 1_000_000].map(async (from) => write(await sides.blue.connect(), from, stop.signal)),
  );
  // Whoever stops them hears of it.
  writers.catch(() => undefined);
  return {
    async stop() {
      stop.abort();
      return writers;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.allSettled([writers]);
    },
  };
}

test('while clients write, both sides are equal at each position, and one spoilt row is the only difference', async () => {
  await using sides = await twoSides();
  await sides.both(
    `create table t (id int primary key, v int); insert into t select k, k from generate_series(0, 2000) k`,
  );
  await using carrier = await SmallCarrier.start(sides);
  await using writers = writersOn(sides);
  const options = { tables: [{ schema: 'public', name: 't' }], stopAt: carrier.stopAt, resume: carrier.resume };
  const rows = new Set<string | undefined>();
  for (let round = 0; round < 5; round += 1) {
    const { certificate } = await sides.verify(options);
    expect(certificate.tables).toMatchObject([{ name: 't', outcome: 'equal' }]);
    rows.add(certificate.tables[0]?.rows?.blue);
  }
  await sides.green.query('update t set v = -1 where id = 1777');
  const spoilt = await sides.verify(options);
  expect((await writers.stop()).every((transactions) => transactions > 20)).toBe(true);
  expect(rows.size).toBe(5);
  expect(spoilt.tables).toMatchObject([
    {
      outcome: 'differs',
      differences: { different: 1, missingOnLive: 0, missingOnOther: 0, kept: [{ key: ['1777'], columns: ['v'] }] },
    },
  ]);
});

test('no slot and no session is left, after success, failure and abort', async () => {
  await using sides = await twoSides();
  await sides.both(`create table t (id int primary key); insert into t select generate_series(1, 1000)`);
  await sides.verify();
  await expect(sides.verify({ stopAt: async () => Promise.reject(new Error('the carrier is gone')) })).rejects.toThrow(
    'the carrier is gone',
  );
  const abort = new AbortController();
  const aborted = sides.verify({
    signal: abort.signal,
    onProgress: ({ phase }) => {
      if (phase === 'scan') abort.abort(new Error('stopped by hand'));
    },
  });
  await expect(aborted).rejects.toThrow('stopped by hand');
  for (const side of [sides.blue, sides.green]) {
    await expect
      .poll(async () =>
        side.query(
          `select application_name from pg_stat_activity where datname = current_database() and application_name like 'teal verify%'`,
        ),
      )
      .toEqual([]);
    expect(await side.query('select slot_name from pg_replication_slots where database = current_database()')).toEqual(
      [],
    );
  }
});

/** Both sides wait for a lock, as long as they may: a minute. What ends them sooner is what the test does. */
async function verifyBehindLocks(
  sides: TwoSides,
  signal: AbortSignal,
): Promise<{ readonly verifying: Promise<unknown> }> {
  await sides.both('create table t (id int primary key)');
  const lock = async (): Promise<void> => {
    for (const side of [sides.blue, sides.green]) await (await side.connect()).query('begin; lock table t');
  };
  const verifying = sides.verify({ signal, readers: 1, resume: lock }).catch((error: unknown) => error);
  for (const side of [sides.blue, sides.green]) {
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await side.query(waiting)).length, { timeout: 60_000 }).toBe(1);
  }
  return { verifying };
}

test('an abort ends the statements that run', async () => {
  await using sides = await twoSides();
  const abort = new AbortController();
  const { verifying } = await verifyBehindLocks(sides, abort.signal);
  const began = performance.now();
  abort.abort(new Error('stopped by hand'));
  expect(await verifying).toMatchObject({ message: 'stopped by hand' });
  expect(performance.now() - began).toBeLessThan(20_000);
});

test('a side that is lost ends the statements of the other, and is the error', async () => {
  await using sides = await twoSides();
  const { verifying } = await verifyBehindLocks(sides, new AbortController().signal);
  const began = performance.now();
  await sides.green.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'teal verify'`,
  );
  const error = await verifying;
  expect(isTealError(error, 'TEAL-SYSTEMS-006')).toBe(true);
  expect(performance.now() - began).toBeLessThan(20_000);
});

test.each([
  ['TRUNCATE', 'truncate t'],
  ['VACUUM FULL', 'vacuum full t'],
  ['a rewrite', 'alter table t alter v type bigint'],
])('%s between the snapshot and the reading is said, not compared', async (_, statement) => {
  await using sides = await twoSides();
  await sides.both(`create table t (id int primary key, v int); insert into t select k, k from generate_series(1, 100) k;
    create table u (id int primary key)`);
  const result = await sides.verify({ resume: async () => void (await sides.blue.query(statement)) });
  expect(result.certificate).toMatchObject({
    result: 'unsettled',
    tables: [
      { name: 't', outcome: 'unsettled', reason: 'A table was rewritten or emptied while it was verified' },
      { name: 'u', outcome: 'equal' },
    ],
  });
});

test('the lock of a table is given back when it is read, not at the end', async () => {
  await using sides = await twoSides();
  await sides.both(`create table first (id int primary key); insert into first select generate_series(1, 2000);
    create table last (id int primary key); insert into last values (1)`);
  await sides.green.query('delete from last');
  const locked: unknown[] = [];
  const looked: Promise<void>[] = [];
  await sides.verify({
    readers: 1,
    tables: await namesOf(sides.blueSide),
    onProgress: (progress) => {
      // Everything is read once; the rows of `last` are about to be looked for.
      if (progress.phase !== 'locate' || progress.table.name !== 'last') return;
      const look = async (): Promise<void> => {
        locked.push(...(await sides.blue.query(`select from pg_locks where relation = 'first'::regclass`)));
      };
      looked.push(look());
    },
  });
  await Promise.all(looked);
  expect(looked).toHaveLength(1);
  expect(locked).toEqual([]);
});

test('a writer that does not end is named, and the carrier is never stopped', async () => {
  await using sides = await twoSides();
  await sides.both('create table t (id int primary key)');
  const writer = await sides.blue.connect();
  await writer.query('begin; insert into t values (1)');
  let stops = 0;
  const refused = await sides
    .verify({
      lockTimeoutMs: 300,
      stopAt: async (position) => {
        stops += 1;
        return position;
      },
    })
    .catch((error: unknown) => error);
  expect(isTealError(refused, 'TEAL-SYSTEMS-027')).toBe(true);
  expect(stops).toBe(0);
  await writer.query('rollback');
});
