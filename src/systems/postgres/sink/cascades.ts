import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { CascadeHands, KeyEffect, KeyValues } from '../../../ports/cascade.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import type { CatalogTable, TargetColumn } from './describe.ts';
import type { SinkAsk } from './steps.ts';
import type { Answer } from './target-session.ts';

/** What it needs of the sink's session: within the open transaction, refusals told as the sink tells them. */
export interface CascadeSession {
  run(asks: Iterable<SinkAsk>): Promise<readonly Answer<unknown>[]>;
  table(name: string): Promise<CatalogTable | undefined>;
}

interface Child {
  readonly name: TableName;
  readonly target: string;
  readonly table: CatalogTable;
}

/** What foreign keys of the source did, done where none act (`session_replication_role = replica`). A statement for each row that is referred to, all in one round trip. Tables are looked at once. */
export function cascadeHands(session: CascadeSession): CascadeHands {
  const known = new Map<string, Child | undefined>();
  const childOf = async (name: TableName): Promise<Child | undefined> => {
    const key = tableKey(name);
    if (!known.has(key)) known.set(key, await readChild(session, name));
    return known.get(key);
  };
  return {
    async find({ key, references }, columns) {
      const child = await childOf(key.child);
      if (child === undefined) return [];
      const list = columns.map((name) => `t.${columnOf(child, name).sqlName}`).join(', ');
      const sql = `SELECT ${list} FROM ${child.target} AS t WHERE ${conditionOf(child, key.columns, 0)}`;
      const answers = await session.run(mapped(references, (cells) => asked(sql, cells)));
      return answers.flatMap(({ rows }) =>
        rows.map((row) => row.map((text) => (text === null ? null : Buffer.from(text)))),
      );
    },
    async act(effect) {
      const child = await childOf(effect.key.child);
      if (child !== undefined) await session.run(asksOf(child, effect));
    },
  };
}

async function readChild(session: CascadeSession, name: TableName): Promise<Child | undefined> {
  const sqlName = quoteTable(name);
  const table = await session.table(sqlName);
  if (table === undefined) return undefined;
  // As in statements.ts: a plain table's own rows, of a partitioned one those of its leaves.
  return { name, target: table.kind === 'table' ? `ONLY ${sqlName}` : sqlName, table };
}

function columnOf(
  { name: table, table: { columns } }: Child,
  name: string,
): TargetColumn & { readonly sqlName: string } {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return { ...found, sqlName: quoteIdent(name) };
  throw new TealError('TEAL-SYNC-113', 'the target lacks a column that a foreign key of the source changes', {
    table: tableKey(table),
    column: name,
  });
}

function conditionOf(child: Child, columns: readonly string[], before: number): string {
  return columns
    .map((name, at) => {
      const { sqlName, equals, type } = columnOf(child, name);
      return `t.${sqlName} ${equals} $${before + at + 1}::${type}`;
    })
    .join(' AND ');
}

function asked(sql: string, cells: KeyValues): SinkAsk {
  return { kind: 'statement', sql, cells, owner: { what: 'cascade' } };
}

function* asksOf(child: Child, { key, references, becomes }: KeyEffect): Generator<SinkAsk, void, void> {
  if (becomes === undefined) {
    const sql = `DELETE FROM ${child.target} AS t WHERE ${conditionOf(child, key.columns, 0)}`;
    for (const cells of references) yield asked(sql, cells);
    return;
  }
  const sets = becomes.map((_, at) => {
    const { sqlName } = columnOf(child, must(key.columns[at], 'a column of the key'));
    return `${sqlName} = $${at + 1}`;
  });
  const condition = conditionOf(child, key.columns, becomes.length);
  const sql = `UPDATE ${child.target} AS t SET ${sets.join(', ')} WHERE ${condition}`;
  for (const cells of references) yield asked(sql, [...becomes, ...cells]);
}

function* mapped<From, To>(from: readonly From[], how: (each: From) => To): Generator<To, void, void> {
  for (const each of from) yield how(each);
}
