import { must, unreachable } from '../../kernel/assert.ts';
import { PackedValues } from '../../kernel/packed-values.ts';
import type { ActingKey } from '../../model/acting-keys.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { DeleteChange, Relation, RowChange, RowValues, StreamEvent, UpdateChange } from '../../model/change.ts';
import type { Cell } from './values/from-select.ts';

export interface WindowRowsOptions {
  /** Foreign keys that change rows by themselves, of which the log says nothing. Default: none. */
  readonly keys?: readonly ActingKey[];
  /** Rows that are kept in memory; default 100 000. */
  readonly mostRows?: number;
  /** Of their values; default 64 MiB. */
  readonly mostBytes?: number;
}

/** Why what a window holds cannot be made good; a clause about the table. */
export interface Obstacle {
  readonly table: TableName;
  readonly why: string;
}

/** A table in the columns that are read of it. */
export interface WindowView {
  /** Whether a transaction of the window wrote the row with this key. Then what a snapshot shows of it may be of before or after. */
  isTouched(cells: readonly Cell[]): boolean;
  /** The touched rows that are there at the end of the window. */
  readonly rows: readonly (readonly Cell[])[];
}

interface TouchedTable {
  readonly relation: Relation;
  /** Places of the primary key. */
  readonly key: readonly number[];
  /** By key: the row as the last change left it; null when it is gone. */
  readonly rows: Map<string, readonly Cell[] | null>;
}

const defaultMostRows = 100_000;
const defaultMostBytes = 64 << 20;

/**
 * What the transactions between two places of a log made of rows. A snapshot that has all before the first place, nothing behind the second and anything of what lies between becomes exactly what was there at
 * the second: rows whose key was touched give way to how the last change left them, for the log has whole rows; of all others nothing lies between. A key that moved is two touched keys.
 */
export class WindowRows {
  readonly #keys: readonly ActingKey[];
  readonly #mostRows: number;
  readonly #mostBytes: number;
  readonly #tables = new Map<string, TouchedTable>();
  #count = 0;
  #bytes = 0;

  constructor({ keys = [], mostRows = defaultMostRows, mostBytes = defaultMostBytes }: WindowRowsOptions = {}) {
    this.#keys = keys;
    this.#mostRows = mostRows;
    this.#mostBytes = mostBytes;
  }

  /** How many keys were touched. */
  get size(): number {
    return [...this.#tables.values()].reduce((sum, { rows }) => sum + rows.size, 0);
  }

  /** In the order of the log; updates that changed anything with the whole row before and after. An obstacle: this window is of no use. */
  take(event: StreamEvent): Obstacle | undefined {
    switch (event.kind) {
      case 'insert':
      case 'update':
      case 'delete':
        return this.#takeRow(event);
      case 'truncate':
        return { table: must(event.relations[0], 'a table that was emptied'), why: 'it was emptied' };
      case 'put':
      case 'begin':
      case 'origin':
      case 'relation':
      case 'message':
      case 'commit':
        return undefined;
      default:
        return unreachable(event, 'event of a log');
    }
  }

  /** Undefined for a table of which nothing was touched. `columns` have the whole primary key among them. */
  viewOf(table: TableName, columns: readonly string[]): WindowView | undefined {
    const touched = this.#tables.get(tableKey(table));
    if (touched === undefined) return undefined;
    const { relation, key, rows } = touched;
    const placeOf = (names: readonly string[], name: string): number => {
      const place = names.indexOf(name);
      return must(place === -1 ? undefined : place, 'a column of a table with changes', {
        table: tableKey(table),
        column: name,
      });
    };
    const logged = relation.columns.map(({ name }) => name);
    const places = columns.map((name) => placeOf(logged, name));
    const keyPlaces = key.map((place) => placeOf(columns, must(logged[place], 'a column of the key')));
    const left = [...rows.values()].filter((row) => row !== null);
    return {
      isTouched: (cells) => rows.has(keyText(keyPlaces.map((place) => cells[place]))),
      rows: left.map((row) => places.map((place) => row[place] ?? null)),
    };
  }

  #takeRow(change: Exclude<RowChange, { kind: 'put' }>): Obstacle | undefined {
    const { relation } = change;
    if (relation.replicaIdentity === 'full') return { table: relation, why: 'it has no primary key' };
    if (change.kind !== 'insert' && reaches(this.#keys, change)) {
      return { table: relation, why: 'a foreign key carried a change of it on, of which the log says nothing' };
    }
    const table = this.#tableOf(relation);
    if (table === undefined) return { table: relation, why: 'its columns were changed' };
    if (change.kind !== 'insert') {
      // An update without the old row changed nothing.
      if (change.old === undefined) return undefined;
      this.#note(table, change.old.values, null);
    }
    if (change.kind !== 'delete') {
      this.#note(table, change.row, PackedValues.of(change.row.toArray()).toArray().map(sent));
      this.#bytes += change.row.byteLength;
    }
    this.#count += 1;
    if (this.#count <= this.#mostRows && this.#bytes <= this.#mostBytes) return undefined;
    return { table: relation, why: 'more rows of it were written at once than are kept in memory' };
  }

  #note({ key, rows }: TouchedTable, values: RowValues, left: readonly Cell[] | null): void {
    rows.set(keyText(key.map((place) => values.at(place))), left);
  }

  /** Undefined where what was kept is of other columns. */
  #tableOf(relation: Relation): TouchedTable | undefined {
    const name = tableKey(relation);
    const known = this.#tables.get(name);
    if (known === undefined) {
      const key = relation.columns.flatMap((column, place) => (column.key ? [place] : []));
      const table = { relation, key, rows: new Map<string, readonly Cell[] | null>() };
      this.#tables.set(name, table);
      return table;
    }
    return known.relation === relation || formOf(known.relation) === formOf(relation) ? known : undefined;
  }
}

function formOf({ columns }: Relation): string {
  return JSON.stringify(columns.map(({ name, key }) => [name, key]));
}

function sent(value: Buffer | null | undefined): Cell {
  return must(value === undefined ? undefined : { value }, 'a whole row of the log').value;
}

/** No two keys have one text: each value with its length before it. No column of a primary key is NULL. */
function keyText(values: readonly (Buffer | null | undefined)[]): string {
  return values
    .map((value) => must(value ?? undefined, 'a value of a key').toString('latin1'))
    .map((text) => `${text.length}:${text}`)
    .join('');
}

/** Whether a foreign key acts on this change. */
function reaches(keys: readonly ActingKey[], change: UpdateChange | DeleteChange): boolean {
  if (change.isUnchecked === true) return false;
  const { relation } = change;
  const name = tableKey(relation);
  return keys.some(({ parent, onDelete, onUpdate, referencedColumns }) => {
    if (tableKey(parent) !== name) return false;
    if (change.kind === 'delete') return onDelete !== 'none';
    const { old, row } = change;
    if (onUpdate === 'none' || old === undefined) return false;
    const places = referencedColumns.map((column) => relation.columns.findIndex((each) => each.name === column));
    const isSame = (place: number): boolean =>
      row.hasSame(place, old.values) || (row.isNull(place) && old.values.isNull(place));
    return places.some((place) => place === -1 || !isSame(place));
  });
}
