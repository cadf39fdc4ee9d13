import { describe, expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import type { StreamEvent } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { ApplierStatus } from '../../src/sync/applier.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { TestFlow, rowsOf, type FlowOptions } from './flow.ts';

async function open(schema: string, options: FlowOptions = {}): Promise<TestFlow> {
  const source = await testDatabase(blueMajor());
  const target = await testDatabase(greenMajor());
  for (const db of [source, target]) await db.query(schema);
  const flow = await TestFlow.open(source, target, options);
  await flow.start();
  return flow;
}

async function follow(
  schema: string,
  story: (flow: TestFlow) => Promise<void>,
  options: FlowOptions = {},
): Promise<void> {
  const flow = await open(schema, options);
  try {
    await story(flow);
  } finally {
    await flow[Symbol.asyncDispose]();
    await flow.source[Symbol.asyncDispose]();
    await flow.target[Symbol.asyncDispose]();
  }
}

async function until(flow: TestFlow, what: string, holds: (status: ApplierStatus) => boolean): Promise<void> {
  await waitFor({ what, timeoutMs: 60_000, everyMs: 5 }, () => holds(flow.applier.status()) || undefined);
}

function lastEnd(events: readonly StreamEvent[]): Position {
  const commit = events.findLast((event) => event.kind === 'commit');
  if (commit === undefined) throw new Error('no transaction came');
  return commit.end;
}

const plain = 'create table a (id int primary key, v int)';

describe('exactly one', () => {
  for (const [what, statement] of [
    ['an update', 'update a set v = 2 where id = 1'],
    ['a delete', 'delete from a where id = 1'],
    ['a move of a key', 'update a set id = 9 where id = 1'],
  ] as const) {
    test(`${what} of a row that is not on the target stops the flow, and leaves nothing of its transaction`, async () => {
      await follow(plain, async (flow) => {
        await flow.source.query('insert into a values (1, 1), (2, 2)');
        await flow.carry();
        await flow.target.query('delete from a where id = 1');
        await flow.source.query(`begin; insert into a values (3, 3); ${statement}; commit`);
        flow.feed.push(await flow.read());
        const error = await flow.ended();
        expect(isTealError(error, 'TEAL-SYNC-110')).toBe(true);
        expect(isTealError(error) && error.facts).toMatchObject({ table: 'public.a', affected: 0, expected: 1 });
        expect(await rowsOf(flow.target, 'a')).toEqual(['(2,2)']);
        expect(flow.applier.status().now).toMatchObject({ state: 'failed', code: 'TEAL-SYNC-110' });
      });
    });
  }

  test('a large batch that finds a row too few stops the flow', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query('insert into a select i, 0 from generate_series(1, 300) i');
      await flow.carry();
      await flow.target.query('delete from a where id = 77');
      await flow.source.query('update a set v = 1');
      flow.feed.push(await flow.read());
      const error = await flow.ended();
      expect(isTealError(error) && error.facts).toMatchObject({ affected: 299, expected: 300, change: 'update' });
    });
  });

  test('a row of somebody else where one must go stops the flow', async () => {
    await follow(plain, async (flow) => {
      await flow.target.query('insert into a values (1, 77)');
      await flow.source.query('insert into a values (1, 1)');
      flow.feed.push(await flow.read());
      expect(isTealError(await flow.ended(), 'TEAL-SYNC-111')).toBe(true);
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,77)']);
    });
  });

  test('short transactions go on where a rule of the target makes several statements of one', async () => {
    await follow(plain, async (flow) => {
      await flow.target.query(`create table b (id int);
        create rule noted as on insert to a do also insert into b values (new.id); alter table a enable always rule noted`);
      for (let id = 1; id <= 5; id += 1) {
        await flow.source.query(`insert into a values (${id}, 1)`);
        await flow.carry();
      }
      expect(await rowsOf(flow.target, 'a')).toEqual(await rowsOf(flow.source, 'a'));
      expect(await rowsOf(flow.target, 'b')).toHaveLength(5);
    });
  });

  test('transactions that come again are passed over, large ones too', async () => {
    const limits = { rows: 50, bytes: 1 << 20, ms: 5 };
    await follow(
      'create table k (v int); alter table k replica identity full',
      async (flow) => {
        await flow.source.query('insert into k values (1)');
        await flow.source.query('insert into k select i from generate_series(1, 200) i');
        const events = await flow.carry();
        await flow.stop();
        await flow.start();
        flow.feed.push(events);
        await flow.source.query('insert into k values (2)');
        await flow.carry();
        expect(await rowsOf(flow.target, 'k')).toEqual(await rowsOf(flow.source, 'k'));
      },
      { applier: { limits } },
    );
  });

  test('a target that ends the session in between loses and doubles nothing', async () => {
    await follow('create table k (v int); alter table k replica identity full', async (flow) => {
      await flow.source.query('insert into k values (1)');
      await flow.carry();
      await flow.source.query('insert into k values (2)');
      const events = await flow.read();
      await flow.target.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()`,
        [`teal apply ${flow.stream}`],
      );
      flow.feed.push(events);
      const error = await flow.ended();
      expect(isTealError(error) && error.entry.retry).toBe('auto');
      await flow.stop();
      await flow.start();
      flow.feed.push(events);
      await flow.reached(lastEnd(events));
      expect(await rowsOf(flow.target, 'k')).toEqual(['(1)', '(2)']);
    });
  });
});

describe('modes', () => {
  const cut = (token: string, kind: string) =>
    `insert into teal.cut (token, kind, cut, epoch) values ('${token}', '${kind}', 'c1', 1)`;
  const owner = (epoch: number, side: string) =>
    `insert into teal.owner (epoch, owner, cut) values (${epoch}, '${side}', 'c1')`;

  test('forward: live, fenced by the token, live again when the cut is undone, shadow when the other side owns', async () => {
    await follow(plain, async (flow) => {
      const { source, target } = flow;
      await source.query('insert into a values (1, 1)');
      await source.query(cut('t1', 'fence'));
      await flow.carry();
      expect(flow.applier.status()).toMatchObject({ mode: 'shadow', rogueTransactions: 0 });
      expect(await target.query('select token from teal.cut')).toEqual([{ token: 't1' }]);
      await source.query('insert into a values (2, 2)');
      await flow.carry();
      expect(flow.applier.status()).toMatchObject({
        rogueTransactions: 1,
        rogueFirst: expect.stringContaining('public.a'),
      });
      expect(await rowsOf(target, 'a')).toEqual(['(1,1)']);
      await source.query('delete from a where id = 2');
      await flow.carry();
      await source.query(cut('t2', 'reopened'));
      await source.query('insert into a values (3, 3)');
      await flow.carry();
      expect(flow.applier.status()).toMatchObject({ mode: 'live', rogueTransactions: 2 });
      expect(await rowsOf(target, 'a')).toEqual(await rowsOf(source, 'a'));
    });
  });

  test('a restart forgets neither mode nor rogues', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query(cut('t1', 'fence'));
      await flow.source.query('insert into a values (2, 2)');
      await flow.carry();
      await flow.stop();
      await flow.start();
      await flow.source.query('insert into a values (3, 3)');
      await flow.carry();
      expect(flow.applier.status()).toMatchObject({ mode: 'shadow', rogueTransactions: 2 });
      expect(await rowsOf(flow.target, 'a')).toEqual([]);
    });
  });

  test('reverse: a shadow until its source owns the data', async () => {
    await follow(
      plain,
      async (flow) => {
        const { source, target } = flow;
        await source.query('insert into a values (1, 1)');
        await flow.carry();
        expect(flow.applier.status()).toMatchObject({ mode: 'shadow', rogueTransactions: 1 });
        await source.query(cut('t0', 'fence'));
        await source.query(cut('t0r', 'reopened'));
        await flow.carry();
        expect(flow.applier.status().mode).toBe('shadow');
        await source.query(owner(1, 'green'));
        await source.query('insert into a values (2, 2)');
        await flow.carry();
        expect(flow.applier.status()).toMatchObject({ mode: 'live', epoch: 1, rogueTransactions: 1 });
        expect(await rowsOf(target, 'a')).toEqual(['(2,2)']);
        expect(await target.query('select owner from teal.owner')).toEqual([{ owner: 'green' }]);
      },
      { flow: 'reverse' },
    );
  });

  test('what Teal itself applied in the other direction is neither applied nor a rogue', async () => {
    for (const mode of ['live', 'shadow'] as const) {
      await follow(
        plain,
        async (flow) => {
          const origin = `teal_${flow.migration}_rev`;
          await flow.source.query(`select pg_replication_origin_create($1)`, [origin]);
          await flow.source.query(`select pg_replication_origin_session_setup($1)`, [origin]);
          await flow.source.query('insert into a values (1, 1)');
          await flow.source.query(owner(3, 'green'));
          await flow.source.query('select pg_replication_origin_session_reset()');
          await flow.source.query('select pg_replication_origin_drop($1)', [origin]);
          await flow.source.query(owner(4, 'blue'));
          await flow.source.query('insert into a values (2, 2)');
          await flow.carry();
          expect(await rowsOf(flow.target, 'a')).toEqual(['(2,2)']);
          expect(flow.applier.status()).toMatchObject({ mode: 'live', epoch: 4, rogueTransactions: 0 });
          expect(await flow.target.query('select epoch from teal.owner')).toEqual([{ epoch: '4' }]);
        },
        { mode },
      );
    }
  });

  test('heartbeats come through, in every mode, and tell the lag', async () => {
    await follow(
      plain,
      async (flow) => {
        expect(flow.applier.status()).not.toHaveProperty('lagMs');
        for (let beat = 0; beat < 2; beat += 1) {
          await flow.source.query(
            `insert into teal.heartbeat values ('blue', clock_timestamp()) on conflict (side) do update set at = excluded.at`,
          );
          await flow.carry();
        }
        expect(await rowsOf(flow.target, 'teal.heartbeat')).toEqual(await rowsOf(flow.source, 'teal.heartbeat'));
        expect(flow.applier.status().lagMs).toBeLessThan(10_000);
      },
      { mode: 'shadow' },
    );
  });
});

describe('a target that does not fit', () => {
  test('waits exactly before the transaction, and goes on by itself', async () => {
    await follow(plain, async (flow) => {
      const { source, target } = flow;
      await source.query('insert into a values (1, 1)');
      await source.query('alter table a add column w text');
      await source.query(`insert into a values (2, 2, 'x')`);
      const events = await flow.read();
      flow.feed.push(events);
      await until(flow, 'the wait', (status) => status.now.state === 'waiting');
      expect(flow.applier.status().now).toMatchObject({
        code: 'TEAL-SYNC-101',
        reason: expect.stringContaining('column w'),
      });
      expect(await rowsOf(target, 'a')).toEqual(['(1,1)']);
      await target.query('alter table a add column w text');
      await flow.reached(lastEnd(events));
      expect(await rowsOf(target, 'a')).toEqual(await rowsOf(source, 'a'));
      expect(flow.applier.status().now.state).toBe('running');
    });
  });

  test('waits for the label of an enum, which only the value tells', async () => {
    await follow(`create type mood as enum ('a', 'b'); create table e (id int primary key, m mood)`, async (flow) => {
      await flow.source.query(`alter type mood add value 'c'`);
      await flow.source.query(`insert into e values (1, 'a'), (2, 'c')`);
      const events = await flow.read();
      flow.feed.push(events);
      await until(flow, 'the wait', (status) => status.now.state === 'waiting');
      expect(flow.applier.status().now).toMatchObject({ code: 'TEAL-SYNC-113' });
      await flow.target.query(`alter type mood add value 'c'`);
      await flow.reached(lastEnd(events));
      expect(await rowsOf(flow.target, 'e')).toEqual(['(1,a)', '(2,c)']);
    });
  });

  test('a type that is not the same does not fit', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query('alter table a alter v type bigint; insert into a values (1, 1)');
      flow.feed.push(await flow.read());
      await until(flow, 'the wait', (status) => status.now.state === 'waiting');
      expect(flow.applier.status().now).toMatchObject({ reason: expect.stringContaining('another type') });
    });
  });

  test('waits for a unique index on the key, without which a key might be many rows', async () => {
    await follow(plain, async (flow) => {
      await flow.target.query('alter table a drop constraint a_pkey');
      await flow.source.query('insert into a values (1, 1)');
      const events = await flow.read();
      flow.feed.push(events);
      await until(flow, 'the wait', (status) => status.now.state === 'waiting');
      expect(flow.applier.status().now).toMatchObject({ reason: expect.stringContaining('unique index') });
      await flow.target.query('alter table a add primary key (id)');
      await flow.reached(lastEnd(events));
    });
  });

  test('messages about the schema are counted, and stop nothing', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query(
        `begin; select pg_logical_emit_message(true, 'teal.ddl', '{"command": "CREATE INDEX", "tables": ["public.a"]}'); insert into a values (1, 1); commit`,
      );
      await flow.source.query(`select pg_logical_emit_message(true, 'teal.ddl', 'not json')`);
      await flow.carry();
      expect(flow.applier.status()).toMatchObject({
        ddlNotes: 1,
        ddlLast: { command: 'CREATE INDEX', tables: ['public.a'] },
      });
    });
  });

  test('indexes built on the target meanwhile hurt nothing', async () => {
    await follow('create table k (v int, w int); alter table k replica identity full', async (flow) => {
      await flow.source.query('insert into k select i % 5, i from generate_series(1, 100) i');
      await flow.carry();
      const building = flow.target.query('create index concurrently on k (v)');
      await flow.source.query('update k set w = w + 1 where w <= 50');
      await flow.carry();
      await building;
      await flow.source.query('delete from k where w % 2 = 0');
      await flow.carry();
      expect(await rowsOf(flow.target, 'k')).toEqual(await rowsOf(flow.source, 'k'));
    });
  });
});

describe('standing still', () => {
  test('applies what ends at the position, nothing after, until told to go on', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query('insert into a values (1, 1)');
      const first = await flow.read();
      await flow.source.query('insert into a values (2, 2)');
      const second = await flow.read();
      const at = lastEnd(first);
      const standing = flow.applier.stopAt(at, 60_000);
      flow.feed.push([...first, ...second]);
      expect(await standing).toBe(at);
      expect(flow.applier.status()).toMatchObject({ now: { state: 'paused', at }, durable: at });
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,1)']);
      flow.applier.resume();
      await flow.reached(lastEnd(second));
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,1)', '(2,2)']);
    });
  });

  test('a position already passed pauses where the stream is and says so; a later one moves on', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query('insert into a values (1, 1)');
      const at = lastEnd(await flow.carry());
      expect(await flow.applier.stopAt(flow.begin, 60_000)).toBe(at);
      await flow.source.query('insert into a values (2, 2)');
      const second = await flow.read();
      flow.feed.push(second);
      expect(await flow.applier.stopAt(lastEnd(second), 60_000)).toBe(lastEnd(second));
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,1)', '(2,2)']);
    });
  });

  test('lets go by itself when its lease ends', async () => {
    await follow(plain, async (flow) => {
      await flow.applier.stopAt(flow.begin, 150);
      await flow.source.query('insert into a values (1, 1)');
      await flow.carry();
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,1)']);
    });
  });

  test('a large transaction beyond the position leaves nothing, and is read again', async () => {
    const limits = { rows: 50, bytes: 1 << 20, ms: 5 };
    await follow(
      plain,
      async (flow) => {
        await flow.source.query('insert into a values (0, 0)');
        const at = lastEnd(await flow.read().then((events) => (flow.feed.push(events), events)));
        await flow.reached(at);
        await flow.source.query('begin; insert into a select i, i from generate_series(1, 200) i; commit');
        const large = await flow.read();
        flow.feed.push(large.slice(0, 150));
        await until(flow, 'the first slices', (status) => status.now.state === 'running');
        const standing = flow.applier.stopAt(at, 300);
        flow.feed.push(large.slice(150));
        expect(await standing).toBe(at);
        expect(await rowsOf(flow.target, 'a')).toEqual(['(0,0)']);
        expect(isTealError(await flow.ended(), 'TEAL-SYNC-115')).toBe(true);
        expect(await rowsOf(flow.target, 'a')).toEqual(['(0,0)']);
      },
      { applier: { limits } },
    );
  });
});

describe('durability', () => {
  test('the source may forget only what is on the disk of the target', async () => {
    await follow(plain, async (flow) => {
      await flow.source.query('insert into a values (1, 1)');
      const end = lastEnd(await flow.carry());
      await until(flow, 'durability', (status) => status.durable === end);
      expect(flow.feed.trims.at(-1)).toBe(end);
      expect([...flow.feed.trims].sort()).toEqual(flow.feed.trims);
    });
  });

  test('a deadlock on the target is tried again', async () => {
    await follow(`${plain}; insert into a values (1, 1), (2, 2)`, async (flow) => {
      const other = await flow.target.connect();
      await other.query(`set deadlock_timeout = '10s'; begin; update a set v = 0 where id = 2`);
      await flow.source.query('begin; update a set v = 7 where id = 1; update a set v = 8 where id = 2; commit');
      const events = await flow.read();
      flow.feed.push(events);
      await waitFor({ what: 'the applier to be blocked', timeoutMs: 60_000, everyMs: 10 }, async () => {
        const [row] = await flow.target.query(
          `select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`,
          [`teal apply ${flow.stream}`],
        );
        return row;
      });
      // The applier waits for this session, and it for the applier: the server ends the one that looks first, the applier.
      const mine = other.query('update a set v = v where id = 1');
      await mine;
      await other.query('rollback');
      await flow.reached(lastEnd(events));
      expect(await rowsOf(flow.target, 'a')).toEqual(['(1,7)', '(2,8)']);
    });
  });
});
