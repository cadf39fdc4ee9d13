import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import { compareLoads } from '../../../model/load.ts';
import { postgresSessions } from '../replay/postgres-session.ts';
import { replay, type Replayed } from '../replay/replay.ts';
import { summarise, type CaptureSummary } from '../replay/summary.ts';
import { readTarget } from '../target.ts';
import { capturePlace, captureTold } from '../test-support/captures.ts';
import { proxied, proxiedBy } from '../test-support/proxied.ts';
import { startAsUsersDo } from '../test-support/start-as-users-do.ts';

const redactKey = 'ab'.repeat(32);
const tables = `create table orders (id int primary key, name text); insert into orders select n, 'order ' || n from generate_series(1, 20) n`;

async function replayOn(
  url: string,
  path: string,
  part: { readonly writes?: boolean; readonly connections?: number; readonly speed?: number } = {},
): Promise<{ readonly summary: CaptureSummary; readonly replayed: Replayed }> {
  const summary = await summarise(path);
  const signal = new AbortController().signal;
  const usual = { speed: 5, connections: 10, writes: false, limitMs: 10_000, signal };
  return {
    summary,
    replayed: await replay({ path, summary, open: postgresSessions(readTarget('green', url)), ...usual, ...part }),
  };
}

test('what clients of two processes ask is recorded into one file, and asked of green: planted faults are told, and nothing is written there', async () => {
  await using at = await proxiedBy(startAsUsersDo, { processes: 2 });
  await at.blue.query(tables);
  await at.green.query(tables);
  const before = await at.connect();
  await before.query({ name: 'by name', text: 'select id from orders where name = $1', values: ['order 1'] });
  await before.query("set search_path to pg_catalog, public; set application_name to 'till'");
  const { path, atMs } = await capturePlace();
  await at.router.capture.begin({ path, atMs, forMs: 600_000, limitBytes: 1e8 });
  const again = at.router.capture.begin({ path, atMs, forMs: 1, limitBytes: 1e8 });
  expect(await again.then(String, (error: unknown) => isTealError(error, 'TEAL-TRAFFIC-038'))).toBe(true);
  await captureTold(at, 'the one that was there to be recorded', ({ sessions }) => sessions === 1);
  const client = await at.connect();

  for (let times = 0; times < 20; times += 1) {
    await before.query({ name: 'by name', text: 'select id from orders where name = $1', values: [`order ${times}`] });
    await client.query('select name from orders where id = 3');
  }
  await client.query('select 1 / 0').catch(() => undefined);
  await client.query('begin');
  await client.query("insert into orders values (100, 'new')");
  await client.query('select count(*) from orders');
  await client.query('commit');
  await client.end();
  await at.router.capture.end();

  expect(await at.router.capture.tally()).toMatchObject({
    running: false,
    ended: ['asked'],
    sessions: 2,
    asks: 45,
    dropped: 0,
    leftOut: {},
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const equal = await replayOn(at.green.url, path);
  expect(equal.summary).toMatchObject({ isWhole: true, sessions: 2, sessionsAtMost: 2, asks: 45 });
  expect(equal.replayed).toMatchObject({ sessions: 2, sessionsLost: {}, asked: 44, skipped: { 'a write': 1 } });
  expect(equal.replayed.statements.find(({ statement }) => statement === 'select ? / ?')?.errors).toEqual({
    '22012': 1,
  });
  expect(
    compareLoads(equal.summary.statements, equal.replayed.statements, 2).flatMap((it) => Object.keys(it.newErrors)),
  ).toEqual([]);

  await at.green.query(
    `alter table orders rename to hidden; create view orders as select id, name from hidden, pg_sleep(0.2)`,
  );
  const { summary, replayed } = await replayOn(at.green.url, path, { speed: 1 });
  const compared = compareLoads(summary.statements, replayed.statements, 2);
  expect(
    compared
      .filter(({ slower }) => slower)
      .map(({ statement }) => statement)
      .toSorted(),
  ).toEqual(['select id from orders where name = ?', 'select name from orders where id = ?']);
  expect(await at.green.query('select id from hidden where id >= 100')).toEqual([]);

  const few = await replayOn(at.green.url, path, { connections: 1 });
  expect(few.replayed).toMatchObject({ sessions: 1, sessionsLeftOut: 1 });
});

test('a capture ends at its size and its time, records no value where it is redacted, and on a copy that nobody follows also writes are asked', async () => {
  await using at = await proxied();
  await at.blue.query(tables);
  await at.green.query(tables);
  const client = await at.connect();
  const small = await capturePlace();
  await at.router.capture.begin({ ...small, forMs: 600_000, limitBytes: 4_000 });
  for (let times = 0; times < 100; times += 1) await client.query('select 1');
  expect(await captureTold(at, 'its size to be reached', ({ running }) => !running)).toMatchObject({ ended: ['size'] });
  await at.router.capture.end();
  expect((await stat(small.path)).size).toBeLessThanOrEqual(4_000 + 300);
  expect(await summarise(small.path)).toMatchObject({ isWhole: true });

  const secret = await capturePlace();
  await at.router.capture.begin({ ...secret, forMs: 600_000, limitBytes: 1e6, redactKey });
  const other = await at.connect();
  await other.query('update orders set name = $1 where id = $2', ['Ada Lovelace', 7]);
  await other.query("select id from orders where name = 'Ada Lovelace'");
  await at.router.capture.end();
  expect(await readFile(secret.path, 'utf8')).not.toMatch(/Ada|Lovelace/);

  await at.router.capture.begin({ ...(await capturePlace()), forMs: 1, limitBytes: 1e6 });
  expect(await captureTold(at, 'its time to be over', ({ running }) => !running)).toMatchObject({ ended: ['time'] });
  await at.router.capture.end();

  const whole = await capturePlace();
  await at.router.capture.begin({ ...whole, forMs: 600_000, limitBytes: 1e6 });
  const writer = await at.connect();
  await writer.query('update orders set name = $1 where id = $2', ['Ada Lovelace', 7]);
  await at.router.capture.end();
  const { replayed } = await replayOn(at.green.url, whole.path, { writes: true });
  expect(replayed).toMatchObject({ asked: 1, skipped: {}, sessionsLost: {} });
  expect(await at.green.query('select name from orders where id = 7')).toEqual([{ name: 'Ada Lovelace' }]);
});

test('a file that others may read, or that is none, is not written', async () => {
  await using at = await proxied();
  const { path, atMs } = await capturePlace();
  await writeFile(`${path}.open`, '', { mode: 0o644 });
  for (const wrong of [`${path}.open`, '/dev/null', `${path}.absent`]) {
    const begun = at.router.capture.begin({ path: wrong, atMs, forMs: 1_000, limitBytes: 1e6 });
    expect(await begun.then(String, (error: unknown) => isTealError(error, 'TEAL-TRAFFIC-035'))).toBe(true);
  }
  expect(await at.router.capture.tally()).toMatchObject({ running: false, asks: 0 });
});
