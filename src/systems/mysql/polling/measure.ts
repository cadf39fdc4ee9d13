import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { PollSettings } from '../../../model/follow-method.ts';
import type { MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import type { PolledColumn } from '../../../model/polled-column.ts';
import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { overlapSeconds, polledBy } from './poll.ts';

/** Of each table, the newest. */
const rowsLookedAt = 10_000;
/** A row is behind when each of so many that were inserted just before it is later. */
const neighbours = 50;

/** What `teal assess` says of the columns by which tables are to be polled. Reads some thousand rows of each table. */
export async function measurePolled(
  connection: MysqlConnection,
  tables: readonly MysqlTable[],
  settings: PollSettings,
): Promise<readonly PolledColumn[]> {
  const measured: PolledColumn[] = [];
  for (const table of tables) {
    const { schema, name } = table;
    const column = settings.columns[tableKey(table)] ?? settings.column;
    const found = table.columns.find((each) => each.name === column);
    const named = { schema, name, column };
    measured.push(found === undefined ? named : { ...named, seen: await seenOf(connection, table, found, settings) });
  }
  return measured;
}

async function seenOf(
  connection: MysqlConnection,
  table: MysqlTable,
  column: MysqlColumn,
  { zoneMinutes }: PollSettings,
): Promise<NonNullable<PolledColumn['seen']>> {
  const by = polledBy(column.name, column.type, zoneMinutes);
  const nothing = { looked: 0, behind: 0, ahead: 0 };
  return {
    type: column.type,
    isTime: by !== undefined,
    notNull: column.notNull,
    isIndexed: table.indexes.some(({ kind, invisible, parts: [first] }) => {
      return kind === 'btree' && !invisible && first?.column === column.name && first.prefix === undefined;
    }),
    isFilled: column.default?.kind === 'expression' && /current_timestamp|now\s*\(/i.test(column.default.text),
    isTouched: column.setOnUpdate,
    ...(by === undefined ? nothing : await lookAt(connection, table, column, zoneMinutes)),
  };
}

/**
 * No server of this family tells in which order rows were written. What AUTO_INCREMENT has numbered was inserted about in the order of its numbers, and its time is that of the insertion or later: a row that is
 * older than each of the fifty before it was inserted with an old time, or all of those were updated since. Rows that were put ahead of the clock are seen in every table.
 */
async function lookAt(
  connection: MysqlConnection,
  table: MysqlTable,
  column: MysqlColumn,
  zoneMinutes: number | undefined,
): Promise<{ readonly looked: number; readonly behind: number; readonly ahead: number }> {
  const at = quoteIdent(column.name);
  const counted = countedKey(table);
  const isLocal = /^datetime/i.test(column.type);
  // In a zone that nobody has named it may be fourteen hours later than here.
  const aheadMinutes = isLocal ? (zoneMinutes ?? 14 * 60) + 60 : 0;
  const newest = counted === undefined ? '' : ` order by ${quoteIdent(counted)} desc`;
  const place = counted === undefined ? '0' : quoteIdent(counted);
  const window = `over (order by s.place rows between ${neighbours} preceding and 1 preceding)`;
  const [row] = await askRows(
    connection,
    `select count(*) as looked, coalesce(sum(w.at < w.earliest - interval ${overlapSeconds} second and w.n = ${counted === undefined ? 0 : neighbours}), 0) as behind,
            coalesce(sum(w.at > now(6) + interval ${overlapSeconds} second + interval ${aheadMinutes} minute), 0) as ahead
     from (select s.at, min(s.at) ${window} as earliest, count(*) ${window} as n
           from (select ${at} as at, ${place} as place from ${quoteTable(table)} where ${at} is not null${newest} limit ${rowsLookedAt}) s) w`,
  );
  const number = (name: string): number => Number(row?.[name] ?? 0);
  return { looked: number('looked'), behind: counted === undefined ? 0 : number('behind'), ahead: number('ahead') };
}

function countedKey({ columns, primaryKey = [] }: MysqlTable & TableName): string | undefined {
  const [only] = primaryKey;
  return primaryKey.length === 1 && columns.some(({ name, autoIncrement }) => name === only && autoIncrement)
    ? only
    : undefined;
}
