/** What inspection asks of a connection: every value comes as PostgreSQL's text form, or null. */
export interface Querier {
  query(
    sql: string,
    params?: readonly unknown[],
  ): Promise<{
    readonly rows: readonly Readonly<Record<string, string | null>>[];
  }>;
}

/**
 * Runs one query whose rows come back as JSON made by the server, so that booleans, arrays and nested lists need no decoder here. Numbers that may pass
 * 2^53 must be cast to text in the query.
 */
export async function askRows<T>(querier: Querier, sql: string): Promise<readonly T[]> {
  const { rows } = await querier.query(`select row_to_json(item)::text as item from (${sql}) item`);
  return rows.map((row) => JSON.parse(row['item'] ?? 'null') as T);
}

/** The parts of one inspection, each a query of its own shape. */
export type Parts<T> = { readonly [P in keyof T]: string };
export type PartRows<T> = { readonly [P in keyof T]: readonly T[P][] };

/**
 * Runs many queries as one statement, hence on one snapshot of the catalog: DDL that commits meanwhile shows in all parts or in none.
 * `common` is a list of common table expressions that the parts may use.
 */
export async function askParts<T>(querier: Querier, parts: Parts<T>, common = ''): Promise<PartRows<T>> {
  const names = Object.keys(parts) as (keyof T & string)[];
  const selects = names.map(
    (name) => `select '${name}' as part, row_to_json(item)::text as item from (${parts[name]}) item`,
  );
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<keyof T & string, unknown[]>;
  const { rows } = await querier.query(`${common}\n${selects.join('\nunion all\n')}`);
  for (const row of rows) found[row['part'] as keyof T & string].push(JSON.parse(row['item'] ?? 'null'));
  return found as PartRows<T>;
}
