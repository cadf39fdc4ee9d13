import type { TableName } from '../model/catalog.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';

/** A column by its place: `["shop","orders","id"]`. Names of columns have no case on the source. */
export function columnKey(table: TableName, column: string): string {
  return JSON.stringify([table.schema, table.name, column.toLowerCase()]);
}

/** Columns that foreign keys join, over any number of them: they must have one type and one collation on the target. */
export class ColumnLinks {
  readonly #parents = new Map<string, string>();

  constructor(catalog: Pick<MysqlCatalog, 'tables'>) {
    for (const table of catalog.tables)
      for (const key of table.foreignKeys)
        for (const [at, column] of key.columns.entries()) {
          const other = key.referencedColumns[at];
          if (other !== undefined) this.#join(columnKey(table, column), columnKey(key.references, other));
        }
  }

  /** One of the columns that are joined to this one: the same for all of them. */
  groupOf(key: string): string {
    let root = key;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) {
      const above = this.#parents.get(parent);
      // Each look makes the way shorter for the next.
      if (above !== undefined) this.#parents.set(root, above);
      root = parent;
    }
    return root;
  }

  #join(a: string, b: string): void {
    const [first, second] = [this.groupOf(a), this.groupOf(b)];
    if (first !== second) this.#parents.set(first, second);
  }
}
