import { BodyReader, malformed } from '../body.ts';
import { inflateMariadb, readTransactionPayload } from './compression.ts';
import {
  artificialFlag,
  eventType,
  ignorableFlag,
  readEvent,
  readEventHeader,
  readFormatDescription,
  type ChecksumAlgorithm,
  type EventHeader,
  type FormatDescription,
  type RawEvent,
} from './event.ts';
import { decodeGtidSet, printUuid, type GtidSet } from './gtid-set.ts';
import type { MariadbGtid } from './mariadb-position.ts';
import { isRows, readRowsHead, type RowsHead } from './rows.ts';
import { readTableMap, type TableMap } from './table-map.ts';

/** One event, understood. What a stream must not pass over is `stop`, with the reason. */
export type BinlogEvent = { readonly header: EventHeader } & BinlogEventBody;

export type BinlogEventBody =
  | { readonly kind: 'format'; readonly format: FormatDescription }
  /** `made up`: sent at the beginning of a stream and after an end of file, and not a place in any file. */
  | { readonly kind: 'rotate'; readonly file: string; readonly position: bigint; readonly isMadeUp: boolean }
  /** `committedAtUs`: on the server whose log this is, in microseconds since 1970; undefined where it is not told (before MySQL 8). */
  | {
      readonly kind: 'gtid';
      readonly source: string;
      readonly number: bigint;
      readonly committedAtUs: bigint | undefined;
    }
  /** A transaction of a server without GTIDs. */
  | { readonly kind: 'anonymousGtid'; readonly committedAtUs: bigint | undefined }
  | {
      readonly kind: 'mariadbGtid';
      readonly gtid: MariadbGtid;
      /** A statement alone, such as DDL: no COMMIT follows. */
      readonly isStandalone: boolean;
      readonly isDdl: boolean;
      /** All of its tables can roll back. */
      readonly isTransactional: boolean;
      /** A transaction that was prepared (XA), or what ends one. */
      readonly isXa: boolean;
    }
  | { readonly kind: 'previousGtids'; readonly set: GtidSet }
  | { readonly kind: 'mariadbGtidList'; readonly last: readonly MariadbGtid[] }
  /** BEGIN, COMMIT, ROLLBACK, DDL, and what was logged as a statement. In the character set of the session. */
  | { readonly kind: 'query'; readonly schema: string; readonly sql: Buffer; readonly threadId: number }
  | { readonly kind: 'commit'; readonly xid: bigint }
  | { readonly kind: 'tableMap'; readonly map: TableMap }
  | { readonly kind: 'rows'; readonly rows: RowsHead; readonly map: TableMap }
  | { readonly kind: 'heartbeat' }
  /** Comments of the log: the statement that made rows, checkpoints, what may be passed over. */
  | { readonly kind: 'passedOver' }
  | { readonly kind: 'stop'; readonly reason: StopReason };

export type StopReason =
  /** The server lost events: what follows is not a continuation. */
  | 'incident'
  /** Logged by `binlog_row_value_options`: parts of JSON, which need the row they change. */
  | 'partialRows'
  /** Statements of LOAD DATA, variables of statements: binlog_format is not ROW. */
  | 'statementFormat'
  | 'xa'
  | 'encrypted'
  | 'taggedGtid'
  | 'unknownEvent';

export interface BinlogReaderOptions {
  /** What the client has told the server before (`set @source_binlog_checksum`); from the first FORMAT_DESCRIPTION on it is what that says. */
  readonly checksum: ChecksumAlgorithm;
  /** Of what comes out of one compressed event. Default 1 GiB, the longest transaction's part that servers make. */
  readonly limitBytes?: number;
}

/**
 * Reads the events of one stream or file, one after the other. It keeps the format that the last FORMAT_DESCRIPTION told, and the tables of the statement at
 * hand. Throws TEAL-WIRE-001 for a malformed event, -002 above the limit, -003 for another checksum; unusable afterwards.
 */
export class BinlogReader {
  #checksum: ChecksumAlgorithm;
  #flavour: FormatDescription['flavour'] | undefined;
  readonly #limitBytes: number;
  readonly #tables = new Map<number, TableMap>();

  constructor({ checksum, limitBytes = 1 << 30 }: BinlogReaderOptions) {
    this.#checksum = checksum;
    this.#limitBytes = limitBytes;
  }

  /** What one whole event says: one thing, or those of a compressed transaction. Take them before the next. */
  *read(bytes: Buffer): Generator<BinlogEvent, void, void> {
    const { type } = readEventHeader(bytes);
    if (type === eventType.formatDescription) {
      const format = readFormatDescription(bytes);
      this.#checksum = format.checksum;
      this.#flavour = format.flavour;
      this.#tables.clear();
      yield { header: readEventHeader(bytes), kind: 'format', format };
      return;
    }
    const event = readEvent(bytes, this.#checksum);
    if (type === eventType.transactionPayload) yield* this.#readInside(event.body);
    else yield { header: event.header, ...this.#understand(event) };
  }

  *#readInside(body: Buffer): Generator<BinlogEvent, void, void> {
    const events = readTransactionPayload(body, this.#limitBytes);
    for (let at = 0; at < events.length;) {
      const { length, type } = readEventHeader(events.subarray(at));
      if (type === eventType.transactionPayload) throw malformed('TRANSACTION_PAYLOAD', 'one in another');
      const event = readEvent(events.subarray(at, at + length), 'none');
      yield { header: event.header, ...this.#understand(event) };
      at += length;
    }
  }

  #understand({ header, body }: RawEvent): BinlogEventBody {
    if (isRows(header.type)) return this.#readRows(header, body);
    switch (header.type) {
      case eventType.tableMap: {
        if (this.#flavour === undefined) throw malformed('TABLE_MAP', 'it comes before the format of the log');
        const map = readTableMap(body, this.#flavour);
        this.#tables.set(map.tableId, map);
        return { kind: 'tableMap', map };
      }
      case eventType.rotate:
        return readRotate(header, body);
      case eventType.gtid:
        return { kind: 'gtid', ...readGtid(body) };
      case eventType.anonymousGtid:
        return { kind: 'anonymousGtid', committedAtUs: readGtid(body).committedAtUs };
      case eventType.mariadbGtid:
        return readMariadbGtid(header, body);
      case eventType.previousGtids:
        return { kind: 'previousGtids', set: decodeGtidSet(body) };
      case eventType.mariadbGtidList:
        return { kind: 'mariadbGtidList', last: readGtidList(body) };
      case eventType.query:
        return readQuery(body);
      case eventType.queryCompressed:
        return readQuery(body, this.#limitBytes);
      case eventType.xid:
        return { kind: 'commit', xid: new BodyReader(body, 'XID').uint64() };
      case eventType.heartbeat:
      case eventType.heartbeatV2:
        return { kind: 'heartbeat' };
      default:
        return passOverOrStop(header);
    }
  }

  #readRows(header: EventHeader, body: Buffer): BinlogEventBody {
    const rows = readRowsHead(header.type, body, this.#limitBytes);
    const map = this.#tables.get(rows.tableId);
    if (rows.endsStatement) this.#tables.clear();
    if (rows.endsStatement && ofNoTable.has(rows.tableId)) return { kind: 'passedOver' };
    if (map === undefined) throw malformed('an event of rows', 'of a table that was not described');
    return { kind: 'rows', rows, map };
  }
}

/** Rows of no table end a statement whose last rows were not logged (MySQL, `Rows_log_event`, "dummy event"): the highest number of 3 bytes, or of 6. */
const ofNoTable: ReadonlySet<number> = new Set([0xff_ff_ff, 0xff_ff_ff_ff_ff_ff]);

const passedOver: ReadonlySet<number> = new Set([
  eventType.stop,
  eventType.ignorable,
  eventType.rowsQuery,
  eventType.transactionContext,
  eventType.viewChange,
  eventType.annotateRows,
  eventType.binlogCheckpoint,
]);

const stops: ReadonlyMap<number, StopReason> = new Map([
  [eventType.incident, 'incident'],
  [eventType.partialUpdateRows, 'partialRows'],
  [eventType.partialRowData, 'partialRows'],
  [eventType.intvar, 'statementFormat'],
  [eventType.rand, 'statementFormat'],
  [eventType.userVariable, 'statementFormat'],
  [eventType.appendBlock, 'statementFormat'],
  [eventType.deleteFile, 'statementFormat'],
  [eventType.beginLoadQuery, 'statementFormat'],
  [eventType.executeLoadQuery, 'statementFormat'],
  [eventType.xaPrepare, 'xa'],
  [eventType.startEncryption, 'encrypted'],
  [eventType.gtidTagged, 'taggedGtid'],
]);

function passOverOrStop({ type, flags }: EventHeader): BinlogEventBody {
  const reason = stops.get(type);
  if (reason !== undefined) return { kind: 'stop', reason };
  if (passedOver.has(type) || (flags & ignorableFlag) !== 0) return { kind: 'passedOver' };
  return { kind: 'stop', reason: 'unknownEvent' };
}

function readRotate(header: EventHeader, body: Buffer): BinlogEventBody {
  const reader = new BodyReader(body, 'ROTATE');
  const position = reader.uint64();
  const isMadeUp = header.timestamp === 0 || (header.flags & artificialFlag) !== 0;
  return { kind: 'rotate', file: reader.rest().toString('utf8'), position, isMadeUp };
}

/**
 * int<1> flags | 16 bytes of UUID | int<8> number | int<1> 2 | int<8> | int<8> of logical clocks | int<7> microseconds of the commit here, whose highest bit says that another such
 * time follows, that of the first commit (MySQL, `Gtid_event`).
 */
function readGtid(
  body: Buffer,
): Pick<Extract<BinlogEventBody, { kind: 'gtid' }>, 'source' | 'number' | 'committedAtUs'> {
  const reader = new BodyReader(body, 'GTID');
  reader.skip(1);
  const source = printUuid(reader.bytes(16));
  const number = reader.uint64();
  const hasTime = reader.left >= 24 && reader.uint8() === 2;
  if (!hasTime) return { source, number, committedAtUs: undefined };
  reader.skip(16);
  const micros = BigInt(reader.uint48()) | (BigInt(reader.uint8() & 0x7f) << 48n);
  return { source, number, committedAtUs: micros };
}

const mariadbFlag = Object.freeze({ standalone: 1, transactional: 4, ddl: 32, preparedXa: 64, completedXa: 128 });

function readMariadbGtid(header: EventHeader, body: Buffer): BinlogEventBody {
  const reader = new BodyReader(body, 'GTID of MariaDB');
  const sequence = reader.uint64();
  const gtid = { sequence, domain: reader.uint32(), server: header.serverId };
  const flags = reader.uint8();
  return {
    kind: 'mariadbGtid',
    gtid,
    isStandalone: (flags & mariadbFlag.standalone) !== 0,
    isDdl: (flags & mariadbFlag.ddl) !== 0,
    isTransactional: (flags & mariadbFlag.transactional) !== 0,
    isXa: (flags & (mariadbFlag.preparedXa | mariadbFlag.completedXa)) !== 0,
  };
}

/** int<4> count with flags in the highest four bits, then int<4> domain, int<4> server and int<8> sequence for each. */
function readGtidList(body: Buffer): readonly MariadbGtid[] {
  const reader = new BodyReader(body, 'GTID_LIST');
  const count = reader.uint32() & 0x0f_ff_ff_ff;
  if (count * 16 > reader.left) throw malformed('GTID_LIST', 'it ends too early');
  return Array.from({ length: count }, () => ({
    domain: reader.uint32(),
    server: reader.uint32(),
    sequence: reader.uint64(),
  }));
}

/** int<4> thread | int<4> seconds | int<1> length of the schema | int<2> error | int<2> length of variables | variables | schema\0 | text. */
function readQuery(body: Buffer, compressedLimitBytes?: number): BinlogEventBody {
  const reader = new BodyReader(body, 'QUERY');
  const threadId = reader.uint32();
  reader.skip(4);
  const schemaBytes = reader.uint8();
  reader.skip(2);
  reader.skip(reader.uint16());
  const schema = reader.bytes(schemaBytes).toString('utf8');
  reader.skip(1);
  const sql = reader.rest();
  return {
    kind: 'query',
    schema,
    threadId,
    sql: compressedLimitBytes === undefined ? sql : inflateMariadb(sql, compressedLimitBytes),
  };
}
