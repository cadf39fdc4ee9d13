import { must } from '../../../kernel/assert.ts';
import type { Side, TableName } from '../../../model/catalog.ts';
import type { MysqlCatalog } from '../../../model/mysql-catalog.ts';
import type {
  DigestTable,
  HeldSnapshot,
  SchemaObject,
  SideAccess,
  SideFacts,
  SnapshotOptions,
} from '../../../ports/digester.ts';
import { parseAddress } from '../address.ts';
import { BorrowedSession } from '../borrowed-session.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { seriesOf } from '../schema-shape.ts';
import { cutByKey, type NumberedTable, type StretchBounds } from '../key-stretches.ts';
import { takeSnapshot, type OpenMeeting, type SnapshotSessions } from '../snapshot-sessions.ts';
import type { WindowOptions } from '../snapshot-window.ts';
import { strictPolicy, type ValuePolicy } from '../values/policy.ts';
import { mysqlDigestReader, rangeOf } from './reader.ts';

export interface MysqlSideOptions {
  readonly side: Side;
  readonly url: string;
  /** What the server holds, by inspection. */
  readonly readCatalog: (session: MysqlConnection) => Promise<MysqlCatalog>;
  /** What it has beside rows. Default: nothing of it is compared. */
  readonly readObjects?: (session: MysqlConnection) => Promise<readonly SchemaObject[]>;
  /** As the user knows it; default: what the URL says. */
  readonly address?: string;
  readonly policy?: ValuePolicy;
  /** Columns that the other side holds as boolean. */
  readonly isBoolean?: (table: TableName, column: string) => boolean;
  /** How its sessions come to one place; default: by the binlog. */
  readonly meet?: OpenMeeting;
  /** Tables that are compared: with them a snapshot can do without a lock where none is to be had; see `takeSnapshot`. */
  readonly tables?: WindowOptions['tables'];
  /** How often a snapshot is tried before a lock is asked for; default as of `takeSnapshot`. */
  readonly attemptsWithoutLock?: number;
  /** Readers that one snapshot can have: they must all be there when it is taken. Default 2. */
  readonly readers?: number;
}

const defaultReaders = 2;

/** Says that the forms are those of this adapter: only another side that says the same can be compared by `quick`. */
const hashProbe = 'canonical texts of MySQL, MD5';

/** One server of MySQL or MariaDB as verification sees it. */
export function mysqlSide(options: MysqlSideOptions): SideAccess {
  const { url } = options;
  return Object.freeze({
    side: options.side,
    facts: async () => withSession(url, async (session) => factsOf(session, options)),
    describe: async () => withSession(url, options.readCatalog),
    objects: async () => withSession(url, options.readObjects ?? (async () => [])),
    openAtPosition: async (snapshot: SnapshotOptions) => openSnapshot(options, snapshot),
    openNow: async (snapshot: SnapshotOptions) => openSnapshot(options, snapshot),
  });
}

async function withSession<T>(url: string, work: (session: MysqlConnection) => Promise<T>): Promise<T> {
  await using session = await connect({ url, applicationName: 'teal verify' });
  return await work(session);
}

async function factsOf(session: MysqlConnection, options: MysqlSideOptions): Promise<SideFacts> {
  const { host, port } = parseAddress(options.url);
  return {
    version: session.versionText,
    // For who compares definitions: servers that print them alike.
    major: seriesOf(session),
    address: options.address ?? `${host}:${port}`,
    hashProbe,
  };
}

/** Both ways of opening one are the same here: a snapshot always knows its place in the log. */
async function openSnapshot(options: MysqlSideOptions, snapshot: SnapshotOptions): Promise<HeldSnapshot> {
  const { url, side, tables, policy = strictPolicy, readers = defaultReaders, attemptsWithoutLock } = options;
  const { signal, lockTimeoutMs } = snapshot;
  const sessions = await takeSnapshot(
    {
      url,
      applicationName: 'teal verify',
      sessions: readers,
      lockTimeoutMs,
      ...(options.meet === undefined ? {} : { meet: options.meet }),
      ...(tables === undefined ? {} : { window: { side, tables, policy } }),
      ...(attemptsWithoutLock === undefined ? {} : { attemptsWithoutLock }),
    },
    signal,
  );
  return heldSnapshot(options, sessions);
}

function heldSnapshot(options: MysqlSideOptions, sessions: SnapshotSessions): HeldSnapshot {
  const bounds = new Map<string, Promise<StretchBounds>>();
  const boundsOf = async (table: NumberedTable, parts: number): Promise<StretchBounds> => {
    const name = JSON.stringify([table.schema, table.name, table.column, parts]);
    const found = bounds.get(name) ?? withSession(options.url, async (session) => cutByKey(session, table, parts));
    bounds.set(name, found);
    return found;
  };
  return Object.freeze({
    position: sessions.taken.position,
    takenAt: sessions.takenAt,
    bounds: (_: DigestTable, parts: number) =>
      Array.from({ length: Math.max(1, parts) }, (__, part) => rangeOf(part, parts)),
    reader: async (signal: AbortSignal) => {
      must(sessions.free > 0 || undefined, 'a session of the snapshot for one more reader', {
        readers: sessions.alive,
      });
      return mysqlDigestReader({
        session: await BorrowedSession.from(options.url, sessions, signal),
        policy: options.policy ?? strictPolicy,
        isBoolean: options.isBoolean ?? (() => false),
        bounds: boundsOf,
        window: sessions.taken.rows,
      });
    },
    [Symbol.asyncDispose]: async () => sessions[Symbol.asyncDispose](),
  });
}
