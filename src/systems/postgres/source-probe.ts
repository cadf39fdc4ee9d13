import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { SourceLook, SourceProbe } from '../../ports/change-source.ts';
import type { PgConnection } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { lsnOfPosition, positionOfLsnText } from './position.ts';
import { dropSlot, publicationExists, slotStatus } from './slot.ts';

export interface SourceProbeOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly slot: string;
  readonly publication: string;
  readonly side: Side;
}

/** Its commits do not wait for disk or standby: a heartbeat that is lost in a crash is followed by the next one. */
export function openSourceProbe(options: SourceProbeOptions): SourceProbe {
  const session = new KeptSession({
    url: options.url,
    applicationName: options.applicationName,
    lockTimeoutMs: 2_000,
    extraOptions: { synchronous_commit: 'off' },
  });
  return {
    async heartbeat() {
      await session.use(async (connection) => beat(connection, options.side));
    },
    async mark() {
      return session.use(async (connection) => {
        // Flushed, or the walsender would not see it before the WAL writer's next round; it need not wait for a standby.
        const { rows } = await connection.query(
          `select pg_catalog.pg_current_wal_insert_lsn() as head,
                  pg_catalog.set_config('synchronous_commit', 'local', true),
                  pg_catalog.pg_logical_emit_message(true, 'teal mark', '')`,
        );
        return positionOfLsnText(must(rows[0]?.['head'], 'pg_current_wal_insert_lsn'));
      });
    },
    async look(): Promise<SourceLook> {
      return session.use(async (connection) => {
        const { rows } = await connection.query('select pg_catalog.pg_current_wal_lsn() as head');
        const head = positionOfLsnText(must(rows[0]?.['head'], 'pg_current_wal_lsn'));
        const status = await slotStatus(connection, options.slot);
        if (status.state === 'absent') return { head, slot: 'absent' };
        if (status.state !== 'usable') return { head, slot: 'invalidated' };
        return {
          head,
          slot: (await publicationExists(connection, options.publication)) ? 'usable' : 'unpublished',
          retainedBytes: status.retainedBytes,
          othersReplay: await othersReplay(connection),
          ...(status.headroomBytes === undefined ? {} : { headroomBytes: status.headroomBytes }),
        };
      });
    },
    async release() {
      await session.use(async (connection) => dropSlot(connection, options.slot, { terminateReader: true }));
    },
    async firstPosition() {
      const status = await session.use(async (connection) => slotStatus(connection, options.slot));
      const { slot } = options;
      if (status.state === 'absent') throw new TealError('TEAL-SYSTEMS-020', 'the slot does not exist', { slot });
      if (status.state !== 'usable') {
        throw new TealError('TEAL-SYSTEMS-021', 'the slot cannot be read', { slot, reason: status.reason });
      }
      // Nobody has confirmed anything yet: it is the slot's consistent point.
      return must(status.confirmed, 'confirmed_flush_lsn of a logical slot');
    },
    bytesBetween,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
    },
  };
}

/** Origins of Teal are its own; those of subscriptions in other databases of the server write nothing into this one. */
const foreignOrigins = `
select exists (
  select from pg_catalog.pg_replication_origin o
  where o.roname !~ '^teal_' and not exists (
    select from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
    where d.datname <> pg_catalog.current_database() and o.roname ~ ('^pg_' || s.oid || '(_|$)'))) as foreign`;

async function othersReplay(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(foreignOrigins);
  return rows[0]?.['foreign'] !== 'f';
}

/** The row comes back through the stream. */
export async function beat(connection: PgConnection, side: Side): Promise<void> {
  await connection.query(
    `insert into teal.heartbeat (side, at) values ($1, pg_catalog.clock_timestamp())
     on conflict (side) do update set at = excluded.at`,
    [side],
  );
}

/** 0 when `to` is not after `from`. */
export function bytesBetween(from: Position, to: Position): number {
  return Math.max(0, Number(lsnOfPosition(to) - lsnOfPosition(from)));
}
