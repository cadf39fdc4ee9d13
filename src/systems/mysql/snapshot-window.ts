import { randomBytes } from 'node:crypto';
import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import { actingKeysOf } from '../../model/acting-keys.ts';
import { tableKey, type Side } from '../../model/catalog.ts';
import type { MysqlTable } from '../../model/mysql-catalog.ts';
import type { Position } from '../../model/position.ts';
import type { ChangeStream } from '../../ports/change-source.ts';
import { BinlogDecoder } from './change-decoder.ts';
import type { MysqlConnection } from './connection.ts';
import { justBehind, positionOf, positionOfPlace, sequenceOfFile, type BinlogPlace } from './position.ts';
import { beginAll, placeNow } from './snapshot-moment.ts';
import { beat } from './source-probe.ts';
import { mysqlSource } from './source.ts';
import type { ValuePolicy } from './values/policy.ts';
import { WindowRows, type Obstacle } from './window-rows.ts';

export interface WindowOptions {
  /** The server's own side: its heartbeat is written. */
  readonly side: Side;
  /** What is read of the snapshot; changes of other tables are passed over. Tables with all that is read of them, and their foreign keys. */
  readonly tables: readonly Pick<MysqlTable, 'schema' | 'name' | 'columns' | 'foreignKeys'>[];
  /** As of who reads the snapshot. */
  readonly policy?: ValuePolicy;
}

export interface TakenWindow {
  /** Its end: just behind the last transaction that counts. Nothing can be read on from it. */
  readonly position: Position;
  readonly rows: WindowRows;
  readonly attempts: number;
}

/** Each takes some tens of milliseconds, of which commits between the first and the last session count. */
const mostAttempts = 20;

/**
 * Begins sessions without any lock, however much is committed meanwhile, and tells what they must be read with to be one snapshot (correctness.md §4.1). All that commits before a low place of the binlog is seen by each
 * session, nothing behind a high place by any; what lies between is read from the binlog, and whoever reads a session takes its rows from there.
 *
 * The account needs REPLICATION SLAVE, and writes a heartbeat: commits come to be seen in the order in which they stand in the log, so that all before a place can be seen when a commit that came after it has ended. MySQL
 * has that order by `binlog_order_commits`, MariaDB always.
 *
 * Errors: TEAL-SYSTEMS-670 the server does not keep that order, -671 each window had a change that cannot be made good from the log; those of `mysqlSource`.
 */
export async function beginInWindow(
  url: string,
  options: WindowOptions,
  looker: MysqlConnection,
  sessions: readonly MysqlConnection[],
  signal: AbortSignal,
): Promise<TakenWindow> {
  await refuseWithoutOrder(looker);
  let found: Obstacle | undefined;
  for (let attempts = 1; attempts <= mostAttempts; attempts += 1) {
    const low = await untilAborted(looker, signal, async () => seenUpTo(looker, options.side));
    await beginAll(sessions, signal);
    const { file, offset } = await untilAborted(looker, signal, async () => placeNow(looker));
    const high = { sequence: sequenceOfFile(file), offset };
    const rows = new WindowRows({ keys: actingKeysOf(options.tables) });
    found = await readWindow(url, options, { low, high }, rows, signal);
    if (found === undefined) return { position: justBehind(high), rows, attempts };
  }
  const { table, why } = must(found, 'an obstacle');
  throw new TealError('TEAL-SYSTEMS-671', `each time ${why}`, { table: tableKey(table), attempts: mostAttempts });
}

async function refuseWithoutOrder(looker: MysqlConnection): Promise<void> {
  if (looker.flavour === 'mariadb') return;
  const { rows } = await looker.query('select @@global.binlog_order_commits as ordered');
  if (rows[0]?.['ordered'] === '1') return;
  throw new TealError(
    'TEAL-SYSTEMS-670',
    'the server commits in another order than its binlog has (binlog_order_commits)',
  );
}

/**
 * A place before which everything can be seen, to read on from. MySQL counts what was executed when it can be seen: with the GTIDs of after the heartbeat some of what stands behind the place is left out of the stream,
 * which then can be seen as well.
 */
async function seenUpTo(looker: MysqlConnection, side: Side): Promise<Position> {
  const place = await placeNow(looker);
  await beat(looker, side);
  const { gtids } = looker.flavour === 'mysql' ? await placeNow(looker) : place;
  return positionOf(looker.flavour, { ...place, gtids });
}

interface Ends {
  readonly low: Position;
  readonly high: Pick<BinlogPlace, 'sequence' | 'offset'>;
}

async function readWindow(
  url: string,
  { tables, policy }: WindowOptions,
  { low, high }: Ends,
  rows: WindowRows,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const columns = new Map(tables.map((table) => [tableKey(table), new Set(table.columns.map(({ name }) => name))]));
  const source = mysqlSource({
    url,
    applicationName: 'teal window',
    // No other reader may have its name: the server ends the elder of two.
    replica: `teal window ${randomBytes(8).toString('hex')}`,
    isWanted: (table) => columns.has(tableKey(table)),
  });
  await using stream = await source.start({ after: low }, signal);
  const decoder = new BinlogDecoder({
    isWhole: true,
    carries: (table, column) => columns.get(tableKey(table))?.has(column) ?? true,
    ...(policy === undefined ? {} : { policy }),
  });
  return await takeUntil(stream, decoder, high, rows);
}

async function takeUntil(
  stream: ChangeStream,
  decoder: BinlogDecoder,
  high: Ends['high'],
  rows: WindowRows,
): Promise<Obstacle | undefined> {
  const end = positionOfPlace({ ...high, gtids: undefined });
  const behind = justBehind(high);
  for (;;) {
    for (const record of await stream.next()) {
      if (record.kind === 'mark') {
        if (record.end >= end) return undefined;
        continue;
      }
      const event = decoder.decode(record.payload);
      if (event === undefined) continue;
      if (event.kind === 'begin' && event.commitsAt >= behind) return undefined;
      if (!isOfTeal(event)) {
        const obstacle = rows.take(event);
        if (obstacle !== undefined) return obstacle;
      }
      if (event.kind === 'commit' && event.end >= end) return undefined;
    }
  }
}

/** Heartbeats and the like: nobody reads them of a snapshot. */
function isOfTeal(event: ReturnType<BinlogDecoder['decode']>): boolean {
  return event !== undefined && 'relation' in event && event.relation.schema === 'teal';
}
