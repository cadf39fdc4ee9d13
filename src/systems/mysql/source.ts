import { assert, must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { SchemaForm } from '../../model/schema-form.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../../ports/change-source.ts';
import { encodeGtidSet, parseGtidSet } from '../../wire/mysql/binlog/gtid-set.ts';
import { encodeBinlogDump, encodeBinlogDumpGtid } from '../../wire/mysql/commands.ts';
import { BinlogSession } from './binlog-session.ts';
import type { NamedTable, OwnTypes } from './change-payload.ts';
import type { MysqlConnection } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { fileOfSequence, placeOfPosition, sequenceOfFile, type BinlogPlace } from './position.ts';
import { quoteLiteral } from './quote.ts';
import { RecordReader, type Answer, type Question } from './record-reader.ts';

export interface MysqlSourceOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Names the reader to the server: the same for the same flow, another for any other. Default: `applicationName`. */
  readonly replica?: string;
  /** Whether Teal wrote under this origin: the stream has such transactions without their rows, but for those of Teal's own tables. Default: none is. */
  readonly isOwn?: (origin: string) => boolean;
  /** Tables whose changes are carried: a binlog is of the whole server. Default: all but the server's own. */
  readonly isWanted?: (table: TableName) => boolean;
  /** How tables are now, for the note of a change of the schema; default: a note names them and no more. */
  readonly formsOf?: (connection: MysqlConnection, tables: readonly TableName[]) => Promise<readonly SchemaForm[]>;
  /** Without a byte for this long while waiting, the connection is taken for dead (TEAL-SYSTEMS-028); default 30 000. */
  readonly silenceTimeoutMs?: number;
}

/** The binlog of a MySQL or MariaDB server. It must still hold what comes after `from`: nothing on the server keeps it for this reader. */
export function mysqlSource(options: MysqlSourceOptions): ChangeSource {
  return { start: async (from, signal) => start(options, from, signal) };
}

/**
 * Errors beside those of a session: TEAL-SYSTEMS-023 another server than before, -327 no binlog, -320 what comes after `from` was removed, -321 the
 * server does not know that place; in the stream also those of `RecordReader`.
 */
async function start(options: MysqlSourceOptions, from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
  const { url, applicationName, replica = applicationName, silenceTimeoutMs } = options;
  const place = placeOfPosition(from.after);
  const session = await BinlogSession.open({
    url,
    applicationName,
    replica,
    signal,
    ...(silenceTimeoutMs === undefined ? {} : { silenceTimeoutMs }),
  });
  try {
    const facts = await readFacts(session);
    if (from.identity !== undefined && from.identity !== facts.identity) {
      throw new TealError('TEAL-SYSTEMS-023', 'the source is another server than before', {
        is: facts.identity,
        expected: from.identity,
      });
    }
    const checksum = await session.register();
    await dumpFrom(session, facts, place);
    const reader = new RecordReader({
      flavour: session.flavour,
      checksum,
      from: from.after,
      lowersNames: facts.lowersNames,
      ...(options.isOwn === undefined ? {} : { isOwn: options.isOwn }),
      ...(options.isWanted === undefined ? {} : { isWanted: options.isWanted }),
    });
    const stream = new MysqlChangeStream(session, facts.identity, reader, options, from.after);
    await stream.open();
    return stream;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw error;
  }
}

interface SourceFacts {
  readonly identity: string;
  /** Of the files: `binlog` of `binlog.000001`. */
  readonly baseName: string;
  readonly lowersNames: boolean;
  /** Transactions can be named by GTID alone. */
  readonly hasGtids: boolean;
}

async function readFacts(session: BinlogSession): Promise<SourceFacts> {
  const isMysql = session.flavour === 'mysql';
  const own = isMysql ? ', @@server_uuid, @@gtid_mode' : '';
  const [row] = await session.query(
    `select @@log_bin, @@server_id, @@log_bin_basename, @@lower_case_table_names${own}`,
  );
  const [isOn, serverId, path, lower, uuid, gtidMode] = row ?? [];
  if (isOn !== '1' || path === null || path === undefined) {
    throw new TealError('TEAL-SYSTEMS-327', 'the source writes no binlog (log_bin is off)');
  }
  const baseName = must(path.split(/[\\/]/).at(-1), 'the name of the binlog');
  return {
    identity: isMysql ? must(uuid, 'server_uuid') : `${serverId}/${baseName}`,
    baseName,
    lowersNames: lower !== '0',
    hasGtids: isMysql ? gtidMode === 'ON' : true,
  };
}

/** By GTID where the position has them, which finds its place in whatever file; else by file and offset. */
async function dumpFrom(session: BinlogSession, facts: SourceFacts, place: BinlogPlace): Promise<void> {
  const { gtids } = place;
  if (gtids === undefined || !facts.hasGtids) {
    const { sequence, offset } = await reachable(session, place);
    session.dump(encodeBinlogDump(session.serverId, fileOfSequence(facts.baseName, sequence), offset));
    return;
  }
  if (session.flavour === 'mysql') {
    session.dump(encodeBinlogDumpGtid(session.serverId, encodeGtidSet(parseGtidSet(gtids))));
    return;
  }
  await session.query(`set @slave_connect_state = ${quoteLiteral(gtids)}`);
  session.dump(encodeBinlogDump(session.serverId, '', 4));
}

const largestAsked = 0xff_ff_ff_ff;

/** A command has room for 32 bits of a place. What ends further on in its file is the last of it. */
async function reachable(
  session: BinlogSession,
  place: BinlogPlace,
): Promise<Pick<BinlogPlace, 'sequence' | 'offset'>> {
  if (place.offset <= largestAsked) return place;
  const files = await session.query('show binary logs');
  const at = files.findIndex(([file]) => sequenceOfFile(file ?? '') === place.sequence);
  const after = files[at + 1]?.[0];
  if (at === -1 || Number(files[at]?.[1]) !== place.offset || after === undefined || after === null) {
    throw new TealError('TEAL-SYSTEMS-321', 'the place is beyond what can be asked for without GTIDs', {
      offset: place.offset,
    });
  }
  return { sequence: sequenceOfFile(after), offset: 4 };
}

const batchBytes = 1 << 20;

class MysqlChangeStream implements ChangeStream {
  readonly identity: string;
  readonly #session: BinlogSession;
  readonly #reader: RecordReader;
  readonly #options: MysqlSourceOptions;
  readonly #asking: KeptSession;
  /** Events of the bytes at hand, and records of the event at hand. */
  #events: Iterator<Buffer, void, void> | undefined;
  #records: Iterator<ChangeRecord | Question, void, void> | undefined;
  #received: Position;

  constructor(
    session: BinlogSession,
    identity: string,
    reader: RecordReader,
    options: MysqlSourceOptions,
    after: Position,
  ) {
    this.identity = identity;
    this.#session = session;
    this.#reader = reader;
    this.#options = options;
    this.#received = after;
    this.#asking = new KeptSession({ url: options.url, applicationName: options.applicationName });
  }

  /** Resolves when the server has begun to send: what it refuses it refuses before. */
  async open(): Promise<void> {
    while (this.#records === undefined) {
      this.#events = await this.#session.arrived();
      this.#nextEvent();
    }
  }

  async next(): Promise<readonly ChangeRecord[]> {
    const batch: ChangeRecord[] = [];
    let bytes = 0;
    for (;;) {
      const record = this.#nextRecord();
      if (record === undefined) {
        this.#mark(batch);
        if (batch.length > 0) return batch;
        this.#events = await this.#session.arrived();
      } else if (record.kind === 'question') {
        this.#reader.answer(await this.#ask(record.tables));
      } else {
        batch.push(record);
        if (record.kind === 'commit') this.#received = record.end;
        bytes += record.kind === 'mark' ? 0 : record.payload.length;
        if (bytes >= batchBytes) return batch;
      }
    }
  }

  /** The server keeps nothing for a reader, and so there is nothing to tell it. */
  acknowledge(position: Position): void {
    assert(position <= this.#received, 'only what was received is acknowledged');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    await this.#asking[Symbol.asyncDispose]();
  }

  /** Undefined when there is nothing more of what has arrived. */
  #nextRecord(): ChangeRecord | Question | undefined {
    for (;;) {
      const record = this.#records?.next();
      if (record?.done === false) return record.value;
      this.#records = undefined;
      if (!this.#nextEvent()) return undefined;
    }
  }

  #nextEvent(): boolean {
    const event = this.#events?.next();
    if (event?.done !== false) return false;
    this.#records = this.#reader.read(event.value);
    return true;
  }

  /** Between transactions of which nothing was wanted, the log goes on all the same. */
  #mark(batch: ChangeRecord[]): void {
    const { boundary, insideTransaction } = this.#reader;
    if (insideTransaction || boundary <= this.#received) return;
    this.#received = boundary;
    batch.push({ kind: 'mark', end: boundary });
  }

  async #ask(tables: readonly TableName[]): Promise<Answer> {
    return this.#asking.use(async (connection) => ({
      tables: await readNames(connection, tables),
      forms: (await this.#options.formsOf?.(connection, tables)) ?? [],
    }));
  }
}

/** Columns and key of these tables as they are now, and types that the binlog does not tell. */
async function readNames(connection: MysqlConnection, tables: readonly TableName[]): Promise<readonly NamedTable[]> {
  const places = tables.map(() => '(?, ?)').join(', ');
  const { rows } = await connection.query(
    `select table_schema as owner, table_name as name, column_name as col, data_type as type, column_key = 'PRI' as is_key
     from information_schema.columns where (table_schema, table_name) in (${places}) order by ordinal_position`,
    tables.flatMap(({ schema, name }) => [schema, name]),
  );
  const byTable = Map.groupBy(rows, (row) => tableKey({ schema: row['owner'] ?? '', name: row['name'] ?? '' }));
  return tables.flatMap((table) => {
    const columns = byTable.get(tableKey(table));
    if (columns === undefined) return [];
    const named = columns.map((row) => ({ name: row['col'] ?? '', key: row['is_key'] === '1' }));
    return [{ ...table, columns: named, ownTypes: ownTypesOf(columns) }];
  });
}

function ownTypesOf(columns: readonly Readonly<Record<string, string | null>>[]): OwnTypes {
  return Object.fromEntries(
    columns.flatMap(({ col, type }) => {
      const own = ownTypes.find((each) => each === type);
      return own === undefined || typeof col !== 'string' ? [] : [[col, own]];
    }),
  );
}

const ownTypes = ['uuid', 'inet4', 'inet6'] as const;
