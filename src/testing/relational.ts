import type { TextValues } from '../ports/digester.ts';

/** A column as a contract needs one, whatever a system calls its type. */
export interface ShapedColumn {
  readonly name: string;
  /** `number`: whole, of 64 bits, and 10-digit ones in a `numbered` column. `text`: up to 200 characters of Unicode, of any kind but the one with the number 0. */
  readonly holds: 'number' | 'text';
  /** No two rows have the same value, NULL aside. */
  readonly unique?: true;
}

/** A table as a contract needs one. Any column that is not of the key may be NULL. */
export interface TableShape {
  readonly name: string;
  readonly columns: readonly ShapedColumn[];
  /** Names of columns; empty for a table in which nothing tells rows apart. */
  readonly key: readonly string[];
}

/** What a client writes. Rows are texts in the order of the shape's columns, null is NULL; a row that is meant is one that is equal in every letter. */
export type ClientWrite =
  | { readonly kind: 'insert'; readonly table: TableShape; readonly rows: readonly TextValues[] }
  /** Where several rows are the same, all of them. */
  | { readonly kind: 'update'; readonly table: TableShape; readonly from: TextValues; readonly to: TextValues }
  | { readonly kind: 'delete'; readonly table: TableShape; readonly row: TextValues }
  /** In one act, not row by row. */
  | { readonly kind: 'truncate'; readonly table: TableShape };

/** A client's transaction that has written and is open. */
export interface OpenTransaction {
  readonly commit: () => Promise<void>;
  readonly rollBack: () => Promise<void>;
}

/** One database of a system, as its clients see it. Contracts ask it for what is true, so it must not share code with what is under test beyond a connection. */
export interface ClientDatabase {
  /** As relations of the stream and tables of a catalog name it: of the tables that `make` makes. */
  readonly schema: string;
  /** Makes an empty table, with whatever the adapter demands of tables that it carries. */
  readonly make: (table: TableShape) => Promise<void>;
  /** One transaction, committed when it resolves. */
  readonly write: (...changes: readonly ClientWrite[]) => Promise<void>;
  /** The same on a session of its own, left open when it resolves. */
  readonly begin: (...changes: readonly ClientWrite[]) => Promise<OpenTransaction>;
  /** All rows that are committed now, in any order. */
  readonly rows: (table: TableShape) => Promise<readonly TextValues[]>;
}

export function insert(table: TableShape, ...rows: readonly TextValues[]): ClientWrite {
  return { kind: 'insert', table, rows };
}

export function update(table: TableShape, from: TextValues, to: TextValues): ClientWrite {
  return { kind: 'update', table, from, to };
}

export function remove(table: TableShape, row: TextValues): ClientWrite {
  return { kind: 'delete', table, row };
}

/** A table of the contracts: `id` number, `name` text, `amount` number. */
export const keyed: TableShape = Object.freeze({
  name: 'keyed',
  columns: [
    { name: 'id', holds: 'number' },
    { name: 'name', holds: 'text' },
    { name: 'amount', holds: 'number' },
  ],
  key: ['id'],
} as const);

/** The same columns, and nothing that tells rows apart. */
export const keyless: TableShape = Object.freeze({ ...keyed, name: 'keyless', key: [] });

/** Rows of `keyed` and `keyless` that systems, texts between them and people have mistaken for others. No two are equal. */
export const awkwardRows: readonly TextValues[] = Object.freeze([
  ['1', 'plain', '0'],
  ['2', null, null],
  ['3', '', '1'],
  ['4', ' ', '-1'],
  ['5', 'a', '9223372036854775807'],
  ['6', 'A', '-9223372036854775808'],
  ['7', 'a ', '9007199254740993'],
  ['8', ' a', null],
  ['9', 'NULL', '10'],
  ['10', '\\N', '11'],
  ['11', '\\', '12'],
  ['12', '\\\\', '13'],
  ['13', `it's "quoted" \`so\``, '14'],
  ['14', 'tab\tand\nline\r\nend', '15'],
  ['15', 'a,b(c){d}', '16'],
  ['16', 'é', '17'],
  ['17', 'e\u0301', '18'],
  ['18', '💧🟩', '19'],
  ['19', 'x'.repeat(200), '20'],
  ['20', '日本'.repeat(100), '21'],
  ['9223372036854775807', '%_$1:name?', '22'],
  ['-9223372036854775808', '\u001a\u0001\u007f', '23'],
] as const);

/** In one order, whatever order they came in: equal answers are equal multisets of rows. */
export function inOrder(rows: readonly TextValues[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** `count` rows of `keyed` and `keyless`, the first with the number `from`. */
export function plainRows(count: number, from = 1): readonly (readonly [string, string, string])[] {
  return Array.from({ length: count }, (_, place) => {
    const number = String(from + place);
    return [number, `row ${number} ${'.'.repeat(100)}`, number] as const;
  });
}
