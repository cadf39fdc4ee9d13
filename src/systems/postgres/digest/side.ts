import { randomBytes } from 'node:crypto';
import { must } from '../../../kernel/assert.ts';
import { isoNow } from '../../../kernel/clock.ts';
import type { Side } from '../../../model/catalog.ts';
import { isRecorded, type FollowMethod } from '../../../model/follow-method.ts';
import type { Position } from '../../../model/position.ts';
import type {
  DigestRange,
  DigestTable,
  HeldSnapshot,
  SchemaObject,
  SideAccess,
  SideFacts,
  SnapshotOptions,
} from '../../../ports/digester.ts';
import { connect, type PgConnection } from '../connection.ts';
import { readCatalog } from '../inspect/catalog.ts';
import { readIdentity } from '../inspect/identity.ts';
import { positionOfLsnText } from '../position.ts';
import { createSlot } from '../slot.ts';
import { holdAtPoll } from '../polling/snapshot.ts';
import { holdAtTick, type HoldAtPlace } from '../trigger-source/snapshot.ts';
import { readObjects } from './objects.ts';
import { openReader, type FileNodes } from './reader.ts';
import { hashProbeSql } from './row-hash.ts';

export interface PostgresSideOptions {
  readonly side: Side;
  readonly url: string;
  /** How its changes are followed, and with that what its positions are; default: by its log. */
  readonly method?: FollowMethod;
  /** `host:port/database` as the user knows it; default: what the server says of itself. */
  readonly address?: string;
}

/** One PostgreSQL database as verification sees it. Opens sessions when they are needed and keeps none between calls. */
export function postgresSide(options: PostgresSideOptions): SideAccess {
  const { url } = options;
  return Object.freeze({
    side: options.side,
    facts: async () => withSession(url, async (session) => readFacts(session, options.address)),
    describe: async () => withSession(url, readCatalog),
    objects: async (): Promise<readonly SchemaObject[]> => withSession(url, readObjects),
    openAtPosition: async (snapshot: SnapshotOptions) =>
      isRecorded(options.method ?? 'log')
        ? openAtTick(url, snapshot, options.method === 'polling' ? holdAtPoll : holdAtTick)
        : openAtPosition(url, snapshot),
    openNow: async (snapshot: SnapshotOptions) => openNow(url, snapshot),
  });
}

async function withSession<T>(url: string, work: (session: PgConnection) => Promise<T>): Promise<T> {
  await using session = await connect({ url, applicationName: 'teal verify' });
  return await work(session);
}

async function readFacts(session: PgConnection, address: string | undefined): Promise<SideFacts> {
  const identity = await readIdentity(session, address);
  const { rows } = await session.query(hashProbeSql);
  return {
    version: identity.version,
    major: identity.major,
    address: identity.address,
    hashProbe: must(rows[0]?.['probe'], 'the answers of the hash functions'),
  };
}

/**
 * Creating a logical slot is the one way to a snapshot at a known place of the log: an ordinary one is no prefix of the stream, because commits become
 * visible in another order than they are written (correctness.md §1.3). The slot is temporary and goes as soon as the snapshot is held by a session of its own.
 */
async function openAtPosition(url: string, options: SnapshotOptions): Promise<HeldSnapshot> {
  const { signal } = options;
  // Before the snapshot: a file number that is read later could already be the new one.
  const storage = await withSession(url, readStorage);
  await using creator = await connect({ url, applicationName: 'teal verify slot', replication: 'database', signal });
  const slot = await createSlot(creator, `teal_verify_${randomBytes(6).toString('hex')}`, {
    snapshot: 'export',
    temporary: true,
    lockTimeoutMs: options.lockTimeoutMs,
    signal,
  });
  const imported = must(slot.snapshotName, 'the name of the exported snapshot');
  const holder = await beginSnapshot(url, signal, `set transaction snapshot '${imported}'`);
  return await held(url, holder, slot.consistentPoint, storage);
}

/** The same where what changes is recorded: a tick of the record is a snapshot by itself. */
async function openAtTick(url: string, { signal }: SnapshotOptions, hold: HoldAtPlace): Promise<HeldSnapshot> {
  const storage = await withSession(url, readStorage);
  await using control = await connect({ url, applicationName: 'teal verify tick', signal });
  const { holder, position } = await hold(control, url, { applicationName: 'teal verify snapshot', signal });
  return await held(url, holder, position, storage);
}

async function openNow(url: string, options: SnapshotOptions): Promise<HeldSnapshot> {
  const storage = await withSession(url, readStorage);
  const holder = await beginSnapshot(url, options.signal);
  const { rows } = await holder.query('select pg_current_wal_insert_lsn()::text as lsn');
  return held(url, holder, positionOfLsnText(must(rows[0]?.['lsn'], 'a log position')), storage);
}

async function beginSnapshot(url: string, signal: AbortSignal, adopt?: string): Promise<PgConnection> {
  const holder = await connect({ url, applicationName: 'teal verify snapshot', signal });
  try {
    await holder.query('begin isolation level repeatable read read only');
    if (adopt !== undefined) await holder.query(adopt);
    return holder;
  } catch (error) {
    await holder.close();
    throw error;
  }
}

/** The holder takes no lock on any table; what it exports can be imported as long as it lives. */
async function held(
  url: string,
  holder: PgConnection,
  position: Position,
  storage: ReadonlyMap<string, Stored>,
): Promise<HeldSnapshot> {
  try {
    const { rows } = await holder.query('select pg_export_snapshot() as name');
    const snapshotName = must(rows[0]?.['name'], 'the name of the exported snapshot');
    const fileNodes: FileNodes = new Map([...storage].map(([oid, { node }]) => [oid, node]));
    return Object.freeze({
      position,
      takenAt: isoNow(),
      bounds: (table: DigestTable, parts: number) => rangesOf(storage.get(String(table.oid))?.pages ?? 0, parts),
      reader: async (signal: AbortSignal) => openReader({ url, snapshotName, fileNodes, signal }),
      [Symbol.asyncDispose]: async () => holder.close(),
    });
  } catch (error) {
    await holder.close();
    throw error;
  }
}

interface Stored {
  readonly node: string;
  readonly pages: number;
}

async function readStorage(session: PgConnection): Promise<ReadonlyMap<string, Stored>> {
  const { rows } = await session.query(`
    select oid::text, pg_relation_filenode(oid)::text as node,
      (pg_relation_size(oid) / current_setting('block_size')::int8)::text as pages
    from pg_class where relkind = 'r' and relpersistence <> 't' and relnamespace <> 'pg_catalog'::regnamespace
      and pg_relation_filenode(oid) is not null`);
  return new Map(
    rows.map((row) => [must(row['oid'], 'oid'), { node: must(row['node'], 'node'), pages: Number(row['pages'] ?? 0) }]),
  );
}

/** Conditions on ctid. The last is open at its end: the table may have grown between the count of its pages and the snapshot. */
export function rangesOf(pages: number, parts: number): readonly DigestRange[] {
  const count = Math.max(1, Math.min(parts, pages));
  const from = (index: number): number => Math.floor((index * pages) / count);
  return Array.from({ length: count }, (_, index) => {
    const low = `ctid >= '(${from(index)},0)'::tid`;
    const condition = index === count - 1 ? low : `${low} and ctid < '(${from(index + 1)},0)'::tid`;
    return (count === 1 ? 'true' : condition) as DigestRange;
  });
}
