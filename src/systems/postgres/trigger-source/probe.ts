import type { Side } from '../../../model/catalog.ts';
import type { SourceLook, SourceProbe } from '../../../ports/change-source.ts';
import type { PgConnection } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { positionOfLsn } from '../position.ts';
import { beat, bytesBetween } from '../source-probe.ts';
import { recordGaps, removeRecorder } from './recorder.ts';
import { keptRange, makeTick } from './ticks.ts';

export interface TriggerProbeOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly side: Side;
  /** As of a source: a mark is behind what it brings. */
  readonly gather?: (connection: PgConnection) => Promise<void>;
  /** Takes away what `gather` needs. */
  readonly remove?: (connection: PgConnection) => Promise<void>;
}

/** What a flow asks a side whose changes are recorded by triggers. */
export function openTriggerProbe(options: TriggerProbeOptions): SourceProbe {
  const { url, applicationName } = options;
  const session = new KeptSession({
    url,
    applicationName,
    lockTimeoutMs: 2_000,
    extraOptions: { synchronous_commit: 'off' },
  });
  return {
    async heartbeat() {
      await session.use(async (connection) => beat(connection, options.side));
    },
    async mark() {
      return session.use(async (connection) => {
        await options.gather?.(connection);
        const before = await makeTick(connection);
        await connection.query(`set local synchronous_commit = local; select teal.record_message('teal mark', '')`);
        return before;
      });
    },
    async look() {
      return session.use(look);
    },
    async release() {
      await session.use(async (connection) => {
        await options.remove?.(connection);
        await removeRecorder(connection);
      });
    },
    async firstPosition() {
      const { begins } = await session.use(keptRange);
      return positionOfLsn(begins);
    },
    bytesBetween,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
    },
  };
}

/** It makes a tick: the head is what was committed by now, also while nobody reads. */
async function look(connection: PgConnection): Promise<SourceLook> {
  const { rows } = await connection.query(
    `select coalesce(pg_total_relation_size(to_regclass('teal.changes')) + pg_total_relation_size(to_regclass('teal.ended')), -1) as kept`,
  );
  const retainedBytes = Number(rows[0]?.['kept']);
  if (retainedBytes < 0) return { head: positionOfLsn(0n), slot: 'absent' };
  const head = await makeTick(connection);
  const gaps = await recordGaps(connection);
  return { head, slot: gaps.length === 0 ? 'usable' : 'unrecorded', retainedBytes };
}
