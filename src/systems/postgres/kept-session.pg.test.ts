import { expect, test } from 'vitest';
import { blueMajor, testDatabase } from '../../../test/support/postgres.ts';
import { monotonicMs, within } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { KeptSession } from './kept-session.ts';

const late = (): TealError => new TealError('TEAL-STAGES-109', 'no answer');

test('who gives up hears so at once, the session is thrown away, and who comes next has another', async () => {
  await using database = await testDatabase(blueMajor());
  await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  const first = await session.use(async ({ processId }) => processId);
  const began = monotonicMs();
  let isOver = false;
  const silent = within(200, late, async (signal) =>
    session.use(async (connection) => {
      await connection.query('select pg_sleep(20)').finally(() => (isOver = true));
      await connection.query('create table too_late ()');
    }, signal),
  );
  // Behind it in the queue: one that gives up before its turn, and is not begun; one that waits.
  let hasBegun = false;
  const impatient = within(50, late, async (signal) => session.use(async () => (hasBegun = true), signal));
  const patient = session.use(async ({ processId }) => processId);
  await expect(impatient).rejects.toMatchObject({ code: 'TEAL-STAGES-109' });
  expect(isOver).toBe(false);
  await expect(silent).rejects.toMatchObject({ code: 'TEAL-STAGES-109' });
  expect(await patient).not.toBe(first);
  expect(monotonicMs() - began).toBeLessThan(15_000);
  expect([isOver, hasBegun]).toEqual([true, false]);
  expect(await database.query(`select to_regclass('too_late') as there`)).toEqual([{ there: null }]);
});

test('a signal that is never aborted changes nothing, and the session stays the same', async () => {
  await using database = await testDatabase(blueMajor());
  await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  const mine = async (): Promise<number> =>
    within(10_000, late, async (signal) => session.use(async ({ processId }) => processId, signal));
  expect(await mine()).toBe(await mine());
  const refused = within(10_000, late, async (signal) =>
    session.use(async (connection) => connection.query('select 1/0'), signal),
  );
  await expect(refused).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-007' });
});
