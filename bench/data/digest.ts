import type { RowDataPacket } from 'mysql2/promise';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { withClient } from '../../tools/servers/with-client.ts';
import { withSession } from '../mysql-pair.ts';

/** What a table holds, in a form that is the same on all systems for the same rows. */
export interface Digest {
  readonly rows: string;
  /** Sum of a hash of each row, of its values in their text form. */
  readonly sum: string;
}

export type Digests = Readonly<Record<string, Digest>>;

interface ColumnType {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Every table of a database, row by row. */
export async function digestsOfMysql(server: MysqlServer, database: string): Promise<Digests> {
  return withSession(server, async (session) => {
    await session.query(`set time_zone = '+00:00'`);
    const [columns] = await session.query<RowDataPacket[]>(
      `select table_name as t, column_name as c, data_type as d from information_schema.columns where table_schema = ? order by 1, ordinal_position`,
      [database],
    );
    const all = columns.map((row) => ({ table: String(row['t']), column: String(row['c']), type: String(row['d']) }));
    return digestsBy(all, async (table, texts) => {
      const [rows] = await session.query<RowDataPacket[]>(
        `select count(*) as n, coalesce(sum(cast(conv(left(md5(concat_ws('|', ${texts.map(mysqlText).join(', ')})), 12), 16, 10) as unsigned)), 0) as s from \`${database}\`.\`${table}\``,
      );
      return { rows: String(rows[0]?.['n']), sum: String(rows[0]?.['s']) };
    });
  });
}

/** Every table of a schema, as `digestsOfMysql` would tell the same rows. */
export async function digestsOfPostgres(url: string, schema: string): Promise<Digests> {
  return withClient(url, async (client) => {
    await client.query(`set time zone 'UTC'`);
    const { rows: columns } = await client.query<ColumnType>(
      `select table_name as "table", column_name as "column", data_type as type from information_schema.columns where table_schema = $1 order by 1, ordinal_position`,
      [schema],
    );
    return digestsBy(columns, async (table, texts) => {
      const { rows } = await client.query<{ n: string; s: string }>(
        `select count(*) as n, coalesce(sum(('x' || left(md5(concat_ws('|', ${texts.map(postgresText).join(', ')})), 12))::bit(48)::bigint), 0) as s from "${schema}"."${table}"`,
      );
      return { rows: rows[0]?.n ?? '', sum: rows[0]?.s ?? '' };
    });
  });
}

async function digestsBy(
  columns: readonly ColumnType[],
  digest: (table: string, columns: readonly ColumnType[]) => Promise<Digest>,
): Promise<Digests> {
  const found: Record<string, Digest> = {};
  for (const [table, some] of Map.groupBy(columns, (column) => column.table)) found[table] = await digest(table, some);
  return found;
}

function mysqlText({ column }: ColumnType): string {
  return `coalesce(cast(\`${column}\` as char), '~')`;
}

/** A moment in MySQL's form, with the digits that it has there; whoever made a timestamp with time zone of it has it in UTC. */
function postgresText({ column, type }: ColumnType): string {
  const text = type.startsWith('timestamp') ? `to_char("${column}", 'YYYY-MM-DD HH24:MI:SS')` : `"${column}"::text`;
  return `coalesce(${text}, '~')`;
}

/** Throws where a table of `wanted` is not there, or is another one; what else is there is not looked at. */
export function expectSame(wanted: Digests, found: Digests, who: string): void {
  for (const [table, { rows, sum }] of Object.entries(wanted)) {
    const there = found[table];
    if (there === undefined) throw new Error(`${who} has no table ${table}`);
    if (there.rows !== rows) throw new Error(`${who} has ${there.rows} rows of ${table}, not ${rows}`);
    if (there.sum !== sum) throw new Error(`${who} has other values in ${table}`);
  }
}
