import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import type { CopyTarget } from '../../src/ports/snapshot-source.ts';
import { copyInEpochs } from '../../src/sync/epochs.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { holderFile, holderNumbers, readHolderRecord } from '../../src/systems/postgres/holder-file.ts';
import { isHeld, openSnapshot, snapshotKeeper } from '../../src/systems/postgres/snapshot.ts';
import { digestOf, makeSides } from '../copy/sides.ts';
import { blueMajor, greenMajor } from '../support/postgres.ts';

/** Before the second range is written, `meet` is called once. */
function interrupted(target: CopyTarget, meet: () => Promise<void>): CopyTarget {
  let ranges = 0;
  return {
    epoch: async () => target.epoch(),
    done: async (tables) => target.done(tables),
    begin: async (run, signal) => target.begin(run, signal),
    open: async (run, signal) => {
      const writer = await target.open(run, signal);
      return {
        write: async (range, rows) => {
          ranges += 1;
          if (ranges === 2) await meet();
          return writer.write(range, rows);
        },
        [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
      };
    },
  };
}

/** A copy that begins anew on top of what it had copied keeps the rows that were deleted in between (supabase/etl). */
test('7: rows that were copied, and deleted before the table is copied anew, are not there in the end', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  for (const db of [sides.blue, sides.green])
    await db.query('create table a (id int, v text); create table done (id int)');
  await sides.blue.query(
    `insert into a select i, repeat('x', 200) from generate_series(1, 2000) i; insert into done values (1)`,
  );
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  await openSnapshot(options, sides.signal);
  const copied: (string | null | undefined)[] = [];
  const meet = async (): Promise<void> => {
    copied.push(...(await sides.green.query('select id from a')).map((row) => row['id']));
    for (const number of holderNumbers) {
      const record = await readHolderRecord(holderFile(sides.stateDir, number));
      if (record !== undefined) process.kill(record.pid, 'SIGKILL');
    }
    await waitFor({ what: 'the holders to be gone', timeoutMs: 60_000 }, async () =>
      (await isHeld(options)) ? undefined : true,
    );
    // A reader that is open has imported the snapshot, and could go on.
    await sides.blue.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'teal copy reader' and datname = current_database()`,
    );
    await sides.blue.query('delete from a where id <= 40; insert into a values (5000, null)');
  };
  const report = await copyInEpochs({
    keeper: snapshotKeeper(options),
    target: interrupted(postgresCopyTarget(sides.green.url), meet),
    tables,
    workers: 1,
    losses: 1,
    signal: sides.signal,
    minRangeBytes: 32 << 10,
    maxRangeBytes: 32 << 10,
  });
  expect(report).toMatchObject({ epoch: 2, lost: 1 });
  // Of the first range: the rows that would be the ghosts.
  expect(copied).toEqual(expect.arrayContaining(['1', '40']));
  expect(await digestOf(sides.green, tables)).toEqual(await digestOf(sides.blue, tables));
});
