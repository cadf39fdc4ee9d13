import type { Sequence, TableName } from '../../../model/catalog.ts';
import { quoteTable, quoteLiteral } from '../quote.ts';
import { askRows, type Querier } from './querier.ts';

interface SequenceRow extends Readonly<Record<string, string>> {
  readonly db: string;
  readonly name: string;
  readonly min: string;
  readonly max: string;
  readonly step: string;
  readonly cached: string;
  readonly cycles: string;
}

/** MariaDB's sequences, in one query: each is a table of one row (manual: "CREATE SEQUENCE"). */
export async function readSequences(querier: Querier, names: readonly TableName[]): Promise<readonly Sequence[]> {
  if (names.length === 0) return [];
  const selects = names.map(
    (name) => `select ${quoteLiteral(name.schema)} as db, ${quoteLiteral(name.name)} as name, minimum_value as min,
      maximum_value as max, increment as step, cache_size as cached, cycle_option as cycles from ${quoteTable(name)}`,
  );
  const rows = await askRows<SequenceRow>(querier, selects.join('\nunion all\n'));
  return rows.map((row) => ({
    schema: row.db,
    name: row.name,
    type: 'bigint',
    increment: BigInt(row.step),
    min: BigInt(row.min),
    max: BigInt(row.max),
    cache: BigInt(row.cached),
    cycle: row.cycles === '1',
  }));
}
