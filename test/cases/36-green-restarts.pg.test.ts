import { afterAll, beforeAll, expect, test } from 'vitest';
import { TealError } from '../../src/kernel/errors.ts';
import type { CopyTarget } from '../../src/ports/snapshot-source.ts';
import { copyTables } from '../../src/sync/copy.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { heldSource, openSnapshot } from '../../src/systems/postgres/snapshot.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { digestOf, makeSides } from '../copy/sides.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';

let green: PostgresServer;
beforeAll(async () => {
  green = await ownServer(greenMajor());
});
afterAll(async () => green[Symbol.asyncDispose]());

interface Moments {
  readonly before: (range: number) => boolean;
  readonly after: (range: number) => boolean;
  /** With the answer that it was written. */
  readonly answerIsLost?: boolean;
}

function restarting(target: CopyTarget, moments: Moments, restart: () => Promise<void>): CopyTarget {
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
          const number = ranges;
          if (moments.before(number)) await restart();
          const written = await writer.write(range, rows);
          if (moments.after(number)) {
            await restart();
            if (moments.answerIsLost === true) throw new TealError('TEAL-SYSTEMS-006', 'the answer to COMMIT is lost');
          }
          return written;
        },
        [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
      };
    },
  };
}

/** pgdog took a table whose copy had met a restart for a copied one (#894). */
test.each<[string, Moments]>([
  ['before ranges', { before: (range) => [1, 4, 9, 10].includes(range), after: () => false }],
  ['right after ranges', { before: () => false, after: (range) => [1, 3, 5].includes(range) }],
  [
    'before ranges are known to be there',
    { before: () => false, after: (range) => [1, 4, 8].includes(range), answerIsLost: true },
  ],
])('36: green is killed and comes back %s: no table is left out, and no row is there twice', async (_, moments) => {
  await using sides = await makeSides(blueMajor(), green);
  const schema = `create table big (id int, v text); create table small (id int); create table none (id int); create table last (id int)`;
  for (const db of [sides.blue, sides.green]) await db.query(schema);
  await sides.blue.query(`insert into big select i, repeat('x', 150) from generate_series(1, 3000) i;
    insert into small select generate_series(1, 100); insert into last select generate_series(1, 50)`);
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  const opened = await openSnapshot(options, sides.signal);
  let restarts = 0;
  const restart = async (): Promise<void> => {
    restarts += 1;
    await green.kill9();
    await green.restart();
  };
  const report = await copyTables({
    source: heldSource(options, opened),
    target: restarting(postgresCopyTarget(sides.green.url), moments, restart),
    tables,
    epoch: 1,
    workers: 1,
    signal: sides.signal,
    minRangeBytes: 32 << 10,
    maxRangeBytes: 64 << 10,
  });
  expect(restarts).toBeGreaterThan(2);
  expect(report.tables).toBe(4);
  expect(report.rows).toBe(3150n);
  expect(await digestOf(sides.green, tables)).toEqual(await digestOf(sides.blue, tables));
});
