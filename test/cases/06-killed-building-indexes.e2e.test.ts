import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const schema = `
  create table a (id int primary key, v text not null, w int);
  insert into a select i, 'v' || i, i % 100 from generate_series(1, 20000) i;
  create index a_v on a (v); create index a_w on a (w, id);
  create table b (id int primary key references a, n int); create index b_n on b (n);
  insert into b select i, i from generate_series(1, 500) i`;

const files = `select relname, pg_relation_filenode(oid)::text as file from pg_class
  where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`;
const indexes = `select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`;
const ranges = `select rel::text, chunk::text, run::text, rows::text from teal.chunk order by 1, 2`;
const builds = `select pid::text as pid from pg_stat_activity where wait_event_type = 'Lock' and query ~* 'create (unique )?index|add constraint'`;

/** A table of green is held, so that what builds its indexes waits; the controller is killed there. */
async function killedBuilding(
  place: TealPlace,
  afterwards: 'the build is undone' | 'the build goes on alone',
): Promise<void> {
  const holder = new Client({ connectionString: place.green.url });
  await holder.connect();
  try {
    const up = spawn(process.execPath, [tealMain, 'up'], {
      cwd: place.folder,
      env: place.env,
      stdio: 'ignore',
    });
    const exit = once(up, 'exit');
    // Rows may be written beside this lock; an index may not be built.
    await waitFor({ what: 'the fence of green', timeoutMs: 60_000, everyMs: 5 }, async () => {
      const there = await holder.query(
        `select from pg_trigger where tgname = 'teal_fence' and tgrelid = to_regclass('a')`,
      );
      return there.rows.length > 0 || undefined;
    });
    await holder.query('begin; lock table a in row exclusive mode');
    const [build] = await waitFor({ what: 'an index to wait', timeoutMs: 60_000 }, async () => {
      const waiting = await place.query('green', builds);
      return waiting.length > 0 ? waiting : undefined;
    });
    expect(up.exitCode).toBeNull();
    up.kill('SIGKILL');
    await exit;
    if (afterwards === 'the build is undone')
      await place.query('green', `select pg_terminate_backend(${build?.['pid']})`);
    await holder.query('rollback');
  } finally {
    await holder.end();
  }
}

/** A copy that was resumed there found its tables not ready, and emptied them. */
test('6: killed while indexes are built, a copy that is resumed keeps its rows and builds what is missing', async () => {
  await using place = await tealPlace({ schema });
  await killedBuilding(place, 'the build is undone');
  const before = await place.query('green', files);
  const copied = await place.query('green', ranges);
  expect(copied.length).toBeGreaterThanOrEqual(2);
  expect(await place.query('green', 'select (select count(*) from a) as a, (select count(*) from b) as b')).toEqual([
    { a: '20000', b: '500' },
  ]);
  await killedBuilding(place, 'the build goes on alone');
  const up = await place.teal('up');
  expect(up.code, `${up.out}${up.err}`).toBe(4);
  // Neither emptied nor written anew.
  expect(await place.query('green', files)).toEqual(before);
  expect(await place.query('green', ranges)).toEqual(copied);
  expect(await place.query('green', indexes)).toEqual(await place.query('blue', indexes));
  expect((await place.teal('verify')).code).toBe(0);
});
