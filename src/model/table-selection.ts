import { tableKey, type TableName } from './catalog.ts';

/** Which tables a migration is about. Patterns are `schema.table`; `*` stands for any run of characters. */
export interface TableSelection {
  /** Default: every table. */
  readonly include?: readonly string[];
  /** Wins over `include`. */
  readonly exclude?: readonly string[];
}

export function tableMatches(table: TableName, pattern: string): boolean {
  return matchesPattern(tableKey(table), pattern);
}

export function matchesPattern(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}

export function isSelected(table: TableName, selection: TableSelection): boolean {
  const { include = ['*'], exclude = [] } = selection;
  return (
    include.some((pattern) => tableMatches(table, pattern)) && !exclude.some((pattern) => tableMatches(table, pattern))
  );
}
