import { TealError } from '../../../kernel/errors.ts';
import { untilAborted } from '../../../kernel/kept-session.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { lockHolder, tryLock } from '../named-lock.ts';
import { beginAll } from '../snapshot-moment.ts';
import type { Meeting, OpenMeeting } from '../snapshot-sessions.ts';
import { refuseGaps } from '../trigger-source/gaps.ts';
import { makeTick } from '../trigger-source/ticks.ts';
import type { Look } from './floor.ts';
import { beginView, bring, lookAgain, pollLock, pollLockSeconds } from './poll.ts';

/**
 * As `tickMeeting` where tables are polled: one more session sees what the others see, is polled, and the place is the tick that shows it. Nothing tells without a lock whether two sessions see the same,
 * so they always begin under it (`takeSnapshot`). What was open is looked for before: who begins later has later times. Errors: those of `refuseGaps` before, and of a poll.
 */
export function pollMeeting(url: string): OpenMeeting {
  return async (_, signal) => {
    const control = await connect({ url, applicationName: 'teal poll', signal });
    try {
      await refuseGaps(control);
      await takePollLock(control);
      const look = await lookAgain(control);
      return meetingOf(control, await connect({ url, applicationName: 'teal poll', signal }), look, signal);
    } catch (error) {
      await control.close();
      throw error;
    }
  };
}

async function takePollLock(control: MysqlConnection): Promise<void> {
  if (await tryLock(control, pollLock, pollLockSeconds)) return;
  const holder = await lockHolder(control, pollLock);
  throw new TealError('TEAL-SYSTEMS-008', `another session of Teal holds ${pollLock}`, { name: pollLock, holder });
}

function meetingOf(control: MysqlConnection, view: MysqlConnection, look: Look, whole: AbortSignal): Meeting {
  return {
    begin: async (sessions, isQuiet, signal) => {
      if (!isQuiet) return false;
      await untilAborted(view, signal, async () => {
        await view.query('rollback');
        await beginView(view);
      });
      await beginAll(sessions, signal);
      return true;
    },
    place: async () =>
      untilAborted(control, whole, async () =>
        untilAborted(view, control.ended, async () => {
          await bring(view, control, look);
          return makeTick(control);
        }),
      ),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([view.close(), control.close()]);
    },
  };
}
