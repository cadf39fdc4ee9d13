import { must } from '../../kernel/assert.ts';
import type { Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { SourceLook, SourceProbe } from '../../ports/change-source.ts';
import type { MysqlConnection } from './connection.ts';
import { serverNumberOf } from './errors.ts';
import { KeptSession } from './kept-session.ts';
import { justBehind, placeOfPosition, positionOf, sequenceOfFile, type BinlogPlace } from './position.ts';

export interface SourceProbeOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly side: Side;
  /** Where the flow begins: what was before is in the copy. Nothing on the server remembers it. */
  readonly firstPosition: () => Promise<Position>;
  /** Up to where the flow has received, as far as this process knows; what comes after it must still be there. */
  readonly received?: () => Position | undefined;
}

/** The server keeps nothing for a flow: what it has not read yet is there for as long as the server's own time for its binlog. */
export function openSourceProbe(options: SourceProbeOptions): SourceProbe {
  const session = new KeptSession({
    url: options.url,
    applicationName: options.applicationName,
    lockTimeoutMs: 2_000,
  });
  let files: readonly BinlogFile[] = [];
  return {
    async heartbeat() {
      await session.use(async (connection) => beat(connection, options.side));
    },
    async mark() {
      return session.use(async (connection) => {
        const head = await readHead(connection);
        // A heartbeat: what changes nothing at all is in no binlog.
        await beat(connection, options.side);
        return justBehind(head);
      });
    },
    async look(): Promise<SourceLook> {
      return session.use(async (connection) => {
        const head = await readHead(connection);
        files = await readFiles(connection);
        const received = options.received?.();
        if (received === undefined) return { head: justBehind(head), slot: 'usable', keepsAnyway: true };
        const isThere = await stillThere(connection, placeOfPosition(received), files);
        if (!isThere) return { head: justBehind(head), slot: 'absent', keepsAnyway: true };
        const retainedBytes = bytesBetween(files, received, justBehind(head));
        return { head: justBehind(head), slot: 'usable', retainedBytes, keepsAnyway: true };
      });
    },
    async release() {
      // There is nothing that the server would keep.
    },
    async firstPosition() {
      return options.firstPosition();
    },
    bytesBetween: (from, to) => bytesBetween(files, from, to),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
    },
  };
}

/** Of a reader that is not Teal's, which tells where it is. */
export interface BinlogLook {
  readonly head: Position;
  /** Both undefined where the reader has told nothing yet. */
  readonly retainedBytes: number | undefined;
  readonly lagBytes: number | undefined;
}

export async function lookAtBinlog(connection: MysqlConnection, received: Position | undefined): Promise<BinlogLook> {
  const head = await readEndOfBinlog(connection);
  if (received === undefined) return { head, retainedBytes: undefined, lagBytes: undefined };
  const bytes = bytesBetween(await readFiles(connection), received, head);
  return { head, retainedBytes: bytes, lagBytes: bytes };
}

/** The row comes back through the stream; its time is another one each time, or it would not be logged. */
export async function beat(connection: MysqlConnection, side: Side): Promise<void> {
  await connection.query(
    `insert into teal.heartbeat (side, at) values (?, current_timestamp(6)) on duplicate key update at = current_timestamp(6)`,
    [side],
  );
}

/**
 * Where the binlog ends now, with what was executed. Everything that anybody has seen committed ends there or before. The GTIDs are exact only while
 * nothing commits: they are read beside the place.
 */
export async function readEndOfBinlog(connection: MysqlConnection): Promise<Position> {
  const { file, offset, executed } = await statusOf(connection);
  if (connection.flavour === 'mariadb') {
    const { rows } = await connection.query('select @@global.gtid_binlog_pos as gtids');
    return positionOf('mariadb', { file, offset, gtids: rows[0]?.['gtids'] ?? '' });
  }
  const { rows } = await connection.query('select @@global.gtid_mode as mode');
  return positionOf('mysql', { file, offset, gtids: rows[0]?.['mode'] === 'ON' ? executed : undefined });
}

/**
 * A place to begin with, on a server that goes on committing: its GTIDs have all that ends at or before the place, and perhaps some of what comes after it. That some is left out of
 * the stream: it had committed when this returned, and a snapshot that is taken later has it. (A server writes a commit into its log before it counts it among what was
 * executed; a heartbeat that has been written after the place was read is counted after all before it.)
 */
export async function readBeginning(connection: MysqlConnection, side: Side): Promise<Position> {
  const { file, offset } = await statusOf(connection);
  await beat(connection, side);
  const after = placeOfPosition(await readEndOfBinlog(connection));
  return positionOf(connection.flavour, { file, offset, gtids: after.gtids });
}

async function readHead(connection: MysqlConnection): Promise<Pick<BinlogPlace, 'sequence' | 'offset'>> {
  const { file, offset } = await statusOf(connection);
  return { sequence: sequenceOfFile(file), offset };
}

/** Of a server that does not know a statement by that name. */
const syntaxError = 1064;

async function statusOf(
  connection: MysqlConnection,
): Promise<{ readonly file: string; readonly offset: number; readonly executed: string }> {
  const { rows } = await connection.query('show master status').catch(async (error: unknown) => {
    // From MySQL 8.4 on it has another name.
    if (serverNumberOf(error) !== syntaxError) throw error;
    return connection.query('show binary log status');
  });
  const [row] = rows;
  return {
    file: must(row?.['File'], 'the file of the binlog'),
    offset: Number(must(row?.['Position'], 'the place in the binlog')),
    executed: row?.['Executed_Gtid_Set'] ?? '',
  };
}

interface BinlogFile {
  readonly sequence: number;
  readonly bytes: number;
}

async function readFiles(connection: MysqlConnection): Promise<readonly BinlogFile[]> {
  const { rows } = await connection.query('show binary logs');
  return rows.map((row) => ({
    sequence: sequenceOfFile(row['Log_name'] ?? ''),
    bytes: Number(row['File_size']),
  }));
}

/** Whether all that comes after the place is in the files. By GTID it may begin at the head of the next file, by offset it may not. */
async function stillThere(
  connection: MysqlConnection,
  { sequence, gtids }: BinlogPlace,
  files: readonly BinlogFile[],
): Promise<boolean> {
  const first = files[0]?.sequence ?? Infinity;
  if (first <= sequence) return true;
  if (gtids === undefined) return false;
  if (connection.flavour === 'mariadb') return first === sequence + 1;
  const { rows } = await connection.query('select gtid_subset(@@global.gtid_purged, ?) as there', [gtids]);
  return rows[0]?.['there'] === '1';
}

/** As long as a file is by default (max_binlog_size): for those whose length nobody has looked at yet. */
const usualBytes = 1 << 30;

/** 0 when `to` is not after `from`. */
function bytesBetween(files: readonly BinlogFile[], from: Position, to: Position): number {
  if (to <= from) return 0;
  const [start, end] = [placeOfPosition(from), placeOfPosition(to)];
  if (start.sequence === end.sequence) return Math.max(0, end.offset - start.offset);
  const known = new Map(files.map(({ sequence, bytes }) => [sequence, bytes]));
  let bytes = Math.max(0, (known.get(start.sequence) ?? usualBytes) - start.offset) + end.offset;
  for (let sequence = start.sequence + 1; sequence < end.sequence; sequence += 1) {
    bytes += known.get(sequence) ?? usualBytes;
  }
  return bytes;
}
