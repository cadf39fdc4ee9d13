import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';

const schema = `create table k (v text); alter table k replica identity full`;
/** The server writes many of these rows in one record of its log: they share a position. */
const copy = `copy k from program 'seq 1 1000'`;
const slices = { rows: 64, bytes: 1 << 20, ms: 5 };
/** Of the events of the transaction: its begin, the table, 1,000 rows, its commit. */
const places = [0, 1, 2, 3, 65, 66, 67, 129, 500, 501, 999, 1000, 1001, 1002];

test('2: an applier that starts anew inside of a COPY of 1,000 rows, at whatever row, applies it once', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target, { applier: { limits: slices } });
  await source.query(copy);
  const events = await flow.read();
  expect(events).toHaveLength(1003);
  for (const place of places) {
    await flow.start();
    flow.feed.push(events.slice(0, place));
    await waitFor(
      { what: 'the rows to be taken', timeoutMs: 60_000, everyMs: 1 },
      () => flow.feed.isDrained || undefined,
    );
    await flow.stop();
    expect(await target.query('select from k'), `after ${place} events`).toHaveLength(0);
  }
  await flow.start();
  flow.feed.push(events);
  await source.query(`insert into k values ('after')`);
  await flow.carry();
  expect(await rowsOf(target, 'k')).toEqual(await rowsOf(source, 'k'));
});

test('2: killed inside of a COPY of 1,000 rows, an applier applies it once', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target);
  await source.query(copy);
  const live = async (...killAfter: readonly string[]): Promise<{ signal: string | null; code: number | null }> => {
    const runner = resolve(import.meta.dirname, '../apply/crash-runner.ts');
    const child = spawn(process.execPath, [runner, source.url, target.url, flow.migration, flow.begin, ...killAfter], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    // The server notices a client that is gone when it next reads from it; until then it holds the flow's origin.
    await waitFor({ what: 'the session of the killed applier to end', timeoutMs: 60_000 }, async () => {
      const left = await target.query(
        `select from pg_stat_activity where application_name like 'teal apply%' and datname = current_database()`,
      );
      return left.length === 0 || undefined;
    });
    return { signal, code };
  };
  for (const place of ['2', '43', '500', '1002']) {
    expect(await live(place)).toEqual({ signal: 'SIGKILL', code: null });
    expect(await target.query('select from k')).toHaveLength(0);
  }
  expect(await live()).toEqual({ signal: null, code: 0 });
  expect(await rowsOf(target, 'k')).toEqual(await rowsOf(source, 'k'));
});
