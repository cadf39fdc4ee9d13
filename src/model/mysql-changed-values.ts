import type { ChangedColumn } from './changed-values.ts';
import type { TableName } from './catalog.ts';

/** Which values of a column of MySQL or MariaDB are meant: each has its own question (see systems/mysql/changed-values.ts). */
export type MysqlChangedValues =
  | 'any'
  | 'not a truth value'
  | 'no date or an old one'
  | 'no moment'
  | 'no year'
  | 'no plain label';

interface Rule {
  readonly butFor: string | undefined;
  readonly found: MysqlChangedValues;
}

const faithful: ReadonlySet<string> = new Set([
  'tiny-integer',
  'small-integer',
  'unsigned-small-integer',
  'medium-integer',
  'integer',
  'unsigned-integer',
  'big-integer',
  'unsigned-big-counter',
  'unsigned-big-integer',
  'decimal',
  'unsigned-decimal',
  'char',
  'varchar',
  'text',
  'json-text',
  'varbinary',
  'blob',
]);

const most: Readonly<Record<string, Rule>> = {
  boolean: { butFor: 'neither 0 nor 1', found: 'not a truth value' },
  date: { butFor: 'dates that are none, and before 15 October 1582', found: 'no date or an old one' },
  datetime: { butFor: 'dates that are none, and before 15 October 1582', found: 'no date or an old one' },
  timestamp: { butFor: 'the date 0000-00-00', found: 'no moment' },
  year: { butFor: 'the year 0', found: 'no year' },
  enum: { butFor: 'without a label, or a label with a comma', found: 'no plain label' },
};

/**
 * Whether Debezium and its JDBC sink keep the values of a column, by the name of the rule that chose its type on PostgreSQL (mapping/type-rules.ts): undefined where they keep all; `any` where nobody
 * has looked, or none arrives. Years, labels and what none arrives of as seen with Debezium 3.5 and MySQL 8.0; of dates what PostgreSQL's do on this path (changed-values.ts), and those that are none.
 */
export function changedByRule(rule: string): Rule | undefined {
  if (faithful.has(rule)) return undefined;
  return most[rule] ?? { butFor: undefined, found: 'any' };
}

/** A column that may hold values which the path changes. */
export interface MysqlSuspect extends Omit<ChangedColumn, 'holds'>, TableName {
  readonly found: MysqlChangedValues;
}
