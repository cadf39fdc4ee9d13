import { expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';

async function places(target: TestDatabase, stream: string): Promise<unknown> {
  return target.query(
    `select (select position from teal.progress where stream = $1) as progress,
       (select remote_lsn::text from pg_replication_origin_status where external_id = $2) as origin`,
    [stream, `teal_${stream}`],
  );
}

/** spock once moved the origin past a transaction that had failed: enabled again, it went on behind it. */
test('28: a transaction that fails moves neither progress nor origin, however often it is tried, and is applied once mended', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target]) await db.query('create table a (id int primary key, v int)');
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  await source.query('insert into a values (1, 1)');
  await flow.carry();
  const before = await places(target, flow.stream);
  expect(before).toEqual([
    { progress: expect.stringMatching(/^[0-9A-F]{16}$/) as unknown, origin: expect.stringMatching('/') as unknown },
  ]);
  await target.query('insert into a values (50, -1)');
  await source.query('begin; insert into a select i, i from generate_series(2, 100) i; update a set v = v + 1; commit');
  await source.query('insert into a values (200, 200)');
  const events = await flow.read();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    flow.feed.push(events);
    expect(isTealError(await flow.ended(), 'TEAL-SYNC-111')).toBe(true);
    await flow.stop();
    expect(await places(target, flow.stream), `attempt ${attempt}`).toEqual(before);
    expect(await rowsOf(target, 'a')).toEqual(['(1,1)', '(50,-1)']);
    await flow.start();
  }
  await target.query('delete from a where id = 50');
  flow.feed.push(events);
  await flow.carry();
  const end = events.findLast((event) => event.kind === 'commit');
  if (end?.kind === 'commit') await flow.reached(end.end);
  expect(await rowsOf(target, 'a')).toEqual(await rowsOf(source, 'a'));
});
