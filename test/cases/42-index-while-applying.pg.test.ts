import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';

/** The subscriber of PostgreSQL itself lost an update that met a change of indexes or of identity (pgsql-hackers, September 2026). */
test('42: every change of a table without a key arrives while indexes are built beside the flow and its identity changes', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target])
    await db.query('create table k (v int, w int, t text); alter table k replica identity full');
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  await source.query(`insert into k select i % 10, i, 'x' from generate_series(1, 200) i`);
  await flow.carry();
  const [old, builder, looker] = [await target.connect(), await target.connect(), await target.connect()];
  const waits = async (): Promise<void> =>
    waitFor({ what: 'the index to wait for an old transaction', timeoutMs: 60_000, everyMs: 5 }, async () => {
      const { rows } = await looker.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'create index%'`,
      );
      return rows.length > 0 || undefined;
    }).then(() => undefined);
  const change = async (step: number): Promise<void> => {
    await source.query(`update k set t = t || '${step}' where w % 3 = ${step % 3}`);
    await source.query(`update k set w = w + 1000 where w = (select min(w) from k)`);
    await source.query(`delete from k where ctid = (select min(ctid) from k)`);
    await flow.carry();
    expect(await rowsOf(target, 'k'), `step ${step}`).toEqual(await rowsOf(source, 'k'));
  };
  for (const [step, index] of ['(v)', '(w, t)', '(t)'].entries()) {
    // A writer that is older than the build holds it in its first wait, a snapshot of it in the last one.
    await old.query('begin; insert into k values (-1, -1, null)');
    const building = builder.query(`create index concurrently on k ${index}`);
    await waits();
    await change(step * 3);
    await old.query('rollback; begin isolation level repeatable read; select 1 from k');
    await change(step * 3 + 1);
    await old.query('rollback');
    await building;
    await change(step * 3 + 2);
  }
  await target.query('alter table k replica identity nothing; alter table k replica identity full');
  await change(9);
  for (const index of await target.query(
    `select indexrelid::regclass::text as name from pg_index where indrelid = 'k'::regclass`,
  )) {
    await target.query(`drop index concurrently ${index['name']}`);
    await change(10);
  }
});
