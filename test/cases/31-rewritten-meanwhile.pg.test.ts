import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { copyTables } from '../../src/sync/copy.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { heldSource, openSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { allRowsOf, makeSides } from '../copy/sides.ts';
import { blueMajor, greenMajor, type TestDatabase } from '../support/postgres.ts';

async function untilWaits(database: TestDatabase, which: string): Promise<void> {
  await waitFor({ what: which, timeoutMs: 60_000, everyMs: 5 }, async () => {
    const rows = await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and ${which}`);
    return rows.length > 0 || undefined;
  });
}

/** A table that is rewritten after the snapshot looks empty to it, and no change tells of its rows. */
test.each(['alter table a alter v type bigint', 'truncate a'])(
  '31: %s that comes between the slot and its holders neither empties the copy nor waits for long',
  async (rewrite) => {
    await using sides = await makeSides(blueMajor(), greenMajor());
    for (const db of [sides.blue, sides.green])
      await db.query('create table a (id int, v int); create table busy (id int)');
    await sides.blue.query(`insert into a select i, i from generate_series(1, 500) i`);
    const tables = (await sides.tables()).filter(({ name }) => name === 'a');
    const options = sides.snapshotOptions(tables);
    const writer = await sides.blue.connect();
    await writer.query('begin; insert into busy values (1)');
    const opening = openSnapshot(options, sides.signal);
    await untilWaits(sides.blue, `backend_type = 'walsender' and datname = current_database()`);
    // It waits for Teal's lock; whoever asks for the table after it waits behind it, Teal's own holders too.
    const owner = await sides.blue.connect();
    const began = performance.now();
    const rewriting = owner.query(rewrite).then(() => performance.now() - began);
    await untilWaits(sides.blue, `query = '${rewrite}'`);
    await writer.query('commit');
    const opened = await opening;
    // Before the snapshot, because it was there first: the copy then has what is there now.
    expect(await rewriting).toBeLessThan(20_000);
    const target = postgresCopyTarget(sides.green.url);
    await copyTables({ source: heldSource(options, opened), target, tables, epoch: 1, signal: sides.signal });
    expect(await allRowsOf(sides.green, tables)).toEqual(await allRowsOf(sides.blue, tables));
  },
);
