import { tableKey, type TableName } from '../model/catalog.ts';

export const ddlPrefix = 'teal.ddl';

/** A change of the schema as its source told it: the command's tag (`ALTER TABLE`) and the tables that it touched. */
export interface DdlNote {
  readonly command: string;
  /** As `schema.name`. */
  readonly tables: readonly string[];
}

/**
 * Reads a `teal.ddl` message: JSON `{command, objects, tables}`, where tables are texts `schema.name` or objects `{schema, name}`. The message only tells *that*
 * something changed; whether the target fits is asked of its catalog when the table's new columns come. Undefined for what cannot be read: a note is
 * never a reason to stop, the columns are.
 */
export function readDdlNote(content: Buffer): DdlNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { command, tables } = value as { command?: unknown; tables?: unknown };
  if (typeof command !== 'string') return undefined;
  return { command, tables: Array.isArray(tables) ? tables.flatMap((table) => tableText(table) ?? []) : [] };
}

function tableText(table: unknown): string | undefined {
  if (typeof table === 'string') return table;
  if (typeof table !== 'object' || table === null) return undefined;
  const { schema, name } = table as Partial<TableName>;
  return typeof schema === 'string' && typeof name === 'string' ? tableKey({ schema, name }) : undefined;
}
