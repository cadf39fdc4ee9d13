import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { untilAborted } from '../../../kernel/kept-session.ts';
import type { Position } from '../../../model/position.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { lockHolder, lockName, tryLock } from '../named-lock.ts';
import { beginAll } from '../snapshot-moment.ts';
import type { Meeting, OpenMeeting } from '../snapshot-sessions.ts';
import { refuseGaps } from './gaps.ts';
import { tickLock } from './names.ts';
import { positionOfPlace } from './position.ts';
import { insertTick, isNew, makeDurable } from './ticks.ts';

const lockSeconds = 60;

/**
 * Sessions that all see one tick of the record, for a copy or a comparison; no binlog is asked. The view of one more session becomes the tick. While nobody else makes ticks, what is new to a later
 * view is new to no earlier one but what has committed in between: where all count as many new changes, they see the same ones. Errors: those of `refuseGaps` before, TEAL-SYSTEMS-008, -040.
 */
export function tickMeeting(url: string): OpenMeeting {
  return async (_, signal) => {
    const maker = await connect({ url, applicationName: 'teal tick', signal });
    try {
      await refuseGaps(maker);
      await maker.query('set session transaction isolation level repeatable read');
      if (maker.flavour === 'mariadb') await maker.query('set @@session.idle_transaction_timeout = 0');
      await takeTickLock(maker);
      return meetingOf(maker, signal);
    } catch (error) {
      await maker.close();
      throw error;
    }
  };
}

async function takeTickLock(maker: MysqlConnection): Promise<void> {
  const name = lockName(tickLock);
  if (await tryLock(maker, name, lockSeconds)) return;
  const holder = await lockHolder(maker, name);
  throw new TealError('TEAL-SYSTEMS-008', `another session of Teal holds ${name}`, { name, holder });
}

function meetingOf(maker: MysqlConnection, whole: AbortSignal): Meeting {
  return {
    begin: async (sessions, isQuiet, signal) =>
      untilAborted(maker, signal, async () => {
        await maker.query('rollback');
        await maker.query('start transaction with consistent snapshot');
        await beginAll(sessions, signal);
        if (isQuiet) return true;
        const mine = await countNew(maker);
        for (const session of sessions) if ((await countNew(session)) !== mine) return false;
        return true;
      }),
    place: async (): Promise<Position> =>
      untilAborted(maker, whole, async () => {
        const place = await insertTick(maker);
        await maker.query('commit');
        await makeDurable(maker);
        return positionOfPlace(place);
      }),
    [Symbol.asyncDispose]: async () => maker.close(),
  };
}

async function countNew(session: MysqlConnection): Promise<string> {
  const { rows } = await session.query(`select count(*) as n from teal.changes c where ${isNew}`);
  return must(rows[0]?.['n'], 'a count');
}
