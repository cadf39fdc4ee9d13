import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  deadLetters,
  discardLetters,
  initOutbox,
  outboxMessage,
  outboxStatus,
  relayOutbox,
  retryLetters,
  unfollowOutbox,
} from '../../src/app/outbox/index.ts';
import { beforeSettling } from '../../src/outbox/relay.ts';
import { greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { firstTimes, openReceiver } from './receiver.ts';
import { quick, startRelay, until, writeEvents } from './relaying.ts';
import { tealMain } from '../support/program.ts';

const orders = 10;

/** The slot would outlive the database otherwise, which cannot be dropped then. */
function unfollowedInTheEnd(database: TestDatabase): void {
  onTestFinished(async () => {
    await database.query(`update outbox_relay set until = '-infinity'`);
    await unfollowOutbox({ from: database.url });
    await database[Symbol.asyncDispose]();
  });
}

async function orderDatabase(): Promise<TestDatabase> {
  const database = await testDatabase(greenMajor());
  await initOutbox({ from: database.url });
  unfollowedInTheEnd(database);
  await database.query(
    `create table orders (id int primary key, version int not null); insert into orders select n, 0 from generate_series(0, ${orders - 1}) n`,
  );
  return database;
}

interface RelayProcess {
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  readonly end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number | string | null>;
  /** Waits; that the process ends meanwhile ends the wait, with what it has said last. */
  readonly until: (what: string, isSo: () => boolean | Promise<boolean>) => Promise<void>;
}

function startProcess(to: string, env: NodeJS.ProcessEnv): RelayProcess {
  const args = [tealMain, ...'outbox relay --from ${SHOP} --by log --attempts 50 --to'.split(' '), to];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      said = `${said}${String(bytes)}`.slice(-2_000);
    });
  }
  let failure: { readonly error: unknown } | undefined;
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => {
    failure = { error: new Error(`the relay ended (${code ?? signal}): ${said}`) };
    return code ?? signal ?? null;
  });
  return {
    ended,
    end: async (signal) => {
      child.kill(signal);
      return ended;
    },
    until: async (what, isSo) => until(what, isSo, () => failure),
  };
}

/** One event for each change of an order, by a row that stays, a row that goes with its transaction, and a message in turn; a tenth is rolled back. */
async function writeOrders(database: TestDatabase, writer: number, rounds: number): Promise<void> {
  const client = await database.connect();
  for (let round = 0; round < rounds; round += 1) {
    await client.query('begin');
    const order = (round * 7 + writer * 3) % orders;
    const { rows } = await client.query('update orders set version = version + 1 where id = $1 returning version', [
      order,
    ]);
    const event = { aggregateId: String(order), payload: Number(rows[0].version) };
    if (round % 3 === 2) {
      await client.query(...outboxMessage({ aggregateType: 'order', type: 'changed', ...event }));
    } else {
      await writeEvents('postgres', client, event);
      if (round % 3 === 1) await client.query('delete from outbox where aggregateid = $1', [String(order)]);
    }
    await client.query(round % 10 === 9 ? 'rollback' : 'commit');
  }
}

async function versionsOf(database: TestDatabase): Promise<Map<string, string[]>> {
  const versions = await database.query('select id, version from orders');
  return new Map(
    versions.map(({ id, version }) => [
      `order ${id}`,
      Array.from({ length: Number(version) }, (_, at) => String(at + 1)),
    ]),
  );
}

test('every event comes by the log, in order for each aggregate, though its row is deleted at once and the relay is killed', async () => {
  const database = await orderDatabase();
  await using receiver = await openReceiver();
  const from = { from: database.url };
  let asked = 0;
  receiver.answer = () => {
    asked += 1;
    return asked % 17 === 0 ? 500 : asked % 23 === 0 ? 0 : asked % 31 === 0 ? 503 : 200;
  };
  const ledger = join(tmpdir(), `teal-outbox-log-${process.pid}.ledger`);
  onTestFinished(() => rmSync(ledger, { force: true }));
  const env = { ...process.env, SHOP: database.url, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: beforeSettling };
  const relay = (): RelayProcess => startProcess(receiver.url, env);
  // Killed by itself after a delivery that it could not write down, and by us in the middle of whatever it does.
  const first = relay();
  await first.until('a slot', async () => (await outboxStatus(from)).log !== undefined);
  const writers = [0, 1, 2].map(async (writer) => writeOrders(database, writer, 60));
  expect(await first.ended).toBe('SIGKILL');
  for (const more of [20, 40, 30]) {
    const delivered = receiver.taken.length;
    const next = relay();
    await next.until('more deliveries', () => receiver.taken.length > delivered + more);
    expect(await next.end('SIGKILL')).toBe('SIGKILL');
  }
  await Promise.all(writers);
  // One transaction of more events than a relay takes at once, in which the next relay is killed too.
  await database.query(
    `update orders set version = version + 500 where id = 1;
     insert into outbox (aggregatetype, aggregateid, type, payload)
       select 'order', '1', 'changed', to_jsonb(version - 500 + n) from orders, generate_series(1, 500) n where id = 1 order by n`,
  );
  const delivered = receiver.taken.length;
  const inside = relay();
  await inside.until('some of the large transaction', () => receiver.taken.length > delivered + 250);
  expect(await inside.end('SIGKILL')).toBe('SIGKILL');
  const last = relay();
  const expected = await versionsOf(database);
  const count = [...expected.values()].reduce((sum, each) => sum + each.length, 0);
  await last.until('all events', () => new Set(receiver.taken.map(({ id }) => id)).size === count);
  await last.until('an empty outbox', async () => (await outboxStatus(from)).pending === 0);
  expect(await last.end('SIGTERM')).toBe(0);

  expect(firstTimes(receiver.taken)).toEqual(expected);
  // What came again came under the same id: there are as many ids as events.
  expect(receiver.taken.length).toBeGreaterThan(count);
  expect(new Set(receiver.taken.map(({ aggregate, body }) => `${aggregate} ${body}`)).size).toBe(count);
  expect(receiver.most.ofOne).toBe(1);
  expect(await outboxStatus(from)).toMatchObject({
    dead: 0,
    relay: { runs: false },
    log: { state: 'usable', isRead: false },
  });
});

test('what was in the table before comes once, then the log; a dead letter holds its aggregate alone, and a message that is no event holds nothing', async () => {
  const database = await orderDatabase();
  await using receiver = await openReceiver();
  const from = { from: database.url };
  receiver.answer = ({ body }) => (body.includes('poison') ? 422 : 200);
  const before = Array.from({ length: 450 }, (_, at) => ({ aggregateId: 'old', payload: at }));
  await writeEvents('postgres', database, ...before);
  const relay = startRelay({ ...from, to: receiver.url, by: 'log' });
  await relay.until('a slot', async () => (await outboxStatus(from)).log?.isRead === true);
  await writeEvents('postgres', database, { aggregateId: 'old', payload: 450 }, { payload: 1 }, { payload: 'poison' });
  await relay.until('a dead letter', async () => (await outboxStatus(from)).dead === 1);
  await database.query(`select pg_logical_emit_message(true, 'public.outbox', '{"id": 17}')`);
  await database.query(`select pg_logical_emit_message(true, 'other', 'of somebody else')`);
  await database.query(`select pg_logical_emit_message(false, 'public.outbox', 'outside of a transaction')`);
  await writeEvents('postgres', database, { payload: 3 }, { aggregateId: '2', payload: 'other' });
  await relay.until('the rest', async () => receiver.taken.at(-1)?.body === '"other"');
  await relay.until('the letters', async () => (await deadLetters(from)).length === 3);
  // Each of them once: the log begins where the table's rows end.
  expect(receiver.taken.map(({ body }) => body)).toEqual([
    ...Array.from({ length: 451 }, (_, at) => String(at)),
    '1',
    '"other"',
  ]);
  const letters = await deadLetters(from);
  expect(letters.map(({ state, aggregateType, reason }) => [state, aggregateType, reason.slice(0, 15)])).toEqual([
    ['dead', 'order', 'TEAL-OUTBOX-010'],
    ['dead', 'unreadable', 'TEAL-OUTBOX-062'],
    ['behind', 'order', ''],
  ]);

  // Asked for again: the message stays what it is, the others go on in their order.
  receiver.answer = () => 200;
  await writeEvents('postgres', database, { payload: 4 });
  await retryLetters(from, 'all');
  await relay.until('what was behind', () => receiver.taken.at(-1)?.body === '4');
  expect(firstTimes(receiver.taken).get('order 1')).toEqual(['1', '"poison"', '3', '4']);
  await relay.until('one letter', async () => (await deadLetters(from)).length === 1);
  const [unreadable] = await deadLetters(from);
  expect(unreadable?.aggregateType).toBe('unreadable');
  await discardLetters(from, [unreadable?.id ?? '']);

  // The walsender and the session are lost: it goes on by itself.
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'teal outbox%' and datname = current_database()`,
  );
  await writeEvents('postgres', database, { payload: 5 });
  await relay.until('the next', () => receiver.taken.at(-1)?.body === '5');

  // What others write moves the slot too.
  await database.query(`insert into orders select n, 0 from generate_series(100, 20000) n`);
  await relay.until(
    'the slot to come after',
    async () => ((await outboxStatus(from)).log?.behindBytes ?? 1e9) < 100_000,
  );
  await relay.stop();
});

test('a log that cannot be read is told, not passed over; the table goes on without it', async () => {
  const database = await orderDatabase();
  await using receiver = await openReceiver();
  const from = { from: database.url };
  const options = { ...from, to: receiver.url };
  const once_ = async (by: 'log' | 'polling'): Promise<void> =>
    relayOutbox({ ...options, by, limits: quick, signal: AbortSignal.timeout(60_000) });
  const relay = startRelay({ ...options, by: 'log' });
  await writeEvents('postgres', database, { payload: 1 });
  await relay.until('a delivery', () => receiver.taken.length === 1);
  await expect(once_('polling')).rejects.toThrow(/TEAL-OUTBOX-063/);
  await expect(unfollowOutbox(from)).rejects.toThrow(/TEAL-OUTBOX-064/);
  await relay.stop();

  const [slot] = await database.query(
    `select slot_name from pg_replication_slots where database = current_database() and not temporary`,
  );
  await database.query('drop table outbox');
  await initOutbox(from);
  expect((await outboxStatus(from)).log?.state).toBe('unpublished');
  await expect(once_('log')).rejects.toThrow(/TEAL-OUTBOX-061/);
  await until('a free slot', async () => {
    await database.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active`,
      [slot?.['slot_name']],
    );
    return (await outboxStatus(from)).log?.state === 'gone';
  });
  await writeEvents('postgres', database, { payload: 2 });
  await expect(once_('log')).rejects.toThrow(/TEAL-OUTBOX-060/);
  expect(receiver.taken).toHaveLength(1);
  await unfollowOutbox(from);
  expect((await outboxStatus(from)).log).toBeUndefined();
  const publications = await database.query(`select from pg_publication`);
  expect(publications).toHaveLength(0);
  const again = startRelay({ ...options, by: 'log' });
  await again.until('what was in the table', () => receiver.taken.length === 2);
  await again.stop();
});

test('a role that owns the outbox, may replicate and may create in the database is enough; a relay hears that its table was taken away', async () => {
  await using database = await testDatabase(greenMajor());
  await using receiver = await openReceiver();
  const role = `${database.name}_relay`;
  await database.query(
    `create role ${role} login replication password 'p'; grant create on database ${database.name} to ${role}; create schema shop authorization ${role}`,
  );
  const url = new URL(database.url);
  url.username = role;
  url.password = 'p';
  const from = { from: url.href, table: 'shop.outbox' };
  try {
    await initOutbox(from);
    const relay = startRelay({ ...from, to: receiver.url, by: 'log' });
    await relay.until('a slot', async () => (await outboxStatus(from)).log?.isRead === true);
    await database.query(
      ...outboxMessage({ aggregateType: 'a', aggregateId: 'b', type: 'c', payload: 1 }, 'shop.outbox'),
    );
    await relay.until('a delivery', () => receiver.taken.length === 1);
    await database.query('drop table shop.outbox');
    await initOutbox(from);
    await expect(relay.ended).rejects.toThrow(/TEAL-OUTBOX-061/);
    await unfollowOutbox(from);
    expect(await database.query('select from pg_replication_slots where database = current_database()')).toEqual([]);
  } finally {
    await database.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});
