import type { MysqlConnection, MysqlRow } from '../connection.ts';

/** What inspection asks of a session: who the server is, and rows of text. */
export type Querier = Pick<MysqlConnection, 'flavour' | 'version' | 'query'>;

/** Rows whose columns are named in the query itself: MySQL writes names of information_schema in capitals, MariaDB as they were asked for. */
export async function askRows<Row extends MysqlRow>(
  querier: Querier,
  sql: string,
  parameters: readonly string[] = [],
): Promise<readonly Row[]> {
  return (await querier.query<Row>(sql, parameters)).rows;
}

/** `[10, 11, 14]` is at least `10, 6`. */
export function isAtLeast(version: Querier['version'], major: number, minor: number, patch = 0): boolean {
  const wanted = [major, minor, patch];
  for (const [place, number] of version.entries()) {
    if (number !== wanted[place]) return number > (wanted[place] ?? 0);
  }
  return true;
}

/** `?, ?, ?`. */
export function placeholders(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

export const systemDatabases = ['information_schema', 'mysql', 'performance_schema', 'sys'] as const;
export const tealDatabase = 'teal';
