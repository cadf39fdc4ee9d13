import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { RowValues } from '../../../model/change.ts';
import type { ControlRow, SinkStep, TargetTable, UpdatedRow } from '../../../ports/sink.ts';
import { InsertText, type Insert } from '../insert-text.ts';
import { quoteIdent } from '../quote.ts';
import { controlColumns } from '../teal-schema.ts';
import { columnWriter, literalOf } from '../values/to-sql.ts';
import type { FittedColumn, FittedTable } from './describe.ts';

/** A statement, and how many rows it must find. Without `rows` nothing is asked of it. */
export interface SinkStatement {
  readonly sql: string;
  readonly what: SinkStep['kind'] | 'session';
  readonly table?: TargetTable;
  readonly rows?: number;
}

export interface StatementLimits {
  /** Of a statement of several rows. */
  readonly bytes: number;
  /** What the server takes at all: `max_allowed_packet`. */
  readonly mostBytes: number;
}

/** Rows of one UPDATE or DELETE: the conditions of an UPDATE are gone through once for each row. */
const rowsAtOnce = 64;
/** What is sent first is small, so that the server soon has something to do; then twice as much each time. */
const firstPacketBytes = 16 << 10;
/** Of one INSERT; its bytes are the other bound. The next is made while the server does this one. */
const insertsAtOnce = 500;

export type PlainStep = Exclude<SinkStep, { kind: 'either' | 'cascade' }>;

/** The statements of one step. `either` and `cascade` are none of them: they take answers to go on. Throws TEAL-SYNC-113, -117 and -130. */
export function* statementsOf(
  step: PlainStep,
  fittedOf: (table: TargetTable) => FittedTable,
  limits: StatementLimits,
): Generator<SinkStatement, void, void> {
  switch (step.kind) {
    case 'insert':
      yield* inserts(fittedOf(step.table), step.rows, limits);
      return;
    case 'update':
      yield* updates(fittedOf(step.table), step.set, step.rows, limits);
      return;
    case 'delete':
      yield* deletes(fittedOf(step.table), step.rows, limits);
      return;
    case 'put':
      // REPLACE and ON DUPLICATE KEY UPDATE would write over a row that has only another unique value in common.
      for (const each of deletes(fittedOf(step.table), step.rows, limits)) {
        yield { sql: each.sql, what: 'put', table: step.table };
      }
      for (const each of inserts(fittedOf(step.table), step.rows, limits)) yield { ...each, what: 'put' };
      return;
    case 'truncate':
      // TRUNCATE would commit what is open. Numbers are not begun anew: they are handed over at the cut.
      for (const table of step.tables) yield { sql: `delete from ${fittedOf(table).sqlName}`, what: 'truncate', table };
      return;
    case 'control':
      yield controlStatement(step.row);
      return;
  }
}

/** Statements that are sent together, in their order: while the server does many of them nobody has to be awake for the next. */
export function* packets(
  statements: Iterable<SinkStatement>,
  limits: StatementLimits,
): Generator<readonly SinkStatement[], void, void> {
  let most = Math.min(firstPacketBytes, limits.bytes);
  let open: SinkStatement[] = [];
  let length = 0;
  for (const statement of statements) {
    const bytes = Buffer.byteLength(statement.sql) + separatorBytes;
    if (open.length > 0 && length + bytes > most) {
      yield open;
      open = [];
      length = 0;
      most = Math.min(2 * most, limits.bytes);
    }
    open.push(statement);
    length += bytes;
  }
  if (open.length > 0) yield open;
}

const separatorBytes = 2;

/** Gathers pieces of SQL into statements, as many to one as the limits allow. */
function* gathered<Piece>(
  pieces: Iterable<Piece>,
  size: (piece: Piece) => number,
  most: number,
  bytes: number,
): Generator<readonly Piece[], void, void> {
  let open: Piece[] = [];
  let length = 0;
  for (const piece of pieces) {
    const more = size(piece);
    if (open.length > 0 && (open.length >= most || length + more > bytes)) {
      yield open;
      open = [];
      length = 0;
    }
    open.push(piece);
    length += more;
  }
  if (open.length > 0) yield open;
}

function checked(sql: string, table: TargetTable, limits: StatementLimits): string {
  const bytes = Buffer.byteLength(sql);
  if (bytes < limits.mostBytes) return sql;
  throw tooLong(table, bytes, limits);
}

function tooLong(table: TargetTable, bytes: number, limits: StatementLimits): TealError {
  return new TealError('TEAL-SYNC-113', 'a row is longer than max_allowed_packet of the target', {
    table: tableKey(table.relation),
    bytes,
    maxAllowedPacket: limits.mostBytes,
  });
}

function* inserts(
  fitted: FittedTable,
  rows: readonly RowValues[],
  limits: StatementLimits,
): Generator<SinkStatement, void, void> {
  const { table, sqlName } = fitted;
  const columns = table.written.map((place) => columnOf(fitted, place));
  const text = new InsertText({
    head: `insert into ${sqlName} (${columns.map((column) => column.sqlName).join(', ')}) values `,
    cells: columns.map(({ writer }) => writer),
    statementBytes: limits.bytes,
    statementRows: insertsAtOnce,
    packetBytes: limits.mostBytes - 1,
    tooLong: (bytes) => tooLong(table, bytes, limits),
  });
  const statement = ({ sql, rows: count }: Insert): SinkStatement => ({ sql, what: 'insert', table, rows: count });
  for (const row of rows) {
    text.addRow(row, table.written, (place) => valueOf(fitted, place, row));
    yield* text.take().map(statement);
  }
  yield* text.end().map(statement);
}

interface UpdatePiece {
  readonly place: RowPlace;
  readonly values: readonly string[];
}

function* updates(
  fitted: FittedTable,
  set: readonly number[],
  rows: readonly UpdatedRow[],
  limits: StatementLimits,
): Generator<SinkStatement, void, void> {
  const { table } = fitted;
  const { key } = table;
  // Assignments are done from left to right: a condition on the key would see a key that was set.
  const isAlone = key === undefined || set.some((place) => key.includes(place));
  const number = numberOf(fitted);
  const pieces = mapped(rows, ({ old, row }) => ({
    place: placeOf(fitted, old, number),
    values: set.map((place) => valueOf(fitted, place, row)),
  }));
  const size = ({ place, values }: UpdatePiece): number =>
    bytesOf(place) * (values.length + 1) + values.reduce((sum, each) => sum + Buffer.byteLength(each), 0);
  for (const some of gathered(pieces, size, isAlone ? 1 : rowsAtOnce, limits.bytes)) {
    const sql = checked(updateSql(fitted, set, some, number), table, limits);
    yield { sql, what: 'update', table, rows: some.length };
  }
}

function updateSql(
  fitted: FittedTable,
  set: readonly number[],
  pieces: readonly UpdatePiece[],
  number: FittedColumn | undefined,
): string {
  const [first] = pieces;
  const cases = (index: number): string =>
    pieces.map(({ place, values }) => `when ${place.literal ?? place.condition} then ${values[index]}`).join(' ');
  const by = number === undefined ? '' : `${number.sqlName} `;
  const assignments = set.map((place, index) => {
    const { sqlName } = columnOf(fitted, place);
    if (first !== undefined && pieces.length === 1) return `${sqlName} = ${first.values[index]}`;
    return `${sqlName} = case ${by}${cases(index)} end`;
  });
  const places = pieces.map(({ place }) => place);
  return `update ${fitted.sqlName} set ${assignments.join(', ')} where ${anyOf(fitted, places, number)}`;
}

function* deletes(
  fitted: FittedTable,
  rows: readonly RowValues[],
  limits: StatementLimits,
): Generator<SinkStatement, void, void> {
  const { table, sqlName } = fitted;
  const number = numberOf(fitted);
  const places = mapped(rows, (row) => placeOf(fitted, row, number));
  const most = table.key === undefined ? 1 : rowsAtOnce;
  for (const some of gathered(places, bytesOf, most, limits.bytes)) {
    const sql = checked(`delete from ${sqlName} where ${anyOf(fitted, some, number)}`, table, limits);
    yield { sql, what: 'delete', table, rows: some.length };
  }
}

/** What finds one row. */
interface RowPlace {
  readonly condition: string;
  /** Where one whole number is the key: that number. */
  readonly literal: string | undefined;
}

const wholeNumbers: ReadonlySet<string> = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);

/** The key's only column where it is a whole number: what a server finds quickly in a list, and compares the same in any. */
function numberOf(fitted: FittedTable): FittedColumn | undefined {
  const { key } = fitted.table;
  const [place] = key ?? [];
  if (place === undefined || key?.length !== 1) return undefined;
  const column = columnOf(fitted, place);
  return wholeNumbers.has(column.writer.type.base) && column.notNull ? column : undefined;
}

function placeOf(fitted: FittedTable, old: RowValues, number: FittedColumn | undefined): RowPlace {
  if (number === undefined) return { condition: conditionOf(fitted, old), literal: undefined };
  const [place = 0] = fitted.table.key ?? [];
  const literal = literalOf(number.writer, sentCell(fitted, place, old));
  return { condition: `${number.sqlName} = ${literal}`, literal };
}

function bytesOf({ condition }: RowPlace): number {
  return Buffer.byteLength(condition) + 6;
}

/** Without a key, equal rows are the same row for everybody: one of them. */
function anyOf(fitted: FittedTable, places: readonly RowPlace[], number: FittedColumn | undefined): string {
  const [first] = places;
  if (fitted.table.key === undefined) return `${first?.condition} limit 1`;
  if (places.length === 1) return first?.condition ?? '';
  if (number === undefined) return places.map(({ condition }) => `(${condition})`).join(' or ');
  return `${number.sqlName} in (${places.map(({ literal }) => literal).join(', ')})`;
}

/** What finds the old row: its key, or all that it holds. */
function conditionOf(fitted: FittedTable, old: RowValues): string {
  const { key, written } = fitted.table;
  const terms = (key ?? written).map((place) => {
    const { sqlName, writer } = columnOf(fitted, place);
    const cell = sentCell(fitted, place, old);
    if (cell === null) return `${sqlName} is null`;
    return key === undefined ? writer.holds(sqlName, cell) : writer.equals(sqlName, cell);
  });
  return terms.length === 0 ? 'true' : terms.join(' and ');
}

/**
 * NULL for a column that takes none is refused here: the server would put something else in its place where the column is an AUTO_INCREMENT or an old TIMESTAMP.
 */
function valueOf(fitted: FittedTable, place: number, row: RowValues): string {
  const column = columnOf(fitted, place);
  const cell = sentCell(fitted, place, row);
  if (cell === null && column.notNull) {
    throw new TealError('TEAL-SYNC-113', 'a column of the target takes no NULL', {
      table: tableKey(fitted.table.relation),
      column: column.name,
    });
  }
  return literalOf(column.writer, cell);
}

function sentCell(fitted: FittedTable, place: number, row: RowValues): Buffer | null {
  const cell = row.at(place);
  if (cell !== undefined) return cell;
  throw new TealError('TEAL-SYNC-117', 'a value is needed that the stream did not send', {
    table: tableKey(fitted.table.relation),
    column: columnOf(fitted, place).name,
  });
}

function columnOf(fitted: FittedTable, place: number): FittedColumn {
  return must(fitted.columns[place], 'a column of a fitted table');
}

const controlTypes: Readonly<Record<string, string>> = { epoch: 'int', at: 'timestamp(6)' };

/** What the other side's table has beyond stays there. A heartbeat replaces the one before; of the others the first one stays. */
function controlStatement({ table, values }: ControlRow): SinkStatement {
  const names = controlColumns[table].filter((name) => values.get(name) !== undefined);
  const literals = names.map((name) => {
    const type = controlTypes[name] ?? 'varchar(255)';
    return literalOf(columnWriter({ table: { schema: 'teal', name: table }, name, type }), values.get(name) ?? null);
  });
  const first = quoteIdent(controlColumns[table][0] ?? '');
  const conflict = table === 'heartbeat' ? '`at` = values(`at`)' : `${first} = ${first}`;
  return {
    sql: `insert into teal.${table} (${names.map(quoteIdent).join(', ')}) values (${literals.join(', ')}) on duplicate key update ${conflict}`,
    what: 'control',
  };
}

function* mapped<From, To>(rows: readonly From[], how: (row: From) => To): Generator<To, void, void> {
  for (const row of rows) yield how(row);
}
