import { tableKey } from '../../../model/catalog.ts';
import type { TenantTables } from '../../../model/tenant-tables.ts';
import type { Querier } from '../inspect/querier.ts';
import { quoteIdent, quoteTable } from '../quote.ts';

/** More are not counted. */
const countedAtMost = 1_000;

/** Foreign keys of which rows of one tenant lead to rows of another, sentences. Reads the tables of each once; of keys that name the tenant on both ends there is nothing to look for. */
export async function rowsThatSpan(
  querier: Querier,
  { crossing }: Pick<TenantTables, 'crossing'>,
  by: string,
): Promise<readonly string[]> {
  const column = quoteIdent(by);
  const found: string[] = [];
  for (const { table, key } of crossing) {
    const on = key.columns.map(
      (name, at) => `c.${quoteIdent(name)} = p.${quoteIdent(key.referencedColumns[at] ?? name)}`,
    );
    const { rows } = await querier.query(
      `select count(*) as spanning from (select from ${quoteTable(table)} c join ${quoteTable(key.references)} p on ${on.join(' and ')}
       where c.${column}::pg_catalog.text is distinct from p.${column}::pg_catalog.text limit ${countedAtMost}) s`,
    );
    const spanning = Number(rows[0]?.['spanning']);
    if (spanning === 0) continue;
    const many = spanning === countedAtMost ? `${countedAtMost} or more` : String(spanning);
    found.push(
      `${many} rows of ${tableKey(table)} lead to rows of another tenant in ${tableKey(key.references)} (${key.name})`,
    );
  }
  return found;
}
