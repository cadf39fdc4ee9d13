import { assert, must } from '../../../kernel/assert.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { DigestTable, RowProbe } from '../../../ports/digester.ts';
import type { PgConnection } from '../connection.ts';
import { positionOfLsnText } from '../position.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { typeOf } from './repair.ts';

/** Single rows by key, each read in a transaction of its own. The connection is the caller's. */
export function postgresRowProbe(connection: PgConnection): RowProbe {
  return Object.freeze({
    row: async (table: DigestTable, key: readonly (string | null)[]) => {
      assert(
        table.key.length > 0 && key.length === table.key.length,
        'only a table with a key can be asked for one row',
        {
          table: tableKey(table),
        },
      );
      const columns = table.columns.map(({ name }, index) => `t.${quoteIdent(name)} as c${index}`);
      const same = table.key.map((name, index) => `t.${quoteIdent(name)} = $${index + 1}::${typeOf(table, name)}`);
      // The place and the writer of a row version: no change leaves both as they were.
      const { rows } = await connection.query(
        `select t.ctid::text || ' ' || t.xmin::text as version, ${columns.join(', ')} from only ${quoteTable(table)} t where ${same.join(' and ')}`,
        key,
      );
      const [row] = rows;
      if (row === undefined) return null;
      return {
        version: must(row['version'], 'the version of a row'),
        values: table.columns.map((_, index) => row[`c${index}`] ?? null),
      };
    },
    position: async () => {
      const { rows } = await connection.query('select pg_current_wal_insert_lsn()::text as lsn');
      return positionOfLsnText(must(rows[0]?.['lsn'], 'a log position'));
    },
  });
}
