import { unreachable } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { ValuePacker, nullMark, type PackedValues, type Places } from '../../kernel/packed-values.ts';
import type { TableName } from '../../model/catalog.ts';
import type { Relation, StreamEvent } from '../../model/change.ts';
import type { ChangeDecoder } from '../../ports/change-source.ts';
import { fieldType } from '../../wire/mysql/binary-values.ts';
import { placeWholeRow } from '../../wire/mysql/binlog/rows.ts';
import type { BinlogColumn } from '../../wire/mysql/binlog/table-map.ts';
import {
  decodePayload,
  type ChangePayload,
  type LoggedTable,
  type NamedTable,
  type RowPayload,
} from './change-payload.ts';
import { cellTextOf, mostTextBytes, type CellText } from './values/cell-text.ts';
import { readerOf, type CellReader, type ColumnTypes } from './values/from-binlog.ts';
import { strictPolicy, unchanging, type ValuePolicy } from './values/policy.ts';

/** Whoever reads a row of Teal's own wants all of it. */
const tealSchema = 'teal';
/** A message of this name tells of a change of the schema. */
const ddlPrefix = 'teal.ddl';

export interface BinlogDecoderOptions {
  /** Default: what has no form is an error. It is one in any case where it would change what a row is known by. */
  readonly policy?: ValuePolicy;
  /** Whether values of a column are wanted; the others are not read, and the relation is without it. Default: all. */
  readonly carries?: (table: TableName, column: string) => boolean;
  /** What the log does not tell: see `values/from-binlog.ts`. Default: what the description of the table says. */
  readonly typeOf?: ColumnTypes;
  /** Columns of a table of which an update must tell the old values, beside those of its key: a foreign key that acts refers to them. Default: none. */
  readonly referenced?: (table: TableName) => readonly string[];
  /** An update that changes anything tells both rows whole. Default: false. */
  readonly isWhole?: boolean;
}

interface Known {
  readonly relation: Relation;
  /** Undefined for a table of which only names are known. */
  readonly rows: RowsReader | undefined;
}

/**
 * Records of a MySQL stream as events. Remembers tables: each change refers to the newest description that came before it. `relation` is the same object
 * for all changes until a new description replaces it. Values are canonical texts; an old row is whole, and comes with an update where the key, or what foreign keys
 * that act refer to, has changed, or there is no key: then the new row is whole, too. Of any other update what did not change is not sent. Errors: TEAL-WIRE-001, TEAL-SYNC-130 a value has no canonical text, TEAL-SYSTEMS-324 a table with a column that is carried
 * and cannot be read.
 */
export class BinlogDecoder implements ChangeDecoder {
  readonly #options: BinlogDecoderOptions;
  readonly #tables = new Map<number, Known>();
  readonly #packer = new ValuePacker();

  constructor(options: BinlogDecoderOptions = {}) {
    this.#options = options;
  }

  decode(payload: Buffer): StreamEvent | undefined {
    return this.#eventOf(decodePayload(payload));
  }

  #eventOf(record: ChangePayload): StreamEvent {
    switch (record.kind) {
      case 'insert':
      case 'update':
      case 'delete':
        return this.#rowOf(record);
      case 'begin': {
        const { number: xid, committedAtUs, commitsAt } = record;
        return { kind: 'begin', xid, committedAtUs, commitsAt };
      }
      case 'commit':
      case 'origin':
        return record;
      case 'table': {
        const { number, table } = record;
        const seen = (column: BinlogColumn): boolean => !isHidden(column) && this.#carries(table, column.name ?? '');
        return this.#describe(
          relationOf(number, table, seen),
          new RowsReader(table, this.#options, seen, this.#packer),
        );
      }
      case 'names':
        return this.#describe(this.#relationOfNames(record.number, record.table), undefined);
      case 'truncate': {
        const { relation } = this.#known(record.number);
        return { kind: 'truncate', relations: [relation], cascade: false, restartIdentity: true };
      }
      case 'message':
        return { kind: 'message', transactional: true, prefix: ddlPrefix, content: record.content };
      default:
        return unreachable(record, 'record of the stream');
    }
  }

  #carries(table: TableName, column: string): boolean {
    return this.#options.carries?.(table, column) ?? true;
  }

  #relationOfNames(id: number, table: NamedTable): Relation {
    return frozenRelation(id, { ...table, columns: table.columns.filter(({ name }) => this.#carries(table, name)) });
  }

  #describe(relation: Relation, rows: RowsReader | undefined): StreamEvent {
    this.#tables.set(relation.id, { relation, rows });
    return { kind: 'relation', relation };
  }

  #known(number: number): Known {
    const known = this.#tables.get(number);
    if (known === undefined)
      throw new TealError('TEAL-WIRE-001', 'a change of a table that was not described', { number });
    return known;
  }

  #rowOf({ kind, number, row, isUnchecked }: RowPayload): StreamEvent {
    const { relation, rows } = this.#known(number);
    if (rows === undefined) throw new TealError('TEAL-WIRE-001', 'a row of a table whose columns were not described');
    rows.take(kind, row);
    if (kind === 'insert') return { kind, relation, row: rows.after() };
    const unchecked = isUnchecked ? ({ isUnchecked } as const) : {};
    if (kind === 'delete') return { kind, relation, old: { kind: 'full', values: rows.before() }, ...unchecked };
    if (rows.isSameKey()) return { kind, relation, row: rows.changed(), ...unchecked };
    return { kind, relation, old: { kind: 'full', values: rows.before() }, row: rows.after(), ...unchecked };
  }
}

/** What MySQL keeps for an index on an expression: a column that no statement sees. */
function isHidden({ name }: BinlogColumn): boolean {
  return name?.startsWith('!hidden!') === true;
}

type IsSeen = (column: BinlogColumn) => boolean;

/** A column that is seen. */
interface ReadColumn {
  readonly at: number;
  readonly read: CellReader;
  /** How most of its cells are read: without anything of their own. */
  readonly text: CellText | undefined;
  /** It is sent also where nothing changed in it. */
  readonly isSent: boolean;
}

/** Reads rows of one form of one table, one at a time: `take` one, then ask what it was and is. */
class RowsReader {
  readonly #columns: readonly BinlogColumn[];
  readonly #read: readonly ReadColumn[];
  /** Columns of which a changed value must be told, too; undefined without a key. */
  readonly #told: readonly number[] | undefined;
  readonly #packer: ValuePacker;
  readonly #before: Places;
  readonly #after: Places;
  #row: Buffer = nothing;

  constructor(table: LoggedTable, options: BinlogDecoderOptions, isSeen: IsSeen, packer: ValuePacker) {
    const { policy = strictPolicy, typeOf = (_, column) => table.ownTypes?.[column] } = options;
    const { columns, primaryKey } = table;
    const policyAt = (at: number): ValuePolicy => (primaryKey?.includes(at) === false ? policy : unchanging(policy));
    const isSent = (column: BinlogColumn, at: number): boolean =>
      table.schema === tealSchema || mayBeSetByItself(column) || primaryKey?.includes(at) === true;
    this.#columns = columns;
    this.#packer = packer;
    this.#read = columns.flatMap((column, at) =>
      isSeen(column)
        ? [
            {
              at,
              read: readerOf(table, column, policyAt(at), typeOf),
              text: cellTextOf(column, policyAt(at)),
              isSent: isSent(column, at),
            },
          ]
        : [],
    );
    const referenced = new Set(options.referenced?.(table));
    const isTold = (name: string): boolean => options.isWhole === true || referenced.has(name);
    const others = columns.flatMap(({ name = '' }, at) => (isTold(name) ? [at] : []));
    this.#told = primaryKey === undefined ? undefined : [...new Set([...primaryKey, ...others])];
    this.#before = new Int32Array(2 * columns.length);
    this.#after = new Int32Array(2 * columns.length);
  }

  take(operation: RowPayload['kind'], row: Buffer): void {
    placeWholeRow(operation, this.#columns, row, this.#before, this.#after);
    this.#row = row;
  }

  before(): PackedValues {
    return this.#packed(this.#before, false);
  }

  after(): PackedValues {
    return this.#packed(this.#after, false);
  }

  /** What an update sets: least to send and to write where tables are wide. */
  changed(): PackedValues {
    return this.#packed(this.#after, true);
  }

  /** Whether the old row may stay unsaid. Without a key no two rows have the same. */
  isSameKey(): boolean {
    return this.#told?.every((at) => this.#isSame(at)) ?? false;
  }

  #packed(places: Places, isChangedOnly: boolean): PackedValues {
    const packer = this.#packer;
    packer.begin(this.#read.length, this.#row.length + mostTextBytes * this.#read.length);
    for (const column of this.#read) {
      const { at } = column;
      const from = places[2 * at] ?? nullMark;
      if (isChangedOnly && !column.isSent && this.#isSame(at)) packer.put(undefined);
      else if (from === nullMark) packer.put(null);
      else this.#pack(column, from, places[2 * at + 1] ?? from);
    }
    return packer.end();
  }

  #pack({ text, read }: ReadColumn, from: number, to: number): void {
    const packer = this.#packer;
    const end = text === undefined ? -1 : text(this.#row, from, to, packer.bytes, packer.at);
    if (end === -1) packer.put(read(this.#row.subarray(from, to)));
    else packer.wrote(end);
  }

  #isSame(at: number): boolean {
    const [from, other] = [this.#before[2 * at] ?? nullMark, this.#after[2 * at] ?? nullMark];
    if (from === nullMark || other === nullMark) return from === other;
    const length = (this.#before[2 * at + 1] ?? from) - from;
    if (length !== (this.#after[2 * at + 1] ?? other) - other) return false;
    if (length > shortBytes) return this.#row.compare(this.#row, from, from + length, other, other + length) === 0;
    for (let index = 0; index < length; index += 1) {
      if (this.#row[from + index] !== this.#row[other + index]) return false;
    }
    return true;
  }
}

const nothing = Buffer.alloc(0);
/** Up to so many a loop is faster than a call. */
const shortBytes = 32;

const moments: ReadonlySet<number> = new Set([
  fieldType.timestamp,
  fieldType.timestamp2,
  fieldType.datetime,
  fieldType.datetime2,
]);

/** A target may set such a column by itself (ON UPDATE CURRENT_TIMESTAMP) where a statement does not. */
function mayBeSetByItself({ type }: BinlogColumn): boolean {
  return moments.has(type);
}

function relationOf(id: number, { schema, name, columns, primaryKey }: LoggedTable, isSeen: IsSeen): Relation {
  const named = columns.map((column, at) => ({ column, key: primaryKey?.includes(at) ?? false }));
  const seen = named.filter(({ column }) => isSeen(column));
  return frozenRelation(id, {
    schema,
    name,
    columns: seen.map(({ column, key }) => ({ name: column.name ?? '', key })),
  });
}

/** Without a primary key a row is known by all that it holds. */
function frozenRelation(id: number, { schema, name, columns }: NamedTable): Relation {
  const hasKey = columns.some(({ key }) => key);
  return Object.freeze({
    id,
    schema,
    name,
    replicaIdentity: hasKey ? 'default' : 'full',
    columns: columns.map((column) => ({
      name: column.name,
      typeOid: 0,
      typeModifier: -1,
      key: hasKey ? column.key : true,
    })),
  } as const);
}
