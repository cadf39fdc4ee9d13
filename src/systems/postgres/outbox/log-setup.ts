import { createHash } from 'node:crypto';
import { must } from '../../../kernel/assert.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { OutboxLogLook } from '../../../ports/outbox.ts';
import { connect, type PgConnection } from '../connection.ts';
import { dropPublication } from '../drop-publication.ts';
import { beginOn } from '../exported-snapshot.ts';
import { lsnTextOfPosition } from '../position.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { createSlot, dropSlot, slotStatus } from '../slot.ts';
import { readPlace, writePlace, type LogPlace } from './log-place.ts';
import { outboxNames } from './names.ts';
import type { OutboxStoreOptions } from './store.ts';

/** How long the slot waits for transactions that write at the moment when it is made. */
const slotTimeoutMs = 60_000;

/** Names the slot and the publication. Slots are of the whole server: the database is in it. */
async function logName(connection: PgConnection, { schema, name }: TableName): Promise<string> {
  const { rows } = await connection.query('select pg_catalog.current_database() as database');
  const whole = JSON.stringify([rows[0]?.['database'], schema, name]);
  return `teal_outbox_${createHash('sha256').update(whole).digest('hex').slice(0, 16)}`;
}

/**
 * Makes the publication and the slot, and writes down the place where the log begins, with the snapshot of the rows that were there before: what it shows is in no log of the slot. What is left of an
 * attempt that ended in the middle is made anew. Errors: TEAL-SYSTEMS-027 transactions that write did not end in time, -010 not permitted, -007 anything else that the server refuses, as `wal_level`.
 */
export async function makeLog({ url, table }: OutboxStoreOptions, signal: AbortSignal): Promise<LogPlace> {
  await using session = await connect({ url, applicationName: 'teal outbox log', signal });
  const slot = await logName(session, table);
  await dropSlot(session, slot, { signal, terminateReader: true });
  await dropPublication(session, slot, signal);
  await session.query(
    `create publication ${quoteIdent(slot)} for table ${quoteTable(table)} with (publish = 'insert', publish_via_partition_root = true)`,
  );
  await using walsender = await connect({ url, applicationName: 'teal outbox log', replication: 'database', signal });
  const { rows } = await walsender.query('IDENTIFY_SYSTEM');
  const system = must(rows[0]?.['systemid'] ?? undefined, 'systemid');
  const made = await createSlot(walsender, slot, {
    lockTimeoutMs: slotTimeoutMs,
    snapshot: 'export',
    failover: true,
    signal,
  });
  const backlog = await snapshotText(session, must(made.snapshotName, 'the name of the snapshot'));
  const place = { system, slot, backlog, after: made.consistentPoint };
  await session.query(`update ${outboxNames(table).relay} set place = $1`, [writePlace(place)]);
  return place;
}

async function snapshotText(connection: PgConnection, exported: string): Promise<string> {
  try {
    await connection.query(beginOn(exported));
    const { rows } = await connection.query('select pg_catalog.pg_current_snapshot()::text as shows');
    return must(rows[0]?.['shows'] ?? undefined, 'pg_current_snapshot');
  } finally {
    await connection.query('rollback');
  }
}

/** From now on nothing keeps the log for this outbox. Idempotent. */
export async function dropLog({ url, table }: OutboxStoreOptions): Promise<void> {
  await using session = await connect({ url, applicationName: 'teal outbox log' });
  const slot = await logName(session, table);
  const place = await placeOf(session, table);
  for (const name of new Set([slot, place?.slot ?? slot])) {
    await dropSlot(session, name, { terminateReader: true });
    await dropPublication(session, name);
  }
  await session.query(`update ${outboxNames(table).relay} set place = null`);
}

export async function placeOf(connection: PgConnection, table: TableName): Promise<LogPlace | undefined> {
  const { rows } = await connection.query(`select place from ${outboxNames(table).relay}`);
  return readPlace(rows[0]?.['place'] ?? null);
}

/** Whether the publication has the outbox: a table that was dropped and made anew is not in it any more. */
export async function isPublished(connection: PgConnection, name: string, table: TableName): Promise<boolean> {
  const { rows } = await connection.query(
    'select from pg_catalog.pg_publication_tables where pubname = $1 and schemaname = $2 and tablename = $3',
    [name, table.schema, table.name],
  );
  return rows.length > 0;
}

/** Undefined where the outbox is not followed by its log. */
export async function lookAtLog(connection: PgConnection, table: TableName): Promise<OutboxLogLook | undefined> {
  const place = await placeOf(connection, table);
  if (place === undefined) return undefined;
  const { slot } = place;
  const status = await slotStatus(connection, slot);
  if (status.state === 'absent') return { slot, state: 'gone', isRead: false, behindBytes: 0, retainedBytes: 0 };
  const { confirmed = place.after, retainedBytes, activePid } = status;
  const after = confirmed > place.after ? confirmed : place.after;
  const { rows } = await connection.query(
    'select greatest(0, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), $1::pg_lsn))::int8 as behind',
    [lsnTextOfPosition(after)],
  );
  const isThere = status.state === 'usable' && (await isPublished(connection, slot, table));
  return {
    slot,
    state: status.state !== 'usable' ? 'invalidated' : isThere ? 'usable' : 'unpublished',
    isRead: activePid !== undefined,
    behindBytes: Number(rows[0]?.['behind'] ?? 0),
    retainedBytes,
  };
}
