import type { DigestTable, TextValues } from '../ports/digester.ts';

/** A row's key by column; all columns where the table has no key. NULL is null. It holds values: never for a log or the journal. */
export type KeyRecord = Readonly<Record<string, string | null>>;

export function keyRecord(table: DigestTable, values: TextValues): KeyRecord {
  const names = table.key.length === 0 ? table.columns.map(({ name }) => name) : table.key;
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
}
