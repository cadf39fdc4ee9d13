import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { CascadeHands, KeyEffect, KeyValues } from '../../../ports/cascade.ts';
import type { MysqlConnection } from '../connection.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { selectionOf } from '../values/from-select.ts';
import { familyPolicy } from '../values/policy.ts';
import { columnWriter, literalOf, type ColumnWriter } from '../values/to-sql.ts';
import { readServerTable, unfitTable, type ServerTable } from './describe.ts';
import { refusalOf } from './refusals.ts';
import type { SinkStatement } from './statements.ts';

/** Rows that one statement looks for. */
const referencesAtOnce = 64;

interface Child {
  readonly name: TableName;
  readonly sqlName: string;
  readonly table: ServerTable;
}

/** What foreign keys of the source did, done on a session with `foreign_key_checks` off. Tables are looked at once. */
export function cascadeHands(connection: MysqlConnection): CascadeHands {
  const known = new Map<string, Child | undefined>();
  const childOf = async (name: TableName): Promise<Child | undefined> => {
    const key = tableKey(name);
    if (!known.has(key)) known.set(key, await readChild(connection, name));
    return known.get(key);
  };
  return {
    async find({ key, references }, columns) {
      const child = await childOf(key.child);
      if (child === undefined) return [];
      const selection = selectionOf(
        {
          table: child.name,
          columns: columns.map((name) => columnOf(child, name)),
          key: undefined,
        },
        familyPolicy,
      );
      const found: KeyValues[] = [];
      for (const condition of conditionsOf(child, key.columns, references)) {
        const sql = `select ${selection.list.join(', ')} from ${child.sqlName} where ${condition}`;
        await refused({ sql, what: 'cascade' }, async () => {
          // What the session gives are views of what it read.
          for await (const row of connection.rows(sql)) found.push(selection.canonical(row).map(copied));
        });
      }
      return found;
    },
    async act(effect) {
      const child = await childOf(effect.key.child);
      if (child === undefined) return;
      for (const sql of statementsOf(child, effect)) {
        await refused({ sql, what: 'cascade' }, async () => connection.query(sql));
      }
    },
  };
}

async function readChild(connection: MysqlConnection, name: TableName): Promise<Child | undefined> {
  const table = await readServerTable(connection, name);
  if (table === undefined) return undefined;
  const unfit = unfitTable(tableKey(name), table);
  if (unfit !== undefined) throw new TealError('TEAL-SYNC-113', unfit, { table: tableKey(name) });
  return { name, sqlName: quoteTable(name), table };
}

async function refused<T>(statement: SinkStatement, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refusalOf(error, statement);
  }
}

function copied(cell: Buffer | null): Buffer | null {
  return cell === null ? null : Buffer.from(cell);
}

function columnOf({ name: table, table: { columns } }: Child, name: string): ServerTable['columns'][number] {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw new TealError('TEAL-SYNC-113', 'the target lacks a column that a foreign key of the source changes', {
    table: tableKey(table),
    column: name,
  });
}

function writerOf(child: Child, name: string): ColumnWriter {
  return columnWriter({ table: child.name, name, type: columnOf(child, name).type });
}

function* conditionsOf(
  child: Child,
  columns: readonly string[],
  references: readonly KeyValues[],
): Generator<string, void, void> {
  const writers = columns.map((name) => ({ sqlName: quoteIdent(name), writer: writerOf(child, name) }));
  const one = (values: KeyValues): string =>
    writers
      .map(({ sqlName, writer }, at) => writer.equals(sqlName, must(values[at], 'a value that something refers to')))
      .join(' and ');
  for (let at = 0; at < references.length; at += referencesAtOnce) {
    const some = references.slice(at, at + referencesAtOnce).map(one);
    yield some.length === 1 ? (some[0] ?? '') : some.map((each) => `(${each})`).join(' or ');
  }
}

/**
 * Columns that become the time of an UPDATE by themselves keep what they hold, which they do where they are set: a foreign key of InnoDB does not touch them.
 */
function* statementsOf(child: Child, { key, references, becomes }: KeyEffect): Generator<string, void, void> {
  const sets = becomes?.map((value, at) => {
    const name = must(key.columns[at], 'a column of the key');
    return `${quoteIdent(name)} = ${literalOf(writerOf(child, name), value)}`;
  });
  const kept = child.table.columns
    .filter(({ name, setOnUpdate }) => setOnUpdate && !key.columns.includes(name))
    .map(({ name }) => `${quoteIdent(name)} = ${quoteIdent(name)}`);
  for (const condition of conditionsOf(child, key.columns, references)) {
    yield sets === undefined
      ? `delete from ${child.sqlName} where ${condition}`
      : `update ${child.sqlName} set ${[...kept, ...sets].join(', ')} where ${condition}`;
  }
}
