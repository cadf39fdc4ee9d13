import type { Table, TableName } from '../../model/catalog.ts';
import type { MysqlConnection } from './connection.ts';
import { quoteIdent, quoteTable } from './quote.ts';

/** A table's primary key, where its first column is a whole number: every row has one, and the server finds a stretch of them without reading the rest. */
export interface NumberedTable extends TableName {
  readonly column: string;
}

/** `types` are COLUMN_TYPEs. Undefined for a table that can only be read whole. */
export function numberedTable(
  table: Pick<Table, 'schema' | 'name' | 'primaryKey' | 'columns'>,
): NumberedTable | undefined {
  const first = table.primaryKey?.[0];
  const column = table.columns.find(({ name }) => name === first);
  if (column === undefined || !/^(tiny|small|medium|big)?int\b/i.test(column.type)) return undefined;
  return { schema: table.schema, name: table.name, column: column.name };
}

/**
 * Inner bounds of a table's stretches, ascending: stretch n holds the rows from bound n−1 (the first: from the beginning, whatever is there) to below bound n (the last: to the
 * end). So the stretches hold every row once, whatever bounds there are, and whatever was added, also before the first of them; bounds that were chosen badly only cost time.
 */
export type StretchBounds = readonly bigint[];

/** Stretches `from` (0-based) up to before `to`, or to the end, as what stands behind the table's name in a query. By the key, whatever else the server would think better. */
export function stretchOf(table: NumberedTable, bounds: StretchBounds, from: number, to: number | undefined): string {
  return `force index (primary) where ${stretchCondition(table, bounds, from, to)}`;
}

export function stretchCondition(
  { column }: NumberedTable,
  bounds: StretchBounds,
  from: number,
  to: number | undefined,
): string {
  // Behind the last bound there is one more stretch, and behind that nothing.
  if (from > bounds.length || to === 0) return 'false';
  const name = quoteIdent(column);
  const [low, high] = [bounds[from - 1], to === undefined ? undefined : bounds[to - 1]];
  const conditions = [
    ...(low === undefined ? [] : [`${name} >= ${low}`]),
    ...(high === undefined ? [] : [`${name} < ${high}`]),
  ];
  return conditions.length === 0 ? 'true' : conditions.join(' and ');
}

/** Questions to the server for one table. Each is answered from the index's upper pages. */
const looksPerStretch = 4;

interface Piece {
  readonly from: bigint;
  /** The first number that is not in it. */
  readonly to: bigint;
  readonly rows: number;
}

/**
 * Cuts a table into at most `wanted` stretches of about as many rows: the numbers are halved where the server thinks that most rows are, so that gaps and crowds in them do no
 * harm. The answer may be fewer.
 */
export async function cutByKey(session: MysqlConnection, table: NumberedTable, wanted: number): Promise<StretchBounds> {
  if (wanted <= 1) return [];
  const name = quoteIdent(table.column);
  const ends = await session.query(`select min(${name}) as low, max(${name}) as high from ${quoteTable(table)}`);
  const [low, high] = [ends.rows[0]?.['low'] ?? null, ends.rows[0]?.['high'] ?? null];
  if (low === null || high === null) return [];
  const measure = async (from: bigint, to: bigint): Promise<Piece> => {
    const where = `${name} >= ${from} and ${name} < ${to}`;
    const { rows } = await session.query(
      `explain select ${name} from ${quoteTable(table)} force index (primary) where ${where}`,
    );
    return { from, to, rows: Number(rows[0]?.['rows'] ?? 0) };
  };
  const whole = await measure(BigInt(low), BigInt(high) + 1n);
  const target = whole.rows / wanted;
  let pieces: readonly Piece[] = [whole];
  for (let looks = 0; looks < wanted * looksPerStretch; looks += 2) {
    const largest = pieces.reduce((a, b) => (b.rows > a.rows && b.to - b.from > 1n ? b : a));
    if (largest.rows <= target || largest.to - largest.from < 2n) break;
    const middle = (largest.from + largest.to) / 2n;
    const halves = [await measure(largest.from, middle), await measure(middle, largest.to)];
    pieces = pieces.flatMap((piece) => (piece === largest ? halves : [piece]));
  }
  return joined(pieces, target).slice(0, wanted - 1);
}

/** Neighbours that are small together are one stretch. */
function joined(pieces: readonly Piece[], target: number): StretchBounds {
  const bounds: bigint[] = [];
  let rows = 0;
  for (const piece of pieces) {
    if (rows > 0 && rows + piece.rows > target) {
      bounds.push(piece.from);
      rows = 0;
    }
    rows += piece.rows;
  }
  return bounds;
}
