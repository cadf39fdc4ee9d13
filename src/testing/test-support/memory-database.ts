import { EventEmitter } from 'node:events';
import { must } from '../../kernel/assert.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { TextValues } from '../../ports/digester.ts';
import type { ClientDatabase, ClientWrite, TableShape } from '../relational.ts';

/**
 * A database in memory: the good one that the kits' own tests wrap and break. Transactions are applied when they commit, which is enough for clients that do not meet.
 */
export interface MemoryDatabase extends ClientDatabase {
  readonly tables: Map<string, MemoryTable>;
  /** Tables of Teal's: rows by column, by what tells them apart. */
  readonly control: Map<string, Map<string, ReadonlyMap<string, string | null>>>;
  readonly log: Logged[];
  /** `logged` after each transaction. */
  readonly events: EventEmitter;
  /** Ends at the same place where nothing is logged. */
  readonly head: () => Position;
  readonly commit: (changes: readonly RowWrite[], begun?: number) => void;
}

export interface MemoryTable {
  readonly shape: TableShape;
  rows: readonly TextValues[];
}

/** One row at a time, as a log has them. */
export type RowWrite =
  | { readonly kind: 'insert'; readonly table: string; readonly row: TextValues }
  | { readonly kind: 'update'; readonly table: string; readonly old: TextValues; readonly row: TextValues }
  | { readonly kind: 'delete'; readonly table: string; readonly old: TextValues }
  | { readonly kind: 'truncate'; readonly table: string };

export interface Logged {
  readonly changes: readonly RowWrite[];
  /** Counts beginnings of transactions. */
  readonly begun: number;
  readonly rolledBack: boolean;
  readonly commitsAt: Position;
  readonly end: Position;
}

export function memoryPosition(number: number): Position {
  return asPosition(String(number).padStart(12, '0'));
}

const bytesPerEntry = 2_000;

export function memoryDatabase(): MemoryDatabase {
  const tables = new Map<string, MemoryTable>();
  const log: Logged[] = [];
  const events = new EventEmitter();
  let begun = 0;
  const head = (): Position => memoryPosition(log.length * bytesPerEntry);
  const append = (changes: readonly RowWrite[], began: number, rolledBack: boolean): void => {
    const end = (log.length + 1) * bytesPerEntry;
    log.push({ changes, begun: began, rolledBack, commitsAt: memoryPosition(end - 10), end: memoryPosition(end) });
    events.emit('logged');
  };
  const commit = (changes: readonly RowWrite[], began = (begun += 1)): void => {
    for (const change of changes) if (tables.has(change.table)) applyTo(tables, change);
    append(changes, began, false);
  };
  return {
    schema: 'memory',
    tables,
    control: new Map(),
    log,
    events,
    head,
    commit,
    make: async (shape) => void tables.set(shape.name, { shape, rows: [] }),
    write: async (...writes) => commit(writes.flatMap((write) => expand(tables, write))),
    begin: async (...writes) => {
      const began = (begun += 1);
      return {
        commit: async () =>
          commit(
            writes.flatMap((write) => expand(tables, write)),
            began,
          ),
        // As logs have it whose readers leave it out.
        rollBack: async () =>
          append(
            writes.flatMap((write) => expand(tables, write)),
            began,
            true,
          ),
      };
    },
    rows: async ({ name }) => tableOf(tables, name).rows,
  };
}

export function tableOf(tables: ReadonlyMap<string, MemoryTable>, name: string): MemoryTable {
  return must(tables.get(name), 'a table that was made', { table: name });
}

function expand(tables: ReadonlyMap<string, MemoryTable>, write: ClientWrite): readonly RowWrite[] {
  const table = write.table.name;
  const same = (row: TextValues): readonly TextValues[] =>
    tableOf(tables, table).rows.filter((each) => isSame(each, row));
  switch (write.kind) {
    case 'insert':
      return write.rows.map((row) => ({ kind: 'insert', table, row }));
    case 'update':
      return same(write.from).map((old) => ({ kind: 'update', table, old, row: write.to }));
    case 'delete':
      return same(write.row).map((old) => ({ kind: 'delete', table, old }));
    case 'truncate':
      return [{ kind: 'truncate', table }];
  }
}

function applyTo(tables: ReadonlyMap<string, MemoryTable>, change: RowWrite): void {
  const table = tableOf(tables, change.table);
  if (change.kind === 'insert') table.rows = [...table.rows, change.row];
  else if (change.kind === 'truncate') table.rows = [];
  else {
    const at = table.rows.findIndex((row) => isSame(row, change.old));
    table.rows = change.kind === 'update' ? table.rows.with(at, change.row) : table.rows.toSpliced(at, 1);
  }
}

export function isSame(one: TextValues, other: TextValues): boolean {
  return one.length === other.length && one.every((value, place) => value === other[place]);
}
