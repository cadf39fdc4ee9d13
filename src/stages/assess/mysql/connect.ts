import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { ActingKey } from '../../../model/acting-keys.ts';
import { keyFindings, valueFindings, type ConnectValues } from '../checks/connect.ts';
import { countOf, finding, sqlTable, type Finding } from '../finding.ts';

/** A table of blue as a path by Kafka Connect sees it: what it is called on green, and what of its key does not travel. */
export interface ConnectTable extends TableName {
  readonly primaryKey?: readonly string[];
  readonly green: TableName;
  /** Columns that are called otherwise on green: `name → other`. */
  readonly renamed: readonly string[];
  /** Of the primary key, what a server computes. */
  readonly computedKey: readonly string[];
}

export interface MysqlConnectOptions extends ConnectValues {
  readonly tables: readonly ConnectTable[];
  /** Foreign keys whose doings are in no log. */
  readonly actingKeys: readonly ActingKey[];
}

/** Pure: what a path by Kafka Connect from MySQL or MariaDB into PostgreSQL cannot carry, and what it changes. */
export function checkMysqlConnect(options: MysqlConnectOptions): readonly Finding[] {
  const { tables, actingKeys } = options;
  return [
    ...keyFindings(tables, tableKey),
    ...computed(tables),
    ...names(tables),
    ...cascades(actingKeys),
    ...valueFindings(options),
  ];
}

function computed(tables: readonly ConnectTable[]): readonly Finding[] {
  return tables
    .filter(({ computedKey }) => computedKey.length > 0)
    .map((table) =>
      finding('ASSESS-CONNECT-COLUMN', {
        side: 'blue',
        object: tableKey(table),
        what: `${tableKey(table)} has generated columns in its primary key: ${table.computedKey.join(', ')}.`,
        why: 'Green computes them, so that the sink never gets them, and finds no row.',
        mend: '-- leave the table out and move it by a migration of its own, with the embedded carrier',
      }),
    );
}

function names(tables: readonly ConnectTable[]): readonly Finding[] {
  const others = tables.flatMap((table) => [
    ...(tableKey(table) === tableKey(table.green) ? [] : [`${tableKey(table)} → ${sqlTable(table.green)}`]),
    ...table.renamed.map((pair) => `${tableKey(table)}.${pair}`),
  ]);
  if (others.length === 0) return [];
  return [
    finding('ASSESS-CONNECT-NAMES', {
      side: 'green',
      object: others.join(', '),
      what: `${others.length} names of tables or columns are others on green than on blue.`,
      why: "Debezium's sink writes a row into the table and the columns that are called as those it comes from.",
      mend: '# leave `schemas` and `rename` out of `mapping`, or use the embedded carrier',
    }),
  ];
}

function cascades(actingKeys: readonly ActingKey[]): readonly Finding[] {
  if (actingKeys.length === 0) return [];
  const told = actingKeys.map(({ name, child }) => `${name} of ${tableKey(child)}`);
  return [
    finding('ASSESS-CONNECT-CASCADE', {
      side: 'blue',
      object: told.join(', '),
      what: `${countOf('foreign key', told)} that ${told.length === 1 ? 'changes or deletes' : 'change or delete'} rows by themselves.`,
      why: 'What they do is in no binlog: Debezium does not see it, and green would keep rows that blue has not. A comparison finds them, and no cut is made then.',
      mend: '# use the embedded carrier, which does on green what they do on blue; or make them ON DELETE RESTRICT',
    }),
  ];
}
