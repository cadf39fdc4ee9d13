import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { rowsTable } from './names.ts';
import type { RecordedTable } from './payload.ts';
import { numbersOf, takeNumbers } from './runs.ts';

/** Changes that one transaction deletes. */
const changesAtOnce = 1_000;

/**
 * Forgets what ended at or before a place of the record. First its ticks are over, from when on nobody can read there; then, in small transactions, go the changes, and their runs with them: what is in no
 * run would be taken for new. Whatever is left of a run that ended early is found by the next. Each change is named by its number, so that no row of a transaction that is open is waited for.
 */
export async function forgetTicks(
  connection: MysqlConnection,
  tables: ReadonlyMap<number, RecordedTable>,
  upTo: bigint,
): Promise<boolean> {
  await connection.query('update teal.ticks set is_over = 1 where is_over = 0 and ends <= ?', [upTo]);
  const rows = await askRows(
    connection,
    `select r.first as first, r.last as last from teal.tick_runs r where r.tick in (select t.number from teal.ticks t where t.is_over = 1)
     order by r.tick, r.first limit ${changesAtOnce}`,
  );
  const runs = rows.map(({ first, last }) => ({ first: BigInt(first ?? 0), last: BigInt(last ?? 0) }));
  const { taken } = takeNumbers(runs, changesAtOnce);
  if (taken.length === 0) {
    await connection.query(
      'delete from teal.ticks where number < (select n from (select max(number) as n from teal.ticks where is_over = 1) as newest)',
    );
    return false;
  }
  const numbers = numbersOf(taken).join(', ');
  await connection.transaction(async () => {
    const found = await askRows(
      connection,
      `select distinct rel as rel from teal.changes where number in (${numbers})`,
    );
    for (const { rel } of found) {
      const table = tables.get(Number(rel));
      if (table !== undefined) await connection.query(`delete from ${rowsTable(table)} where number in (${numbers})`);
    }
    await connection.query(`delete from teal.changes where number in (${numbers})`);
    for (const run of runs) {
      const last = taken.findLast(({ first }) => first === run.first)?.last;
      if (last === undefined) continue;
      if (last === run.last) await connection.query('delete from teal.tick_runs where first = ?', [run.first]);
      else await connection.query('update teal.tick_runs set first = ? where first = ?', [last + 1n, run.first]);
    }
  });
  return true;
}
