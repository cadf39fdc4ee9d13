import { quoteTable } from '../quote.ts';
import type { AllRows, CatalogRows } from './catalog-sql.ts';
import { askRows, type Querier } from './querier.ts';

type Rule = CatalogRows['foreignKeyRules'];

/**
 * The actions of foreign keys that information_schema keeps from the account: MariaDB tells them only to one with more than SELECT. SHOW CREATE TABLE tells everybody who may read;
 * asked for each table that lacks them, none as a rule. Nothing is found of a key that was dropped since its columns were read.
 */
export async function readHiddenRules(querier: Querier, rows: KeyRows): Promise<readonly Rule[]> {
  const hidden = withoutRule(rows);
  const tables = new Map(hidden.map(({ db, tab }) => [JSON.stringify([db, tab]), { db, tab }]));
  const found: Rule[] = [];
  for (const { db, tab } of tables.values()) {
    const [row] = await askRows(querier, `show create table ${quoteTable({ schema: db, name: tab })}`);
    for (const rule of rulesOf(row?.['Create Table'] ?? '')) found.push({ db, tab, ...rule });
  }
  return found;
}

type KeyRows = Pick<AllRows, 'foreignKeyColumns' | 'foreignKeyRules'>;

/** Columns of foreign keys whose actions are not among the rules. */
export function withoutRule(rows: KeyRows): KeyRows['foreignKeyColumns'] {
  const keyOf = ({ db, tab, name }: Pick<Rule, 'db' | 'tab' | 'name'>): string => JSON.stringify([db, tab, name]);
  const told = new Set(rows.foreignKeyRules.map(keyOf));
  return rows.foreignKeyColumns.filter((column) => !told.has(keyOf(column)));
}

const action = 'RESTRICT|NO ACTION|CASCADE|SET NULL|SET DEFAULT';
const keyLine = new RegExp(
  `^\\s*CONSTRAINT \`((?:[^\`]|\`\`)+)\` FOREIGN KEY .*?(?: ON DELETE (${action}))?(?: ON UPDATE (${action}))?,?$`,
  'gm',
);

/** Pure: the foreign keys that a CREATE TABLE of the server spells out, each on a line of its own. */
export function rulesOf(createTable: string): readonly Pick<Rule, 'name' | 'on_delete' | 'on_update'>[] {
  return [...createTable.matchAll(keyLine)].map(([, name = '', onDelete = 'RESTRICT', onUpdate = 'RESTRICT']) => ({
    name: name.replaceAll('``', '`'),
    on_delete: onDelete,
    on_update: onUpdate,
  }));
}
