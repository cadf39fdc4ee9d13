import { must } from '../../kernel/assert.ts';
import type { Side, TableName } from '../../model/catalog.ts';
import type { Sequences } from '../../ports/sequences.ts';
import type { MysqlConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { quoteIdent, quoteTable } from './quote.ts';
import { isBehind, nextAfter, type Counter } from './sequence-values.ts';
import { parseType } from '../../model/mysql-type.ts';

const tablesAtOnce = 64;

/** Marks what Teal does to a table in the log: it is no change of its schema. */
export const counterMark = '/* teal */';

/** An AUTO_INCREMENT column with its counter, or a sequence of MariaDB. Of one that goes down, `next` and `max` have the other sign. */
export interface TableCounter extends TableName, Counter {
  /** Undefined for a sequence. */
  readonly column: string | undefined;
  readonly down: boolean;
}

/**
 * AUTO_INCREMENT of MySQL and MariaDB, and MariaDB's sequences, of all databases but the system's and Teal's: rows that are applied move a counter, numbers that were given and lost (a rollback, a
 * deleted row, a restart of the source with another increment) do not. Two queries a side, and one more for each 64 tables.
 */
export function mysqlSequences(sessions: Readonly<Record<Side, KeptSession>>, headroom: number): Sequences {
  const read = async (side: Side, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, TableCounter>> =>
    sessions[side].use(readCounters, signal);
  return {
    async handOver(from, to, signal) {
      const [source, target] = await Promise.all([read(from, signal), read(to, signal)]);
      const moves: { readonly counter: TableCounter; readonly next: bigint }[] = [];
      for (const [key, counter] of target) {
        const given = source.get(key);
        const next = given && nextAfter(given, counter, BigInt(headroom));
        if (next !== undefined) moves.push({ counter, next });
      }
      await sessions[to].use(async (connection) => {
        for (const { counter, next } of moves) await moveCounter(connection, counter, next);
      }, signal);
      return { sequences: target.size, moved: moves.length };
    },
    async behind(from, to, signal) {
      const [source, target] = await Promise.all([read(from, signal), read(to, signal)]);
      return [...target].filter(([key, counter]) => {
        const given = source.get(key);
        return given !== undefined && isBehind(given, counter);
      }).length;
    },
  };
}

/**
 * By `schema\0table`. The next number is the counter's, or the one after the greatest that is there: an UPDATE and a counter that a restart has lost (MariaDB before 10.2.4)
 * leave the counter behind its rows.
 */
export async function readCounters(connection: MysqlConnection): Promise<ReadonlyMap<string, TableCounter>> {
  // MySQL shows numbers of yesterday otherwise.
  if (connection.flavour === 'mysql') await connection.query('set session information_schema_stats_expiry = 0');
  const { rows } = await connection.query(
    `select t.table_schema as \`schema\`, t.table_name as name, c.column_name as \`column\`, c.column_type as type,
            coalesce(t.auto_increment, 1) as next
     from information_schema.columns c
     join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
     where c.extra like '%auto_increment%' and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
       and t.table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema', 'teal')`,
  );
  const found = rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    column: row['column'] ?? '',
    down: false,
    max: greatest(row['type'] ?? ''),
    next: BigInt(row['next'] ?? 1),
  }));
  const highest = await readHighest(connection, found);
  const counters = new Map<string, TableCounter>();
  for (const counter of found) {
    const key = keyOf(counter);
    const after = highest.get(key) ?? 0n;
    counters.set(key, { ...counter, next: after >= counter.next ? after + 1n : counter.next });
  }
  if (connection.flavour === 'mariadb') {
    for (const sequence of await readSequences(connection)) counters.set(keyOf(sequence), sequence);
  }
  return counters;
}

/** The next number is the first that is not in the server's memory: of those before it nobody knows which it has given. */
async function readSequences(connection: MysqlConnection): Promise<readonly TableCounter[]> {
  const names = await connection.query(
    `select table_schema as \`schema\`, table_name as name from information_schema.tables
     where table_type = 'SEQUENCE' and table_schema <> 'teal'`,
  );
  const found: TableCounter[] = [];
  for (const row of names.rows) {
    const sequence = { schema: row['schema'] ?? '', name: row['name'] ?? '' };
    const { rows } = await connection.query(
      `select next_not_cached_value as next, minimum_value as least, maximum_value as most, increment < 0 as down from ${quoteTable(sequence)}`,
    );
    const state = must(rows[0], 'the row of a sequence');
    const down = state['down'] === '1';
    const [next, most] = [BigInt(state['next'] ?? 1), BigInt(state[down ? 'least' : 'most'] ?? 1)];
    found.push({ ...sequence, column: undefined, down, next: down ? -next : next, max: down ? -most : most });
  }
  return found;
}

function keyOf({ schema, name }: TableName): string {
  return `${schema}\0${name}`;
}

async function readHighest(
  connection: MysqlConnection,
  tables: readonly (TableName & { readonly column: string })[],
): Promise<ReadonlyMap<string, bigint>> {
  const found = new Map<string, bigint>();
  for (let at = 0; at < tables.length; at += tablesAtOnce) {
    const some = tables.slice(at, at + tablesAtOnce);
    const each = some.map(
      (table, index) =>
        `select ${index} as place, cast(max(${quoteIdent(table.column)}) as char) as most from ${quoteTable(table)}`,
    );
    const { rows } = await connection.query(each.join('\nunion all\n'));
    for (const row of rows) {
      const most = row['most'] ?? null;
      if (most === null) continue;
      // Of a FLOAT or DOUBLE, digits and an exponent.
      const value = /^-?\d+$/.test(most) ? BigInt(most) : BigInt(Math.trunc(Number(most)));
      found.set(keyOf(must(some[Number(row['place'])], 'a table')), value);
    }
  }
  return found;
}

const bits: Readonly<Record<string, bigint>> = { tinyint: 8n, smallint: 16n, mediumint: 24n, int: 32n, bigint: 64n };

/** FLOAT and DOUBLE, which both families still allow, count exactly up to 2^24 and 2^53. */
function greatest(columnType: string): bigint {
  const { base, unsigned } = parseType(columnType);
  if (base === 'float') return 1n << 24n;
  const width = bits[base];
  if (width === undefined) return 1n << 53n;
  // The counter itself is 64 bits and keeps its last value for "no more".
  if (base === 'bigint' && unsigned) return (1n << width) - 2n;
  return (1n << (unsigned ? width : width - 1n)) - 1n;
}

/** Changes no row and makes no table anew, but waits for the transactions that use the table. InnoDB never takes less than its rows need, a sequence none that it has passed. */
export async function moveCounter(connection: MysqlConnection, counter: TableCounter, next: bigint): Promise<void> {
  const name = quoteTable(counter);
  if (counter.column === undefined) await connection.query(`do setval(${name}, ${counter.down ? -next : next}, 0)`);
  else await connection.query(`alter table ${name} auto_increment = ${next} ${counterMark}`);
}
