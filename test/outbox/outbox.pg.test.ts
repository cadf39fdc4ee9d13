import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import {
  deadLetters,
  discardLetters,
  initOutbox,
  outboxStatus,
  relayOutbox,
  retryLetters,
  type NewEvent,
} from '../../src/app/outbox/index.ts';
import { must } from '../../src/kernel/assert.ts';
import { beforeSettling } from '../../src/outbox/relay.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { firstTimes, openReceiver } from './receiver.ts';
import { quick, startRelay, until, writeEvents } from './relaying.ts';
import { tealMain } from '../support/program.ts';

const write = async (
  database: Parameters<typeof writeEvents>[1],
  ...events: readonly Partial<NewEvent>[]
): Promise<void> => writeEvents('postgres', database, ...events);

/** Reads on to the end, so that the log has room. */
async function metricsPort(relay: ChildProcess): Promise<number> {
  const port = Promise.withResolvers<number>();
  createInterface({ input: must(relay.stdout, 'the log') }).on('line', (line) => {
    const said = JSON.parse(line) as { readonly msg: string; readonly port?: number };
    if (said.msg === 'metrics') port.resolve(must(said.port, 'a port'));
  });
  return port.promise;
}

test('every event comes, in order for each aggregate, though the relay is killed and the receiver fails', async () => {
  await using database = await testDatabase(greenMajor());
  await using receiver = await openReceiver();
  await initOutbox({ from: database.url });
  await database.query(
    'create table orders (id int primary key, version int not null); insert into orders select n, 0 from generate_series(0, 9) n',
  );
  let asked = 0;
  receiver.answer = () => {
    asked += 1;
    return asked % 17 === 0 ? 500 : asked % 23 === 0 ? 0 : asked % 31 === 0 ? 503 : 200;
  };

  // Each writer locks the row that the event tells of, as outboxInsert says; commits come in another order than their numbers.
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    const client = await database.connect();
    for (let round = 0; round < 40; round += 1) {
      await client.query('begin');
      const order = (round * 7 + writer * 3) % 10;
      const { rows } = await client.query('update orders set version = version + 1 where id = $1 returning version', [
        order,
      ]);
      await write(client, { aggregateId: String(order), payload: Number(rows[0].version) });
      await client.query(round % 10 === 9 ? 'rollback' : 'commit');
    }
  });

  const ledger = join(tmpdir(), `teal-outbox-${process.pid}.ledger`);
  onTestFinished(() => rmSync(ledger, { force: true }));
  const env = { ...process.env, SHOP: database.url, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: beforeSettling };
  const relay = (): ChildProcess =>
    spawn(
      process.execPath,
      [tealMain, ...'outbox relay --from ${SHOP} --attempts 50 --metrics 127.0.0.1:0 --to'.split(' '), receiver.url],
      { env, stdio: ['ignore', 'pipe', 'ignore'] },
    );
  // Killed by itself after a delivery that it could not write down, and by us in the middle of whatever it does.
  const first = relay();
  first.stdout?.resume();
  const [, signal] = await once(first, 'exit');
  expect(signal).toBe('SIGKILL');
  const delivered = receiver.taken.length;
  expect(delivered).toBeGreaterThan(0);
  const second = relay();
  second.stdout?.resume();
  await until('more deliveries', () => receiver.taken.length > delivered + 20);
  second.kill('SIGKILL');
  await once(second, 'exit');
  const third = relay();
  onTestFinished(() => void third.kill('SIGKILL'));
  const port = await metricsPort(third);
  await Promise.all(writers);
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringMatching(/^teal_outbox_relay_up 1$/m)]);
  await until('an empty outbox', async () => (await outboxStatus({ from: database.url })).pending === 0);
  third.kill('SIGTERM');
  expect(await once(third, 'exit')).toEqual([0, null]);

  const versions = await database.query('select id, version from orders');
  const expected = versions.map(({ id, version }) => [
    `order ${id}`,
    Array.from({ length: Number(version) }, (_, at) => String(at + 1)),
  ]);
  expect(firstTimes(receiver.taken)).toEqual(new Map(expected as [string, string[]][]));
  expect(receiver.taken.length).toBeGreaterThan(new Set(receiver.taken.map(({ id }) => id)).size);
  expect(receiver.most.ofOne).toBe(1);
  expect(await outboxStatus({ from: database.url })).toMatchObject({
    dead: 0,
    behind: 0,
    relay: { runs: false, delivered: 108n },
  });
});

test('a dead letter holds its aggregate alone, and is delivered in order when it is asked for again', async () => {
  await using database = await testDatabase(greenMajor());
  await using receiver = await openReceiver();
  const from = { from: database.url };
  await initOutbox(from);
  receiver.answer = ({ body }) => (body.includes('poison') ? 422 : 200);
  await write(database, { payload: 1 }, { payload: 'poison' }, { payload: 3 });
  const { stop } = startRelay({ ...from, to: receiver.url });
  await until('a dead letter', async () => (await outboxStatus(from)).behind === 1);
  await write(database, { payload: 4 }, { aggregateId: '2', payload: 'other' });
  await until('what is behind', async () => (await outboxStatus(from)).behind === 2 && receiver.taken.length === 2);
  expect(receiver.taken.map(({ body }) => body)).toEqual(['1', '"other"']);
  // 422 is for good: it was asked once.
  expect(receiver.asked.filter(({ body }) => body.includes('poison'))).toHaveLength(1);
  const letters = await deadLetters(from);
  expect(letters.map(({ state, attempts }) => [state, attempts])).toEqual([
    ['dead', 1],
    ['behind', 0],
    ['behind', 0],
  ]);
  expect(letters[0]?.reason).toMatch(/^TEAL-OUTBOX-010: 127\.0\.0\.1:\d+ answered 422$/);

  // Asked for in vain, then mended: what was behind stays in its order, and what is written meanwhile comes last.
  expect(await retryLetters(from, [letters[0]?.id ?? ''])).toBe(3);
  await until('the second refusal', async () => (await deadLetters(from))[0]?.attempts === 2);
  expect(receiver.taken).toHaveLength(2);
  receiver.answer = () => 200;
  await write(database, { payload: 5 });
  expect(await retryLetters(from, 'all')).toBeGreaterThanOrEqual(3);
  await until('all of it', () => receiver.taken.length === 6);
  expect(firstTimes(receiver.taken).get('order 1')).toEqual(['1', '"poison"', '3', '4', '5']);
  await until('no letter', async () => (await deadLetters(from)).length === 0);

  // Thrown away: the rest goes on.
  receiver.answer = ({ body }) => (body.includes('poison') ? 400 : 200);
  await write(database, { aggregateId: '3', payload: 'poison' }, { aggregateId: '3', payload: 'after' });
  await until('a dead letter', async () => (await outboxStatus(from)).behind === 1);
  expect(
    await discardLetters(
      from,
      (await deadLetters(from)).map(({ id }) => id),
    ),
  ).toBe(1);
  await until('what was behind', () => receiver.taken.at(-1)?.body === '"after"');
  await stop();
});

test('nothing is passed over that commits late, and nothing dies because the receiver or the database is away', async () => {
  await using database = await testDatabase(greenMajor());
  const from = { from: database.url };
  await initOutbox(from);
  const first = await openReceiver();
  const { url } = first;
  const kinds: string[] = [];
  startRelay({ ...from, to: url, onEvent: ({ kind }) => kinds.push(kind) });
  const late = await database.connect();
  await late.query('begin');
  await write(late, { aggregateId: 'late', payload: 'began first' });
  await write(database, { aggregateId: 'quick', payload: 'committed first' });
  await until('the later number', () => first.taken.length === 1);
  await late.query('commit');
  await until('the one that was late', () => first.taken.length === 2);
  expect(first.taken.map(({ body }) => body)).toEqual(['"committed first"', '"began first"']);

  await first[Symbol.asyncDispose]();
  await write(database, { payload: 'kept' });
  await until('a failure', () => kinds.filter((kind) => kind === 'delivery failed').length > 8);
  expect(await outboxStatus(from)).toMatchObject({ pending: 1, dead: 0, relay: { runs: true } });
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'teal outbox relay'`,
  );
  await using second = await openReceiver(Number(new URL(url).port));
  await until('what was kept', () => second.taken.length === 1);
  expect(second.taken[0]).toMatchObject({ aggregate: 'order 1', type: 'changed', body: '"kept"' });
  await write(database, { aggregateId: 'käse 1', type: 'a%b', payload: null });
  await until('one without a payload', () => second.taken.length === 2);
  expect(second.taken[1]).toMatchObject({ aggregate: 'order k%C3%A4se%201', type: 'a%25b', body: '' });
});

test('a second relay waits beside the first; one that is impatient ends, and an outbox of another kind is refused', async () => {
  await using database = await testDatabase(greenMajor());
  await using receiver = await openReceiver();
  const from = { from: database.url };
  await database.query('create table outbox (id uuid primary key, payload text)');
  await expect(initOutbox(from)).rejects.toThrow(/TEAL-OUTBOX-001.*aggregatetype is missing/s);
  await expect(relayOutbox({ ...from, to: receiver.url, signal: new AbortController().signal })).rejects.toThrow(
    /TEAL-OUTBOX-001/,
  );
  await database.query('drop table outbox');
  await initOutbox(from);
  await initOutbox(from);

  const kinds: [string, string][] = [];
  const tell = (who: string) => ({ onEvent: ({ kind }: { readonly kind: string }) => kinds.push([who, kind]) });
  const one = startRelay({ ...from, to: receiver.url, ...tell('one') });
  await until('the first', () => kinds.some(([, kind]) => kind === 'relaying'));
  // Of another machine, as far as it can tell: it waits for the lease to end or to be given up.
  await database.query(`update outbox_relay set host = 'elsewhere'`);
  startRelay({ ...from, to: receiver.url, ...tell('two') });
  await until('the second to wait', () => kinds.some(([who, kind]) => who === 'two' && kind === 'standing by'));
  await write(database, { payload: 1 });
  await until('a delivery', () => receiver.taken.length === 1);
  await one.stop();
  await write(database, { payload: 2 });
  await until('a delivery of the other', () => receiver.taken.length === 2);
  expect(kinds.filter(([, kind]) => kind === 'relaying').map(([who]) => who)).toEqual(['one', 'two']);

  receiver.answer = () => 503;
  await database.query(`update outbox_relay set holder = 'nobody', until = '-infinity'`);
  await write(database, { payload: 3 });
  const impatient = startRelay({ ...from, to: receiver.url, limits: { ...quick, patienceMs: 200 } });
  await expect(impatient.ended).rejects.toThrow(/TEAL-OUTBOX-003/);
});
