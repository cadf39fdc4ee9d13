import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { PackedValues } from '../../../kernel/packed-values.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { Relation, StreamEvent } from '../../../model/change.ts';
import type { ChangeDecoder } from '../../../ports/change-source.ts';
import { BinlogDecoder, type BinlogDecoderOptions } from '../change-decoder.ts';
import { selectionOf, type Cell, type Selection } from '../values/from-select.ts';
import { strictPolicy } from '../values/policy.ts';
import { decodeRecorded, type RecordedRow, type RecordedTable } from './payload.ts';

export type RecordDecoderOptions = Pick<BinlogDecoderOptions, 'policy' | 'carries' | 'referenced'>;

/**
 * Records of a stream of what triggers recorded as events. Values become canonical texts by what the copy reads rows with, so that both have one form of each. An old row is whole, and comes
 * with an update as from the binlog. Errors: those of `BinlogDecoder`.
 */
export class RecordDecoder implements ChangeDecoder {
  readonly #options: RecordDecoderOptions;
  /** Where a transaction begins and ends is said as the binlog's reader says it. */
  readonly #others = new BinlogDecoder();
  readonly #tables = new Map<number, KnownTable>();

  constructor(options: RecordDecoderOptions = {}) {
    this.#options = options;
  }

  decode(payload: Buffer): StreamEvent | undefined {
    const record = decodeRecorded(payload);
    if (record === undefined) return this.#others.decode(payload);
    if (record.kind === 'recorded row') return this.#known(record.number).read(record);
    const known = new KnownTable(record.number, record.table, this.#options);
    this.#tables.set(record.number, known);
    return { kind: 'relation', relation: known.relation };
  }

  #known(number: number): KnownTable {
    const known = this.#tables.get(number);
    if (known !== undefined) return known;
    throw new TealError('TEAL-WIRE-001', 'a change of a table that was not described', { number });
  }
}

class KnownTable {
  readonly relation: Relation;
  readonly #selection: Selection;
  /** Places of what is carried. */
  readonly #seen: readonly number[];
  /** Places of which a changed value must be told; undefined without a key. */
  readonly #told: readonly number[] | undefined;

  constructor(id: number, table: RecordedTable, options: RecordDecoderOptions) {
    const { schema, name, columns, key } = table;
    const hasKey = key.length > 0;
    this.#selection = selectionOf({ table, columns, key }, options.policy ?? strictPolicy);
    this.#seen = columns.flatMap((column, place) => (carries(options, table, column.name) ? [place] : []));
    const told = new Set([...key, ...(options.referenced?.(table) ?? [])]);
    this.#told = hasKey ? columns.flatMap((column, place) => (told.has(column.name) ? [place] : [])) : undefined;
    this.relation = Object.freeze({
      id,
      schema,
      name,
      replicaIdentity: hasKey ? 'default' : 'full',
      columns: this.#seen.map((place) => ({
        name: columns[place]?.name ?? '',
        typeOid: 0,
        typeModifier: -1,
        key: !hasKey || key.includes(columns[place]?.name ?? ''),
      })),
    } as const);
  }

  read({ operation, isUnchecked, before, after }: RecordedRow): StreamEvent {
    const { relation } = this;
    const unchecked = isUnchecked ? ({ isUnchecked } as const) : {};
    if (operation === 'insert') return { kind: 'insert', relation, row: this.#values(this.#cells(after)) };
    const old = this.#cells(before);
    if (operation === 'delete') {
      return { kind: 'delete', relation, old: { kind: 'full', values: this.#values(old) }, ...unchecked };
    }
    const now = this.#cells(after);
    const update = { kind: 'update', relation, row: this.#values(now), ...unchecked } as const;
    return this.#isSameKey(old, now) ? update : { ...update, old: { kind: 'full', values: this.#values(old) } };
  }

  #cells(row: readonly Cell[] | undefined): readonly Cell[] {
    const cells = must(row, 'a row of a recorded change');
    if (cells.length === this.#selection.list.length) return this.#selection.canonical(cells);
    throw new TealError('TEAL-WIRE-001', 'a row with another number of values than its table has', {
      schema: this.relation.schema,
      table: this.relation.name,
    });
  }

  #values(cells: readonly Cell[]): PackedValues {
    return PackedValues.of(this.#seen.map((place) => cells[place] ?? null));
  }

  #isSameKey(old: readonly Cell[], now: readonly Cell[]): boolean {
    return this.#told?.every((place) => isSame(old[place] ?? null, now[place] ?? null)) ?? false;
  }
}

function isSame(a: Cell, b: Cell): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function carries({ carries: asked }: RecordDecoderOptions, table: TableName, column: string): boolean {
  return asked?.(table, column) ?? true;
}
