import { must } from '../../../kernel/assert.ts';
import { connect, type PgConnection } from '../connection.ts';
import { quoteLiteral } from '../quote.ts';
import type { HoldAtPlace } from '../trigger-source/snapshot.ts';
import { makeTick } from '../trigger-source/ticks.ts';
import { floorNow, lockSql, pollSettings, pollSnapshot, polledTables, underPollLock } from './poll.ts';

/**
 * As `holdAtTick` where tables are polled: the snapshot itself is polled, and its place is the tick that shows that. What else the tick shows is of Teal's own tables: nobody polls meanwhile, and
 * the holder's locks keep tables as they are.
 */
export const holdAtPoll: HoldAtPlace = async (control, url, session) => {
  const holder = await connect({ url, ...session });
  try {
    return await underPollLock(control, async () => {
      const floor = await floorNow(control);
      const exported = await exportSnapshot(holder, await polledTables(control));
      await control.transaction(
        async () => {
          await control.query(`${pollSettings}; set transaction snapshot ${quoteLiteral(exported)}`);
          await pollSnapshot(control, floor);
        },
        { isolation: 'repeatable read' },
      );
      return { exported, position: await makeTick(control), holder };
    });
  } catch (error) {
    await holder.close();
    throw error;
  }
};

async function exportSnapshot(holder: PgConnection, tables: Parameters<typeof lockSql>[0]): Promise<string> {
  await holder.query(`begin isolation level repeatable read read only; set local lock_timeout = '60s'`);
  await holder.query(lockSql(tables));
  const { rows } = await holder.query('select pg_export_snapshot() as name');
  return must(rows[0]?.['name'], 'the name of the exported snapshot');
}
