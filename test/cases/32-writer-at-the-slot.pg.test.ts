import { expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { liveHolders } from '../../src/systems/postgres/holder.ts';
import { openSnapshot, probeSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { makeSides } from '../copy/sides.ts';
import { blueMajor, greenMajor } from '../support/postgres.ts';

/** Others wait without an end, and the walsender that they leave behind keeps the log of blue (pgcopydb #819, PeerDB #2967). */
test('32: a writer that is idle in its transaction when the slot is made: bounded, named, and nothing is left', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query('create table a (id int primary key)');
  const tables = await sides.tables();
  const options = { ...sides.snapshotOptions(tables), slotTimeoutMs: 500 };
  const writer = await sides.blue.connect();
  await writer.query('begin; insert into a values (1)');
  const pid = (await writer.query<{ pid: string }>('select pg_backend_pid() as pid')).rows[0]?.pid;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await openSnapshot(options, sides.signal).catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-SYSTEMS-027')).toBe(true);
    expect(JSON.stringify(isTealError(error) ? error.facts : {})).toContain(String(pid));
    expect(await liveHolders(options)).toEqual([]);
    expect(await probeSnapshot(options)).toEqual({ state: 'not done' });
    const left = `select slot_name as what from pg_replication_slots where database = current_database()
      union all select application_name from pg_stat_activity where datname = current_database() and application_name like 'teal %'`;
    await expect.poll(async () => sides.blue.query(left), { timeout: 60_000 }).toEqual([]);
  }
  // The writer was not disturbed.
  await writer.query('insert into a values (2); commit');
  await openSnapshot(options, sides.signal);
  expect(await probeSnapshot(options)).toMatchObject({ state: 'done' });
});
