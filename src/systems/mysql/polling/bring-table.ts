import { createHash } from 'node:crypto';
import { must } from '../../../kernel/assert.ts';
import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { tableNumber } from '../table-number.ts';
import { encodeRecordedRow, type PolledBy, type RecordedTable } from '../trigger-source/payload.ts';
import { polledRows } from '../trigger-source/names.ts';
import { selectionOf, type Cell } from '../values/from-select.ts';

/** A row as it was found. */
interface FoundRow {
  /** By its key, and by all that it holds; in hexadecimal digits, as SQL writes hashes. */
  readonly id: string;
  readonly digest: string;
  /** Its time, in the zone of the column. */
  readonly stamp: string | null;
  readonly payload: Buffer;
}

/** A server takes no statement that is longer than `max_allowed_packet`: values go in pieces, and statements end about here. */
const pieceBytes = 1 << 20;

/** What these servers write where they have none, and MySQL into an invisible column of which an INSERT without names does not speak. */
const noTime = '0000-00-00';

/** Servers tell in whole seconds when a transaction began, so a later floor may be an earlier one by less than this: what was told is known for that much longer, or it would be told again. */
const floorGoesBackSeconds = 2;

/**
 * Writes rows of a table that the view shows, whose time is not before the floor, and which were not told as they are now. Their times say nothing of what was told: a row may be written twice in one second. So
 * what was told within reach of a poll is kept as hashes.
 */
export async function bringTable(
  view: MysqlConnection,
  writer: MysqlConnection,
  table: RecordedTable & { readonly polledBy: PolledBy },
  { floor, isClosed }: { readonly floor: string; readonly isClosed: boolean },
): Promise<void> {
  const rel = tableNumber(table);
  const { behindSeconds } = table.polledBy;
  const column = quoteIdent(table.polledBy.column);
  const reach = `cast(? as datetime(6)) - interval ${behindSeconds} second`;
  const { list } = selectionOf({ table, columns: table.columns, key: table.key });
  const isKey = table.columns.map(({ name }) => table.key.includes(name));
  const sql = `select ${[...list, `cast(${column} as char)`].join(', ')} from ${quoteTable(table)} where ${column} >= ${reach} or ${column} is null or ${column} = '${noTime} 00:00:00'`;
  for await (const batch of view.batches(sql, [floor])) {
    const found = batch.map((row) => foundRow(row, rel, isKey));
    const fresh = await untold(writer, rel, found);
    if (fresh.length === 0) continue;
    await noteTold(writer, rel, fresh);
    if (!isClosed) await writePut(writer, rel, fresh);
  }
  await writer.query(
    `delete from teal.poll_told where rel = ? and stamp < ${reach} - interval ${floorGoesBackSeconds} second`,
    [rel, floor],
  );
}

function foundRow(row: readonly Cell[], rel: number, isKey: readonly boolean[]): FoundRow {
  const cells = row.slice(0, -1);
  const after = cells;
  return {
    id: hashOf(cells.filter((_, place) => isKey[place] === true)),
    digest: hashOf(cells),
    stamp: stampOf(row.at(-1)?.toString('latin1')),
    payload: encodeRecordedRow({ operation: 'put', number: rel, isUnchecked: false, before: undefined, after }),
  };
}

/** Of no time as NULL: it is within reach of every poll. */
function stampOf(told: string | undefined): string | null {
  return told === undefined || told.startsWith(noTime) ? null : told;
}

/** Half of a SHA-256 over lengths and bytes. */
function hashOf(cells: readonly Cell[]): string {
  const hash = createHash('sha256');
  const length = Buffer.allocUnsafe(5);
  for (const cell of cells) {
    length.writeUInt8(cell === null ? 0 : 1);
    length.writeUInt32BE(cell?.length ?? 0, 1);
    hash.update(length);
    if (cell !== null) hash.update(cell);
  }
  return hash.digest('hex').slice(0, 32);
}

async function untold(writer: MysqlConnection, rel: number, found: readonly FoundRow[]): Promise<readonly FoundRow[]> {
  const ids = found.map(({ id }) => `x'${id}'`).join(', ');
  const rows = await askRows(
    writer,
    `select lower(hex(id)) as id, lower(hex(digest)) as digest from teal.poll_told where rel = ${rel} and id in (${ids})`,
  );
  const told = new Map(rows.map(({ id, digest }) => [id, digest]));
  return found.filter(({ id, digest }) => told.get(id) !== digest);
}

async function noteTold(writer: MysqlConnection, rel: number, rows: readonly FoundRow[]): Promise<void> {
  const values = rows.map(({ id, digest }) => `(${rel}, x'${id}', x'${digest}', ?)`).join(', ');
  await writer.query(
    `insert into teal.poll_told (rel, id, digest, stamp) values ${values} on duplicate key update digest = values(digest), stamp = values(stamp)`,
    rows.map(({ stamp }) => stamp),
  );
}

async function writePut(writer: MysqlConnection, rel: number, rows: readonly FoundRow[]): Promise<void> {
  const numbers = await takeNumbers(writer, rows.length);
  const changes = rows.map(({ payload }, place) => `(${numbers[place]}, ${rel}, 'P', 0, ${payload.length})`);
  await writer.query(`insert into teal.changes (number, rel, op, unchecked, bytes) values ${changes.join(', ')}`);
  const pieces = rows.flatMap(({ payload }, place) => piecesOf(payload).map((piece, at) => ({ place, at, piece })));
  for (const group of groupsOf(pieces)) {
    const values = group.map(({ place, at }) => `(${numbers[place]}, ${at}, ?)`).join(', ');
    const payloads = group.map(({ piece }) => piece);
    await writer.query(`insert into ${polledRows} (number, piece, payload) values ${values}`, payloads);
  }
}

/** Of the same source as those that triggers take, rising. */
async function takeNumbers(writer: MysqlConnection, count: number): Promise<readonly string[]> {
  const each = Array.from({ length: count }, () => 'select uuid_short() as n').join(' union all ');
  const rows = await askRows(writer, each);
  return rows.map(({ n }) => must(n, 'a number')).toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
}

function piecesOf(payload: Buffer): readonly Buffer[] {
  const count = Math.ceil(payload.length / pieceBytes);
  return Array.from({ length: count }, (_, at) => payload.subarray(at * pieceBytes, (at + 1) * pieceBytes));
}

function groupsOf<P extends { readonly piece: Buffer }>(pieces: readonly P[]): readonly (readonly P[])[] {
  const groups: P[][] = [];
  let bytes = pieceBytes;
  for (const each of pieces) {
    bytes += each.piece.length;
    if (bytes <= pieceBytes) groups.at(-1)?.push(each);
    else {
      groups.push([each]);
      bytes = each.piece.length;
    }
  }
  return groups;
}
