import type { Side } from '../../../model/catalog.ts';
import type { Position } from '../../../model/position.ts';
import type { SourceLook, SourceProbe } from '../../../ports/change-source.ts';
import type { MysqlConnection } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { beat } from '../source-probe.ts';
import { isTealTableThere } from '../teal-schema.ts';
import { hasGaps, recordGaps, refuseGaps } from './gaps.ts';
import { bytesBetween, placeOfPosition, positionOfPlace } from './position.ts';
import { removeRecorder } from './recorder.ts';
import { keptRange, makeTick } from './ticks.ts';

export interface TriggerProbeOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly side: Side;
  /** As of a source: a mark is behind what it brings. */
  readonly gather?: (connection: MysqlConnection) => Promise<void>;
  /** Where the flow begins: what was before is in the copy. */
  readonly firstPosition: () => Promise<Position>;
}

/** What a flow asks a side whose changes are recorded by triggers. */
export function openTriggerProbe(options: TriggerProbeOptions): SourceProbe {
  const { url, applicationName } = options;
  const session = new KeptSession({ url, applicationName, lockTimeoutMs: 2_000 });
  return {
    async heartbeat() {
      await session.use(async (connection) => beat(connection, options.side));
    },
    async mark() {
      return session.use(async (connection) => {
        await refuseGaps(connection);
        await options.gather?.(connection);
        const before = await makeTick(connection);
        await beat(connection, options.side);
        return before;
      });
    },
    async look() {
      return session.use(look);
    },
    async release() {
      await session.use(removeRecorder);
    },
    async firstPosition() {
      return options.firstPosition();
    },
    bytesBetween,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
    },
  };
}

/** It makes a tick: the head is what was committed by now, also while nobody reads. */
async function look(connection: MysqlConnection): Promise<SourceLook> {
  if (!(await isTealTableThere(connection, 'ticks'))) {
    return { head: positionOfPlace({ tick: 0n, bytes: 0n }), slot: 'absent' };
  }
  const head = await makeTick(connection);
  const { begins } = await keptRange(connection);
  const retainedBytes = Number(placeOfPosition(head).bytes - begins.bytes);
  const isWhole = !hasGaps(await recordGaps(connection));
  return { head, slot: isWhole ? 'usable' : 'unrecorded', retainedBytes };
}
