import { TealError } from '../../kernel/errors.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { SchemaForm } from '../../model/schema-form.ts';
import type { ChangeRecord } from '../../ports/change-source.ts';
import {
  artificialFlag,
  eventType,
  readEventHeader,
  type ChecksumAlgorithm,
  type EventHeader,
} from '../../wire/mysql/binlog/event.ts';
import { hasWholeImages, sliceWholeRows } from '../../wire/mysql/binlog/rows.ts';
import { BinlogReader, type BinlogEvent, type StopReason } from '../../wire/mysql/binlog/stream.ts';
import type { TableMap } from '../../wire/mysql/binlog/table-map.ts';
import {
  encodeBegin,
  encodeCommit,
  encodeMessage,
  encodeNames,
  encodeOrigin,
  encodeRow,
  encodeTable,
  encodeTruncate,
  type NamedTable,
  type OwnTypes,
} from './change-payload.ts';
import { notLogged, notTransactional, unread } from './binlog-refusals.ts';
import type { MysqlFlavour } from './connection.ts';
import { executedOf, type Executed, type TransactionName } from './executed.ts';
import { placeOfPosition, positionOfPlace, sequenceOfFile } from './position.ts';
import { readStatement, type LoggedStatement, type SchemaStatement } from './query-statement.ts';
import { tableNumber } from './table-number.ts';
import { mayBeOwnType, refuseUnnamed } from './values/from-binlog.ts';
import { originOfRow } from './origin-row.ts';

/** What is written there says who owns the data, whoever wrote it. */
const tealSchema = 'teal';
/** Of it, what a flow has to see; the rest is progress and changes with every transaction that Teal applies. */
const seenTealTables: ReadonlySet<string> = new Set(['cut', 'owner', 'heartbeat']);
/** Its row comes first in every transaction that Teal applies, and its key names the origin. */
const originTable = 'stream';

export interface RecordReaderOptions {
  readonly flavour: MysqlFlavour;
  /** What the session has agreed on. */
  readonly checksum: ChecksumAlgorithm;
  /** Where the stream begins: a boundary between transactions. */
  readonly from: Position;
  /** Whether transactions of this origin were applied by Teal; default: none was. */
  readonly isOwn?: (origin: string) => boolean;
  /** Tables whose changes are carried; default: all but those of the server itself. */
  readonly isWanted?: (table: TableName) => boolean;
  /** The server keeps names of tables in small letters, whatever a statement writes (lower_case_table_names). */
  readonly lowersNames?: boolean;
}

/** What the log does not tell and the server may: how these tables are. To be answered by `RecordReader.answer` before going on. */
export interface Question {
  readonly kind: 'question';
  readonly tables: readonly TableName[];
}

export interface Answer {
  /** Of those that are there. */
  readonly tables: readonly NamedTable[];
  readonly forms: readonly SchemaForm[];
}

const noAnswer: Answer = Object.freeze({ tables: [], forms: [] });

/** The transaction at hand. */
interface Group {
  readonly name: TransactionName | undefined;
  readonly committedAtUs: bigint;
  readonly number: number;
  /** A place just inside of it. */
  readonly commitsAt: Position;
  /** All of its tables can roll back, as far as its beginning tells: of a table that is made from a query its end tells alone. */
  readonly isTransactional: boolean;
  /** More than one statement: it ends by a commit. */
  isOpen: boolean;
  origin: string | undefined;
  isOwn: boolean;
  /** No row has come yet: the first may name the origin. */
  isFresh: boolean;
  /** Its beginning was handed out, and so its end must be. */
  isTold: boolean;
  hasWantedRows: boolean;
}

interface KnownTable {
  readonly name: TableName;
  readonly number: number;
  readonly use: 'wanted' | 'teal' | 'origin' | 'dropped';
}

const maxTables = 100_000;

/**
 * Says of each event of a binlog what a spool must know. Values are not decoded. A transaction is handed out as it comes, never gathered; one of which
 * nothing is wanted is not handed out at all: what it came to shows in `boundary`. Left out are the rows of tables that are not carried, and of
 * transactions that Teal applied itself, but for those of Teal's own tables that say who owns the data.
 *
 * It stops on what it must not pass over. Errors: TEAL-SYSTEMS-322 rows changed by a statement in the log, -323 the server lost events, -324 a form that
 * Teal does not read (XA and the like), -325 images or names of columns are missing, -326 a table that cannot roll back; TEAL-WIRE-001 to -003. Unusable
 * afterwards.
 */
export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #events: BinlogReader;
  /** By the server's number, which means one form of one table until the server starts anew. */
  readonly #tables = new Map<number, KnownTable>();
  /** Described on this stream, with the number that each description has. */
  readonly #described = new Map<number, string>();
  readonly #isRead = new Set<string>();
  #executed: Executed | undefined;
  #sequence: number;
  #offset: number;
  /** Where the event at hand ends. */
  #next: number;
  #boundary: Position;
  #group: Group | undefined;
  #answer: Answer = noAnswer;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
    this.#events = new BinlogReader({ checksum: options.checksum });
    const { sequence, offset, gtids } = placeOfPosition(options.from);
    this.#executed = gtids === undefined ? undefined : executedOf(options.flavour, gtids);
    this.#sequence = sequence;
    this.#offset = this.#next = offset;
    this.#boundary = options.from;
  }

  /** A part of a transaction was handed out, and its end was not. */
  get insideTransaction(): boolean {
    return this.#group?.isTold === true;
  }

  /** Everything that ends at or before it was handed out. Goes on between transactions only. */
  get boundary(): Position {
    return this.#boundary;
  }

  answer(answer: Answer): void {
    this.#answer = answer;
  }

  /** One whole event. What it yields are copies. A question is to be answered before the next is taken. */
  *read(bytes: Buffer): Generator<ChangeRecord | Question, void, void> {
    const header = readEventHeader(bytes);
    this.#next = this.#endOf(header);
    for (const event of this.#events.read(bytes)) yield* this.#take(event);
    this.#offset = this.#next;
    if (this.#group !== undefined) return;
    const here = this.#here();
    if (here > this.#boundary) this.#boundary = here;
  }

  /**
   * Its 32 bits, and what they lack of the place: nothing in a binlog is as long as half of what they span. Events that a server makes up are at no
   * place.
   */
  #endOf({ nextPosition, flags, type }: EventHeader): number {
    if (nextPosition === 0 || (flags & artificialFlag) !== 0 || type === eventType.rotate) return this.#offset;
    const span = 2 ** 32;
    const near = Math.floor(this.#offset / span) * span + nextPosition;
    if (near >= this.#offset) return near;
    // What comes from the head of a file when the stream begins further on.
    return this.#offset - near < span / 2 ? this.#offset : near + span;
  }

  #here(): Position {
    return positionOfPlace({ sequence: this.#sequence, offset: this.#next, gtids: this.#executed?.text });
  }

  *#take(event: BinlogEvent): Generator<ChangeRecord | Question, void, void> {
    switch (event.kind) {
      case 'format':
        this.#tables.clear();
        this.#refuseCut();
        return;
      case 'rotate':
        this.#turnTo(event.file, Number(event.position), event.isMadeUp);
        return;
      case 'gtid': {
        const { source, number } = event;
        this.#begin(event, { family: 'mysql', source, number }, number, event.committedAtUs, true, false);
        return;
      }
      case 'anonymousGtid':
        this.#begin(event, undefined, 0n, event.committedAtUs, true, false);
        return;
      case 'mariadbGtid': {
        const { gtid, isXa, isDdl, isTransactional, isStandalone } = event;
        if (isXa) throw unread('xa');
        this.#begin(
          event,
          { family: 'mariadb', gtid },
          gtid.sequence,
          undefined,
          isTransactional || isDdl,
          !isStandalone,
        );
        return;
      }
      case 'query':
        yield* this.#takeStatement(this.#statementOf(event.sql, event.schema));
        return;
      case 'tableMap':
        this.#takeMap(event.map);
        return;
      case 'rows':
        yield* this.#takeRows(event);
        return;
      case 'commit':
        yield* this.#end();
        return;
      case 'stop':
        this.#takeStop(event.reason, event.header.type);
        return;
      case 'previousGtids':
      case 'mariadbGtidList':
      case 'heartbeat':
      case 'passedOver':
        return;
      default:
        return event satisfies never;
    }
  }

  /** A server that was cut off in the middle of a transaction may have left a part of it: none that was handed out can be taken back. */
  #refuseCut(): void {
    if (this.insideTransaction) throw new TealError('TEAL-SYSTEMS-321', 'a transaction in the binlog has no end');
    this.#group = undefined;
  }

  /** The server tells at the beginning from where it reads: by GTID that is the head of a file, of which most may have been read before. */
  #turnTo(file: string, position: number, isMadeUp: boolean): void {
    const sequence = sequenceOfFile(file);
    if (isMadeUp && sequence === this.#sequence) return;
    this.#refuseCut();
    this.#sequence = sequence;
    this.#offset = this.#next = position;
  }

  #begin(
    { header }: BinlogEvent,
    name: TransactionName | undefined,
    number: bigint,
    committedAtUs: bigint | undefined,
    isTransactional: boolean,
    isOpen: boolean,
  ): void {
    if (this.#group !== undefined) throw new TealError('TEAL-WIRE-001', 'a transaction begins within another');
    const known = committedAtUs !== undefined && committedAtUs > 0n ? committedAtUs : undefined;
    this.#group = {
      name,
      committedAtUs: known ?? BigInt(header.timestamp) * 1_000_000n,
      number: Number(BigInt.asUintN(32, number)),
      commitsAt: positionOfPlace({ sequence: this.#sequence, offset: this.#offset + 1, gtids: undefined }),
      isTransactional,
      isOpen,
      origin: undefined,
      isOwn: false,
      isFresh: true,
      isTold: false,
      hasWantedRows: false,
    };
  }

  #current(): Group {
    if (this.#group === undefined) throw new TealError('TEAL-WIRE-001', 'a change outside of a transaction');
    return this.#group;
  }

  /** Before the first record of a transaction: its beginning, and who made it. */
  *#tell(): Generator<ChangeRecord, void, void> {
    const group = this.#current();
    if (group.isTold) return;
    group.isTold = true;
    const { committedAtUs, number, commitsAt, origin } = group;
    yield { kind: 'begin', payload: encodeBegin(committedAtUs, number, commitsAt) };
    if (origin !== undefined) yield { kind: 'change', payload: encodeOrigin(origin) };
  }

  *#end(): Generator<ChangeRecord, void, void> {
    const group = this.#current();
    this.#group = undefined;
    if (group.name !== undefined) this.#executed = this.#executed?.with(group.name);
    const end = this.#here();
    if (end <= this.#boundary) {
      throw new TealError('TEAL-SYSTEMS-321', 'the binlog of the source goes on before the place that was read to', {
        end,
      });
    }
    if (group.isTold) yield { kind: 'commit', end, payload: encodeCommit(end) };
  }

  #statementOf(sql: Buffer, schema: string): LoggedStatement {
    const read = readStatement(sql, schema);
    if (this.#options.lowersNames !== true) return read;
    const lower = (table: TableName): TableName => ({
      schema: table.schema.toLowerCase(),
      name: table.name.toLowerCase(),
    });
    switch (read.kind) {
      case 'truncate':
        return { ...read, table: lower(read.table) };
      case 'rows':
        return { ...read, table: read.table && lower(read.table) };
      case 'schema':
        return { ...read, tables: read.tables.map(lower) };
      default:
        return read;
    }
  }

  *#takeStatement(statement: LoggedStatement): Generator<ChangeRecord | Question, void, void> {
    const group = this.#current();
    switch (statement.kind) {
      case 'begin':
        group.isOpen = true;
        return;
      case 'savepoint':
        return;
      case 'commit':
      case 'rollback':
      case 'rollbackToSavepoint':
        // A transaction of tables that can all roll back ends by its number, and what was rolled back is not in the log.
        if (group.hasWantedRows) throw notTransactional();
        if (statement.kind !== 'rollbackToSavepoint') yield* this.#end();
        return;
      case 'xa':
        throw unread('xa');
      case 'rows':
        if (statement.table === undefined || this.#isWanted(statement.table)) {
          throw new TealError('TEAL-SYSTEMS-322', 'rows were changed by a statement that the binlog holds as such');
        }
        break;
      case 'truncate':
        if (this.#isWanted(statement.table)) yield* this.#takeTruncate(statement.table);
        break;
      case 'schema':
        yield* this.#takeSchema(statement);
        break;
      case 'xaRollback':
      case 'other':
        break;
      default:
        statement satisfies never;
    }
    if (!group.isOpen) yield* this.#end();
  }

  *#takeTruncate(table: TableName): Generator<ChangeRecord | Question, void, void> {
    const number = tableNumber(table);
    if (!this.#described.has(number)) {
      const { tables } = yield* this.#ask([table]);
      yield* this.#tell();
      this.#describe(number, table);
      yield this.#asSchema(table, encodeNames(number, tables[0] ?? { ...table, columns: [] }));
    }
    yield* this.#tell();
    yield { kind: 'change', payload: encodeTruncate(number) };
  }

  *#takeSchema(statement: SchemaStatement): Generator<ChangeRecord | Question, void, void> {
    const { command, objects, computesRows } = statement;
    const tables = statement.tables.filter((table) => this.#isWanted(table));
    // A database takes its tables with it, or brings none yet.
    if (tables.length === 0 && statement.tables.length > 0) return;
    if (objects.some((each) => each === `database ${tealSchema}`)) return;
    const { forms } = tables.length === 0 ? noAnswer : yield* this.#ask(tables);
    yield* this.#tell();
    const note = { command, objects, tables, forms, rewrote: computesRows };
    yield { kind: 'change', payload: encodeMessage(note) };
  }

  *#ask(tables: readonly TableName[]): Generator<Question, Answer, void> {
    this.#answer = noAnswer;
    yield { kind: 'question', tables };
    return this.#answer;
  }

  #takeMap(map: TableMap): void {
    if (this.#tables.has(map.tableId)) return;
    // Each ALTER TABLE makes a new number, and nobody tells which are of no use any more.
    if (this.#tables.size >= maxTables) this.#tables.clear();
    const name = { schema: map.schema, name: map.table };
    const number = tableNumber(name);
    this.#tables.set(map.tableId, { name, number, use: isSequence(map) ? 'dropped' : this.#useOf(name) });
    // Its form may be another than the one that was told.
    this.#isRead.delete(tableKey(name));
  }

  #useOf(table: TableName): KnownTable['use'] {
    if (table.schema === tealSchema) {
      if (table.name === originTable) return 'origin';
      return seenTealTables.has(table.name) ? 'teal' : 'dropped';
    }
    return this.#isWanted(table) ? 'wanted' : 'dropped';
  }

  #isWanted(table: TableName): boolean {
    if (systemSchemas.has(table.schema) || table.schema === tealSchema) return false;
    return this.#options.isWanted?.(table) ?? true;
  }

  *#takeRows({ rows, map }: Extract<BinlogEvent, { kind: 'rows' }>): Generator<ChangeRecord | Question, void, void> {
    const group = this.#current();
    const known = this.#tables.get(map.tableId);
    if (known === undefined) throw new TealError('TEAL-WIRE-001', 'rows of a table that was not described');
    if (known.use === 'origin' && group.isFresh) {
      group.origin = originOfRow(rows, map);
      group.isOwn = group.origin !== undefined && (this.#options.isOwn?.(group.origin) ?? false);
    }
    group.isFresh = false;
    const isTaken = known.use === 'teal' || (known.use === 'wanted' && !group.isOwn);
    if (!isTaken) return;
    if (known.use === 'wanted') {
      group.hasWantedRows = true;
      if (!group.isTransactional) throw notTransactional();
    }
    if (!hasWholeImages(rows))
      throw notLogged(known.name, 'the binlog holds parts of rows: binlog_row_image is not FULL');
    yield* this.#tell();
    const key = tableKey(known.name);
    if (!this.#isRead.has(key)) {
      refuseUnnamed(known.name, map.columns);
      const ownTypes = yield* this.#ownTypesOf(known.name, map);
      this.#describe(known.number, known.name);
      this.#isRead.add(key);
      yield this.#asSchema(known.name, encodeTable(known.number, map, ownTypes));
    }
    for (const row of sliceWholeRows(rows, map)) {
      yield { kind: 'change', payload: encodeRow(rows.operation, known.number, row, rows.isUnchecked) };
    }
  }

  /** Kept with the description, so that what was received can be read while the server is away, or is another one. */
  *#ownTypesOf(table: TableName, { columns }: TableMap): Generator<Question, OwnTypes | undefined, void> {
    if (this.#options.flavour !== 'mariadb' || !columns.some(mayBeOwnType)) return undefined;
    const { tables } = yield* this.#ask([table]);
    return tables[0]?.ownTypes;
  }

  #describe(number: number, table: TableName): void {
    const key = tableKey(table);
    const before = this.#described.get(number);
    if (before !== undefined && before !== key) {
      throw new TealError('TEAL-SYSTEMS-324', `tables ${before} and ${key} cannot be told apart in one stream`);
    }
    this.#described.set(number, key);
  }

  #asSchema(table: TableName, payload: Buffer): ChangeRecord {
    return { kind: 'schema', key: tableKey(table), payload };
  }

  #takeStop(reason: StopReason, type: number): void {
    // Variables of a statement that follows, and that says for itself what it is about.
    if (type === eventType.intvar || type === eventType.rand || type === eventType.userVariable) return;
    switch (reason) {
      case 'incident':
        throw new TealError('TEAL-SYSTEMS-323', 'the source lost events of its binlog, and says so in it');
      case 'statementFormat':
        throw new TealError('TEAL-SYSTEMS-322', 'rows were loaded by a statement that the binlog holds as such');
      default:
        throw unread(reason, type);
    }
  }
}

/** What servers keep for themselves. */
/** What a sequence of MariaDB is made of, which is a table of one row to its log: the cut hands its numbers over, and no row of it travels. */
const columnsOfSequence =
  'next_not_cached_value,minimum_value,maximum_value,start_value,increment,cache_size,cycle_option,cycle_count';

function isSequence({ columns }: TableMap): boolean {
  return columns.map(({ name }) => name).join(',') === columnsOfSequence;
}

const systemSchemas: ReadonlySet<string> = new Set(['mysql', 'sys', 'performance_schema', 'information_schema']);
