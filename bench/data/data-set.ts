import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { execute, withClient } from '../../tools/servers/with-client.ts';

/** Tables and rows to be moved. The rows are the same in every run: nothing of them is drawn by chance. */
export interface DataSet {
  readonly name: string;
  readonly about: (scale: number) => string;
  /** Into an empty database. */
  readonly load: (database: Database, scale: number) => Promise<void>;
}

export type Database = Pick<PostgresServer, 'url' | 'major'>;

/** So many rows at scale 1. */
export function scaled(rows: number, scale: number): number {
  return Math.max(10, Math.round(rows * scale));
}

/** For people: `3 million`, `150 thousand`. */
export function countText(rows: number): string {
  if (rows >= 1e6) return `${Number((rows / 1e6).toPrecision(3))} million`;
  return rows >= 1e3 ? `${Number((rows / 1e3).toPrecision(3))} thousand` : String(rows);
}

export async function fillBySql(database: Database, statements: readonly string[]): Promise<void> {
  await execute(database.url, ['set synchronous_commit = off', ...statements, 'vacuum analyze']);
}

const systemSchemas = `('pg_catalog', 'information_schema', 'teal')`;

export interface Contents {
  /** By table, with its schema, those that hold rows themselves. */
  readonly rows: Readonly<Record<string, number>>;
  /** Of the tables with their TOAST, without indexes. */
  readonly bytes: number;
}

/** What a database holds, counted row by row. */
export async function contentsOf(url: string): Promise<Contents> {
  return withClient(url, async (client) => {
    const { rows: tables } = await client.query<{ name: string; bytes: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name, pg_table_size(c.oid) as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'r' and n.nspname not in ${systemSchemas} and n.nspname not like 'pg_toast%' order by 1`,
    );
    const rows: Record<string, number> = {};
    for (const { name } of tables) {
      const counted = await client.query<{ n: string }>(`select count(*) as n from ${name}`);
      rows[name] = Number(counted.rows[0]?.n);
    }
    return { rows, bytes: tables.reduce((sum, { bytes }) => sum + Number(bytes), 0) };
  });
}
