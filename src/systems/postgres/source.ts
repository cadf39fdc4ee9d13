import { assert, must } from '../../kernel/assert.ts';
import { monotonicMs, nowMs, sleep } from '../../kernel/clock.ts';
import { TealError, isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Position } from '../../model/position.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../../ports/change-source.ts';
import { FrameReader, frameBody, frameHeaderBytes, type Frame } from '../../wire/postgres/frames.ts';
import {
  decodeErrorFields,
  dataHeaderBytes,
  decodeReplicationMessage,
  encodeCopyDone,
  encodeQuery,
  encodeStandbyStatus,
  replicationData,
  type ReplicationMessage,
} from '../../wire/postgres/replication.ts';
import { encodeTerminate } from '../../wire/postgres/frontend.ts';
import type { RelationMessage } from '../../wire/postgres/pgoutput.ts';
import { connect, type PgConnection, type RawSocket } from './connection.ts';
import { asTealError, serverError, serverText } from './errors.ts';
import { lsnOfPosition, lsnTextOfPosition, positionOfLsn } from './position.ts';
import { isPortable, publishesPortable } from './portable-types.ts';
import { quoteIdent, quoteLiteral } from './quote.ts';
import { RecordReader } from './record-reader.ts';
import { publicationExists, slotStatus } from './slot.ts';

export interface PostgresSourceOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly slot: string;
  readonly publication: string;
  /** Whether Teal wrote under this origin: the stream has such transactions without their rows, but for those of Teal's own tables. Default: none is. */
  readonly isOwn?: (origin: string) => boolean;
  /**
   * Whether whoever reads can do with values in binary form, which cost both servers less than texts. They come so while every published column is of a type whose binary form means the same on
   * each server, otherwise all as texts. Default: texts.
   */
  readonly binary?: boolean;
  /** Between two signs of life; default 5 000. Well below half of any sensible wal_sender_timeout. */
  readonly statusIntervalMs?: number;
  /** Without a byte for this long while waiting, the connection is taken for dead (TEAL-SYSTEMS-028); default 30 000. */
  readonly silenceTimeoutMs?: number;
}

/** The log of a PostgreSQL database through a logical slot that exists already. */
export function postgresSource(options: PostgresSourceOptions): ChangeSource {
  // For good once such a table was met: the log may hold it also where the catalog does not any more.
  let needsTexts = options.binary !== true;
  const refuseUnportable = (relation: RelationMessage): void => {
    needsTexts = true;
    throw unportable(relation);
  };
  return {
    start: async (from, signal) => start({ ...options, binary: !needsTexts, refuseUnportable }, from, signal),
  };
}

interface StreamOptions extends PostgresSourceOptions {
  /** Called with a table of which a value cannot be had in binary form, while such values come; throws. */
  readonly refuseUnportable: (relation: RelationMessage) => void;
}

/** How a stream is asked for. */
interface Asked {
  readonly binary: boolean;
  readonly leaveOutReplayed: boolean;
}

async function start(options: StreamOptions, from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
  const { url, applicationName } = options;
  const connection = await connect({ url, applicationName, replication: 'database', signal });
  try {
    const identity = await identify(connection, from.identity);
    await refuseUnusableSlot(connection, options.slot, from.after);
    if (!(await publicationExists(connection, options.publication))) {
      throw new TealError('TEAL-SYSTEMS-029', 'the publication does not exist', { publication: options.publication });
    }
    const asked = {
      binary: options.binary === true && (await publishesPortable(connection, options.publication)),
      leaveOutReplayed: from.leaveOutReplayed === true && connection.serverMajor >= leavesOutFrom,
    };
    const stream = new PostgresChangeStream(connection, identity, { ...options, binary: asked.binary }, from, signal);
    await stream.open(startCommand(options, from.after, asked));
    return stream;
  } catch (error) {
    await connection.close();
    signal.throwIfAborted();
    throw error;
  }
}

/** `origin` is known since 16: the server then looks at no row that was replayed. */
const leavesOutFrom = 16;

function startCommand(options: StreamOptions, after: Position, asked: Asked): string {
  // Version 1: whole transactions, each in one piece. Messages carry DDL.
  const publication = quoteLiteral(quoteIdent(options.publication));
  const more = [...(asked.binary ? [`, binary 'true'`] : []), ...(asked.leaveOutReplayed ? [`, origin 'none'`] : [])];
  return `START_REPLICATION SLOT ${quoteIdent(options.slot)} LOGICAL ${lsnTextOfPosition(after)} (proto_version '1', publication_names ${publication}, messages 'true'${more.join('')})`;
}

async function identify(connection: PgConnection, expected: string | undefined): Promise<string> {
  const { rows } = await connection.query('IDENTIFY_SYSTEM');
  const systemId = must(rows[0]?.['systemid'], 'systemid');
  const timeline = must(rows[0]?.['timeline'], 'timeline');
  if (expected !== undefined) {
    const [expectedSystem, expectedTimeline] = expected.split('/');
    if (systemId !== expectedSystem) {
      throw new TealError('TEAL-SYSTEMS-023', 'the source is another server than before', { systemId, expectedSystem });
    }
    if (timeline !== expectedTimeline) {
      throw new TealError('TEAL-SYSTEMS-024', 'the source is on another timeline than before', {
        timeline,
        expectedTimeline,
      });
    }
  }
  return `${systemId}/${timeline}`;
}

async function refuseUnusableSlot(connection: PgConnection, slot: string, after: Position): Promise<void> {
  const status = await slotStatus(connection, slot);
  if (status.state === 'absent') throw new TealError('TEAL-SYSTEMS-020', 'the slot does not exist', { slot });
  const { reason, activePid: pid, confirmed } = status;
  if (status.state !== 'usable') throw new TealError('TEAL-SYSTEMS-021', 'the slot cannot be read', { slot, reason });
  if (pid !== undefined) throw new TealError('TEAL-SYSTEMS-022', 'the slot is read by another session', { slot, pid });
  // The server would silently begin at `confirmed` and leave out what is between.
  if (confirmed !== undefined && confirmed > after) {
    throw new TealError('TEAL-SYSTEMS-026', 'the slot is beyond what was received', { slot, confirmed, after });
  }
}

/** An error of the walsender. Before the stream runs, an unknown object is the slot; afterwards it is the publication. */
function streamError(body: Buffer, phase: 'starting' | 'streaming', slot: string): TealError {
  const raw = decodeErrorFields(body);
  const fields = { sqlState: raw.get('C') ?? '', message: raw.get('M') ?? '' };
  const error = serverError(fields, { slot });
  const refused = (code: ErrorCode): TealError => new TealError(code, serverText(fields), error.facts);
  if (fields.sqlState === '55006') return refused('TEAL-SYSTEMS-022');
  if (fields.sqlState === '42704') return refused(phase === 'starting' ? 'TEAL-SYSTEMS-020' : 'TEAL-SYSTEMS-029');
  if (fields.sqlState === '58P01') return refused('TEAL-SYSTEMS-021');
  return error.code === 'TEAL-SYSTEMS-007' ? refused('TEAL-SYSTEMS-025') : error;
}

/** A table may have changed since the stream began. It is described before its first row. */
function refuseIfUnportable(relation: RelationMessage, { refuseUnportable }: StreamOptions): void {
  if (!relation.columns.every(({ typeOid }) => isPortable(typeOid))) refuseUnportable(relation);
}

function unportable({ schema, name, columns }: RelationMessage): TealError {
  const column = columns.find(({ typeOid }) => !isPortable(typeOid));
  return new TealError('TEAL-SYSTEMS-048', 'values of a column cannot be had in binary form', {
    table: `${schema}.${name}`,
    column: column?.name,
  });
}

/** For the end of a stream that is to be followed by another one. */
const endTimeoutMs = 1_000;
const frameType = { copyBoth: 0x57, copyData: 0x64, error: 0x45, notice: 0x4e, parameter: 0x53 } as const;

class PostgresChangeStream implements ChangeStream {
  readonly identity: string;
  readonly canLeaveOutReplayed: boolean;
  readonly #connection: PgConnection;
  readonly #options: StreamOptions;
  readonly #socket: RawSocket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #frames = new FrameReader();
  readonly #records: RecordReader;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#fail(asTealError(this.#signal.reason, 'connected'));
  #phase: 'starting' | 'streaming' = 'starting';
  #ready: ChangeRecord[] = [];
  #received: bigint;
  #acknowledged: bigint;
  #waitingSince: number | undefined;
  #ended: { readonly reason: unknown } | undefined;

  constructor(
    connection: PgConnection,
    identity: string,
    options: StreamOptions,
    { after, acknowledged = after }: StreamStart,
    signal: AbortSignal,
  ) {
    this.identity = identity;
    this.#connection = connection;
    this.canLeaveOutReplayed = connection.serverMajor >= leavesOutFrom;
    this.#options = options;
    this.#records = new RecordReader({
      ...(options.isOwn === undefined ? {} : { isOwn: options.isOwn }),
      ...(options.binary === true ? { onRelation: (relation) => refuseIfUnportable(relation, options) } : {}),
    });
    this.#received = lsnOfPosition(after);
    this.#acknowledged = lsnOfPosition(acknowledged);
    this.#signal = signal;
    this.#socket = connection.takeOver();
    this.#chunks = this.#socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#timer = setInterval(() => this.#tick(), options.statusIntervalMs ?? 5_000);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves when the server has begun to stream. */
  async open(command: string): Promise<void> {
    this.#socket.write(encodeQuery(command));
    try {
      while (this.#phase === 'starting') await this.#read();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async next(): Promise<readonly ChangeRecord[]> {
    // What came with the end is read again by the next stream.
    if (this.#ended !== undefined) throw this.#ended.reason;
    try {
      while (this.#ready.length === 0) await this.#read();
    } catch (reason) {
      this.#ended = { reason };
      throw reason;
    }
    const records = this.#ready;
    this.#ready = [];
    return records;
  }

  acknowledge(position: Position): void {
    const lsn = lsnOfPosition(position);
    assert(lsn <= this.#received, 'only what was received is acknowledged');
    if (lsn <= this.#acknowledged) return;
    this.#acknowledged = lsn;
    this.#sendStatus(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    await this.#end();
    await this.#connection.close();
  }

  /** Asks the server to end the stream, and waits for a bounded time until it has: the slot is free then for the next one. */
  async #end(): Promise<void> {
    const socket = this.#socket;
    if (this.#phase !== 'streaming' || this.#ended !== undefined || !socket.writable || this.#signal.aborted) return;
    const bound = new AbortController();
    socket.write(Buffer.concat([encodeCopyDone(), encodeTerminate()]));
    await Promise.race([this.#drain(), sleep(endTimeoutMs, bound.signal)]);
    bound.abort();
  }

  /** Until the server has closed. What still comes is read again by the next stream; how it ends is all the same here. */
  async #drain(): Promise<void> {
    try {
      while ((await this.#chunks.next()).done !== true);
    } catch {
      // A connection that broke is closed too.
    }
  }

  async #read(): Promise<void> {
    this.#waitingSince = monotonicMs();
    let result: IteratorResult<Buffer>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw asTealError(error, 'connected');
    } finally {
      this.#waitingSince = undefined;
    }
    if (result.done === true)
      throw new TealError('TEAL-SYSTEMS-006', 'the source ended the stream', { slot: this.#options.slot });
    this.#frames.pushEach(result.value, this.#takeAt);
  }

  /** Rows, of which there are hundreds of thousands a second, before anything else. */
  readonly #takeAt = (bytes: Buffer, from: number, to: number): void => {
    const isData = bytes[from] === frameType.copyData && bytes[from + frameHeaderBytes] === replicationData;
    if (isData && to - from >= frameHeaderBytes + dataHeaderBytes) {
      this.#takePayload(bytes.subarray(from + frameHeaderBytes + dataHeaderBytes, to));
      return;
    }
    this.#take({ type: bytes[from] ?? 0, bytes: bytes.subarray(from, to) });
  };

  #takePayload(payload: Buffer): void {
    const record = this.#records.read(payload);
    if (record === undefined) return;
    if (record.kind === 'commit') this.#receivedUpTo(lsnOfPosition(record.end));
    this.#ready.push(record);
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case frameType.copyData:
        this.#takeMessage(decodeReplicationMessage(frame.bytes, frameHeaderBytes));
        return;
      case frameType.copyBoth:
        this.#phase = 'streaming';
        return;
      case frameType.error:
        throw streamError(frameBody(frame), this.#phase, this.#options.slot);
      case frameType.notice:
      case frameType.parameter:
        return;
      default:
        // CopyDone and what follows it: the server is shutting down.
        throw new TealError('TEAL-SYSTEMS-006', 'the source ended the stream', { slot: this.#options.slot });
    }
  }

  #takeMessage(message: ReplicationMessage): void {
    switch (message.kind) {
      case 'data':
        this.#takePayload(message.payload);
        return;
      case 'keepalive':
        // Inside a transaction the server's place in its log says nothing about what was sent of it.
        if (!this.#records.insideTransaction && message.walEnd > this.#received) {
          this.#receivedUpTo(message.walEnd);
          this.#ready.push({ kind: 'mark', end: positionOfLsn(message.walEnd) });
        }
        if (message.replyRequested) this.#sendStatus(false);
        return;
    }
  }

  #receivedUpTo(lsn: bigint): void {
    if (lsn > this.#received) this.#received = lsn;
  }

  #tick(): void {
    const silenceMs = this.#waitingSince === undefined ? 0 : monotonicMs() - this.#waitingSince;
    if (silenceMs > (this.#options.silenceTimeoutMs ?? 30_000)) {
      this.#fail(
        new TealError('TEAL-SYSTEMS-028', 'the source sends nothing', {
          slot: this.#options.slot,
          silenceMs: Math.round(silenceMs),
        }),
      );
      return;
    }
    // The answer that is asked for is the sign of life of a server that has nothing to send.
    this.#sendStatus(this.#phase === 'streaming');
  }

  #sendStatus(replyRequested: boolean): void {
    if (this.#phase !== 'streaming' || !this.#socket.writable) return;
    this.#socket.write(
      encodeStandbyStatus({
        written: this.#received,
        flushed: this.#acknowledged,
        applied: this.#acknowledged,
        atUs: BigInt(nowMs()) * 1_000n,
        replyRequested,
      }),
    );
  }

  #fail(error: TealError): void {
    this.#socket.destroy(isTealError(error) ? error : undefined);
  }
}
