import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { selectionOf, type Cell } from '../values/from-select.ts';
import { polledRows, rowsTable } from './names.ts';
import { encodeRecordedRow, type Operation, type RecordedRow, type RecordedTable } from './payload.ts';
import { lengthOf, takeNumbers, type NumberRun } from './runs.ts';
import type { Tick } from './ticks.ts';

/** A change as it was noted, without its values. */
export interface NotedChange {
  readonly number: bigint;
  readonly rel: number;
  readonly operation: Operation;
  readonly isUnchecked: boolean;
  readonly bytes: bigint;
}

/** Changes whose notes are read at once, and about as many bytes of their values; a single one may be longer. */
const notesAtOnce = 2_000;
const groupBytes = 4n << 20n;

const operations: ReadonlyMap<string | null | undefined, Operation> = new Map([
  ['I', 'insert'],
  ['U', 'update'],
  ['D', 'delete'],
  ['P', 'put'],
]);

/** All changes of a tick, by their numbers, some at a time. Errors: TEAL-SYSTEMS-040 one is missing. */
export async function* changesOf(
  connection: MysqlConnection,
  tick: Tick,
): AsyncGenerator<readonly NotedChange[], void, void> {
  let left: readonly NumberRun[] = [];
  for (let after = 0n; ;) {
    if (left.length === 0) left = await runsAfter(connection, tick, after);
    if (left.length === 0) return;
    const next = takeNumbers(left, notesAtOnce);
    left = next.left;
    const notes = await notesOf(connection, tick, next.taken);
    after = must(notes.at(-1), 'a change of the record').number;
    yield* groupsOf(notes);
  }
}

async function runsAfter(connection: MysqlConnection, { number }: Tick, after: bigint): Promise<readonly NumberRun[]> {
  const rows = await askRows(
    connection,
    `select first as first, last as last from teal.tick_runs where tick = ? and first > ? order by first limit ${notesAtOnce}`,
    [String(number), String(after)],
  );
  return rows.map(({ first, last }) => ({ first: BigInt(first ?? 0), last: BigInt(last ?? 0) }));
}

async function notesOf(
  connection: MysqlConnection,
  tick: Tick,
  runs: readonly NumberRun[],
): Promise<readonly NotedChange[]> {
  const ranges = runs.map(({ first, last }) =>
    first === last ? `number = ${first}` : `number between ${first} and ${last}`,
  );
  const rows = await askRows(
    connection,
    `select number as number, rel as rel, op as op, unchecked as unchecked, bytes as bytes from teal.changes where ${ranges.join(' or ')} order by number`,
  );
  const wanted = runs.reduce((sum, run) => sum + lengthOf(run), 0);
  if (rows.length !== wanted) throw missing(tick, { found: rows.length, wanted });
  return rows.map(({ number, rel, op, unchecked, bytes }) => ({
    number: BigInt(must(number, 'a number')),
    rel: Number(rel),
    operation: must(operations.get(op), 'an operation'),
    isUnchecked: unchecked === '1',
    bytes: BigInt(bytes ?? 0),
  }));
}

/** Neighbours of which each is small are read together; a large one alone. */
function groupsOf(notes: readonly NotedChange[]): readonly (readonly NotedChange[])[] {
  const groups: NotedChange[][] = [];
  let bytes = groupBytes;
  for (const note of notes) {
    bytes += note.bytes;
    if (bytes <= groupBytes) groups.at(-1)?.push(note);
    else {
      groups.push([note]);
      bytes = note.bytes;
    }
  }
  return groups;
}

/** The changes of a group as they travel, in its order. Errors: TEAL-SYSTEMS-040. */
export async function payloadsOf(
  connection: MysqlConnection,
  tick: Tick,
  notes: readonly NotedChange[],
  tables: ReadonlyMap<number, RecordedTable>,
): Promise<readonly Buffer[]> {
  const isPut = ({ operation }: NotedChange): boolean => operation === 'put';
  const put = await readPut(connection, notes.filter(isPut));
  const recorded = notes.filter((note) => !isPut(note));
  const rows = await rowsOf(connection, tick, recorded, tables);
  const payloads = new Map(
    recorded.map(({ number }, place) => [number, encodeRecordedRow(must(rows[place], 'a row'))]),
  );
  return notes.map(({ number }) => {
    const payload = payloads.get(number) ?? put.get(number);
    if (payload === undefined) throw missing(tick, { number });
    return payload;
  });
}

/** What a poll wrote is what travels, in pieces. */
async function readPut(
  connection: MysqlConnection,
  notes: readonly NotedChange[],
): Promise<ReadonlyMap<bigint, Buffer>> {
  if (notes.length === 0) return new Map();
  const pieces = new Map<bigint, Buffer[]>();
  const numbers = notes.map(({ number }) => number).join(', ');
  const sql = `select number, payload from ${polledRows} where number in (${numbers}) order by number, piece`;
  for await (const [number, payload] of connection.rows(sql)) {
    const key = BigInt(String(number));
    const piece = Buffer.from(must(payload ?? undefined, 'a piece'));
    const found = pieces.get(key);
    if (found === undefined) pieces.set(key, [piece]);
    else found.push(piece);
  }
  return new Map([...pieces].map(([number, found]) => [number, Buffer.concat(found)]));
}

async function rowsOf(
  connection: MysqlConnection,
  tick: Tick,
  notes: readonly NotedChange[],
  tables: ReadonlyMap<number, RecordedTable>,
): Promise<readonly RecordedRow[]> {
  const images = new Map<string, readonly Cell[]>();
  for (const [rel, some] of Map.groupBy(notes, (note) => note.rel)) {
    const table = tables.get(rel);
    if (table === undefined) throw new TealError('TEAL-SYSTEMS-040', 'a recorded table is not known', { number: rel });
    const numbers = some.map(({ number }) => number).join(', ');
    const sql = `select number, image, ${listOf(table).join(', ')} from ${rowsTable(table)} where number in (${numbers})`;
    for await (const [number, image, ...cells] of connection.rows(sql))
      images.set(`${String(number)} ${String(image)}`, cells);
  }
  return notes.map((note): RecordedRow => {
    const before = note.operation === 'insert' ? undefined : images.get(`${note.number} 0`);
    const after = note.operation === 'delete' ? undefined : images.get(`${note.number} 1`);
    const isWhole =
      (note.operation === 'insert' || before !== undefined) && (note.operation === 'delete' || after !== undefined);
    if (!isWhole) throw missing(tick, { number: note.number });
    return { operation: note.operation, number: note.rel, isUnchecked: note.isUnchecked, before, after };
  });
}

/** As the copy reads the table itself, from the columns of its record. */
function listOf(table: RecordedTable): readonly string[] {
  const columns = table.columns.map((column, place) => ({ ...column, name: `c${place}` }));
  return selectionOf({ table, columns, key: undefined }).list;
}

function missing(tick: Tick, facts: Readonly<Record<string, number | bigint>>): TealError {
  return new TealError('TEAL-SYSTEMS-040', 'a part of the record is missing', { tick: tick.number, ...facts });
}
