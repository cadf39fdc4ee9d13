import { carriedColumns, type Column, type Table } from '../../model/catalog.ts';
import { faithfulTo, type ChangedColumn, type ChangedValues, type Faithful } from '../../model/changed-values.ts';
import type { PgConnection } from './connection.ts';
import { quoteIdent, quoteTable } from './quote.ts';

const questions: Readonly<Record<ChangedValues, (column: string) => string>> = {
  // Through text: numeric has no infinity before 14, and the question must not depend on it.
  'not a number': (column) => `${column}::text in ('NaN', 'Infinity', '-Infinity', '-0')`,
  'of no fixed scale': (column) => `${column}::text ~ '^(NaN|-?Infinity|.*[.].*0)$'`,
  // Old days are read by a calendar of two parts there, and the microseconds of late ones do not fit.
  'out of the calendar': (column) =>
    `not isfinite(${column}) or ${column} < '1582-10-15' or ${column} >= '294247-01-01'`,
  'the end of the day': (column) => `${column} = '24:00'`,
  'not a plain list': (column) => `array_ndims(${column}) > 1 or array_lower(${column}, 1) <> 1`,
};

/** An enum travels as the text that it is written as, and a domain as what it is made of, over however many steps. */
const selectPlain = `
with recursive made (of, oid, modifier) as (
  select oid, oid, -1 from pg_type where typtype in ('d', 'e')
  union all
  select m.of, t.typbasetype, t.typtypmod from made m join pg_type t on t.oid = m.oid where t.typtype = 'd'
)
select format_type(m.of, null) as type, case t.typtype when 'e' then 'text' else format_type(m.oid, m.modifier) end as plain
from made m join pg_type t on t.oid = m.oid where t.typtype <> 'd'`;

interface Asked {
  readonly column: Column;
  readonly faithful: Exclude<Faithful, 'all'>;
}

/** Columns of which the path does not keep every value. Reads each table that has such columns once. */
export async function findChangedValues(
  connection: PgConnection,
  tables: readonly Table[],
): Promise<readonly ChangedColumn[]> {
  const { rows: made } = await connection.query(selectPlain);
  const plain = new Map(made.map(({ type, plain: of }) => [type ?? '', of ?? '']));
  const found: ChangedColumn[] = [];
  for (const table of tables) {
    const asked = carriedColumns(table).flatMap((column): readonly Asked[] => {
      const faithful = faithfulTo(plain.get(column.type) ?? column.type);
      return faithful === 'all' ? [] : [{ column, faithful }];
    });
    if (asked.length === 0 || table.kind !== 'table') continue;
    const { rows } = await connection.query(
      `select ${asked.map((each, index) => `coalesce(bool_or(${question(each)}), false) as c${index}`).join(', ')} from only ${quoteTable(table)}`,
    );
    const { schema, name } = table;
    found.push(
      ...asked.map(({ column, faithful }, index) => ({
        schema,
        name,
        column: column.name,
        type: column.type,
        butFor: faithful === 'unknown' ? undefined : faithful.butFor,
        holds: rows[0]?.[`c${index}`] === 't',
      })),
    );
  }
  return found;
}

function question({ column, faithful }: Asked): string {
  const name = quoteIdent(column.name);
  // A composite of which one part is NULL is not `is not null`.
  return faithful === 'unknown' ? `${name} is distinct from null` : questions[faithful.found](name);
}
