import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { PackedValues } from '../../../kernel/packed-values.ts';
import type { Relation, StreamEvent } from '../../../model/change.ts';
import type { ChangeDecoder } from '../../../ports/change-source.ts';
import { BinlogDecoder, type BinlogDecoderOptions } from '../change-decoder.ts';
import { selectionOf, type Cell, type Selection } from '../values/from-select.ts';
import { strictPolicy, type ValuePolicy } from '../values/policy.ts';
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

/** One column of a row, where its cells stand: its value, and what tells of it what the value alone does not. */
interface ColumnReader {
  readonly name: string;
  readonly selection: Selection;
  readonly at: readonly number[];
}

class KnownTable {
  readonly relation: Relation;
  /** Cells of a row. */
  readonly #width: number;
  /** Of what is carried: a value of another column may have no form, and harms nobody. */
  readonly #readers: readonly ColumnReader[];
  /** Places among these of which a changed value must be told; undefined without a key. */
  readonly #told: readonly number[] | undefined;

  constructor(id: number, table: RecordedTable, options: RecordDecoderOptions) {
    const { schema, name, key } = table;
    const hasKey = key.length > 0;
    const all = readersOf(table, options.policy ?? strictPolicy);
    const readers = all.filter((reader) => options.carries?.(table, reader.name) ?? true);
    const told = new Set([...key, ...(options.referenced?.(table) ?? [])]);
    this.#width = all.reduce((sum, { at }) => sum + at.length, 0);
    this.#readers = readers;
    this.#told = hasKey ? readers.flatMap((reader, place) => (told.has(reader.name) ? [place] : [])) : undefined;
    this.relation = Object.freeze({
      id,
      schema,
      name,
      replicaIdentity: hasKey ? 'default' : 'full',
      columns: readers.map((reader) => ({
        name: reader.name,
        typeOid: 0,
        typeModifier: -1,
        key: !hasKey || key.includes(reader.name),
      })),
    } as const);
  }

  read({ operation, isUnchecked, before, after }: RecordedRow): StreamEvent {
    const { relation } = this;
    const unchecked = isUnchecked ? ({ isUnchecked } as const) : {};
    if (operation === 'insert' || operation === 'put') {
      return { kind: operation, relation, row: PackedValues.of(this.#cells(after)) };
    }
    const old = this.#cells(before);
    if (operation === 'delete') {
      return { kind: 'delete', relation, old: { kind: 'full', values: PackedValues.of(old) }, ...unchecked };
    }
    const now = this.#cells(after);
    const update = { kind: 'update', relation, row: PackedValues.of(now), ...unchecked } as const;
    return this.#isSameKey(old, now) ? update : { ...update, old: { kind: 'full', values: PackedValues.of(old) } };
  }

  #cells(row: readonly Cell[] | undefined): readonly Cell[] {
    const cells = must(row, 'a row of a recorded change');
    if (cells.length === this.#width) {
      return this.#readers.map(
        ({ selection, at }) => selection.canonical(at.map((place) => cells[place] ?? null))[0] ?? null,
      );
    }
    throw new TealError('TEAL-WIRE-001', 'a row with another number of values than its table has', {
      schema: this.relation.schema,
      table: this.relation.name,
    });
  }

  #isSameKey(old: readonly Cell[], now: readonly Cell[]): boolean {
    return this.#told?.every((place) => isSame(old[place] ?? null, now[place] ?? null)) ?? false;
  }
}

/** As a selection of all columns lays out its list: values first, then what some of them need beside. */
function readersOf({ columns, key, ...table }: RecordedTable, policy: ValuePolicy): readonly ColumnReader[] {
  let next = columns.length;
  return columns.map((column, place) => {
    const selection = selectionOf({ table, columns: [column], key }, policy);
    const hasMore = selection.list.length > 1;
    if (hasMore) next += 1;
    return { name: column.name, selection, at: hasMore ? [place, next - 1] : [place] };
  });
}

function isSame(a: Cell, b: Cell): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
