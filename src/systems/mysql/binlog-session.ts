import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { monotonicMs, within } from '../../kernel/clock.ts';
import { TealError, type ErrorCode } from '../../kernel/errors.ts';
import { readTextRow } from '../../wire/mysql/columns.ts';
import { encodeQuery, encodeRegisterSlave } from '../../wire/mysql/commands.ts';
import type { Capabilities } from '../../wire/mysql/flags.ts';
import { flavourOf } from '../../wire/mysql/greeting.ts';
import { encodePacket, type Packet } from '../../wire/mysql/packets.ts';
import { replyHeader } from '../../wire/mysql/replies.ts';
import { ResponseReader } from '../../wire/mysql/response.ts';
import { parseAddress } from './address.ts';
import { asServerError, enterServer, type Entered, type Packets } from './codec-login.ts';
import type { MysqlFlavour } from './connection.ts';
import { asTealError, serverError, serverNumberOf } from './errors.ts';
import { quoteLiteral } from './quote.ts';

export interface BinlogSessionOptions {
  /** See `address.ts`. */
  readonly url: string;
  readonly applicationName: string;
  /** Names the reader to the server, in which a later reader of the same name takes the place of an earlier one; at most one of a name is open at a time. */
  readonly replica: string;
  readonly signal: AbortSignal;
  readonly connectTimeoutMs?: number;
  /**
   * Without a byte for this long while waiting, the connection is taken for dead (TEAL-SYSTEMS-028); default 30 000. The server gives a sign of life
   * every sixth of it.
   */
  readonly silenceTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 10_000;
const defaultSilenceTimeoutMs = 30_000;
const accessDenied = 1045;

/** Values of one row of a text result. */
export type SessionRow = readonly (string | null)[];

/**
 * A session over Teal's own codec that becomes a replica's: first statements, then `dump`, then events for as long as it lives. It reads no more than
 * its caller takes: the server waits then, for as long as need be. Not concurrent. Disposal closes it.
 */
export class BinlogSession implements AsyncDisposable {
  readonly flavour: MysqlFlavour;
  /** As the server tells it. */
  readonly version: string;
  readonly #socket: Socket;
  readonly #packets: Packets;
  readonly #capabilities: Capabilities;
  readonly #options: BinlogSessionOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: () => void;
  #waitingSince: number | undefined;

  /**
   * Connects and logs in. Errors: TEAL-SYSTEMS-001 not reachable, -002 the login was refused, -004 encryption, -005 no free connection, -006 lost, -009
   * not an address, or the signal's reason.
   */
  static async open(options: BinlogSessionOptions): Promise<BinlogSession> {
    const { signal, connectTimeoutMs = defaultConnectTimeoutMs } = options;
    signal.throwIfAborted();
    const address = parseAddress(options.url);
    const late = (): Error =>
      new TealError('TEAL-SYSTEMS-001', 'the server did not let the session in in time', { host: address.host });
    const entered = await within(connectTimeoutMs, late, async (over) =>
      enterServer(address, options.applicationName, AbortSignal.any([signal, over])),
    );
    return new BinlogSession(entered, options);
  }

  /** For `open` alone. */
  constructor(entered: Entered, options: BinlogSessionOptions) {
    this.flavour = flavourOf(entered.greeting);
    this.version = entered.greeting.version;
    this.#socket = entered.socket;
    this.#packets = entered.packets;
    this.#capabilities = entered.capabilities;
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), this.#silenceMs / 6);
    this.#onAbort = (): void => {
      this.#socket.destroy(asTealError(options.signal.reason, 'connected'));
    };
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal.aborted) this.#onAbort();
  }

  get #silenceMs(): number {
    return this.#options.silenceTimeoutMs ?? defaultSilenceTimeoutMs;
  }

  /** The rows of one statement, as text. Errors as `errors.ts` has them. */
  async query(sql: string): Promise<readonly SessionRow[]> {
    const rows: SessionRow[] = [];
    let columns = 0;
    await this.#ask(encodeQuery(sql, this.#capabilities), (kind, payload) => {
      if (kind === 'column') columns += 1;
      if (kind === 'row') rows.push(readTextRow(payload, columns).map((cell) => cell?.toString('utf8') ?? null));
    });
    return rows;
  }

  /**
   * Makes it a replica: how events are to be summed up, what it understands, how often it wants a sign of life. Answers how events are summed up. The
   * server waits for its reader as long as it takes.
   */
  async register(): Promise<'crc32' | 'none'> {
    const { replica } = this.#options;
    const [row] = await this.query('select @@global.binlog_checksum');
    const checksum = row?.[0] === 'NONE' ? 'none' : 'crc32';
    const heartbeatNs = String(Math.round((this.#silenceMs / 6) * 1e6));
    const variables: Readonly<Record<string, string>> = {
      '@master_binlog_checksum': '@@global.binlog_checksum',
      '@source_binlog_checksum': '@@global.binlog_checksum',
      '@master_heartbeat_period': heartbeatNs,
      '@source_heartbeat_period': heartbeatNs,
      '@slave_uuid': quoteLiteral(uuidOf(replica)),
      '@replica_uuid': quoteLiteral(uuidOf(replica)),
      '@@session.net_write_timeout': '31536000',
      '@@session.net_read_timeout': '31536000',
      ...(this.flavour === 'mariadb' ? { '@mariadb_slave_capability': '4', '@@session.max_statement_time': '0' } : {}),
    };
    await this.query(
      `set ${Object.entries(variables)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', ')}`,
    );
    await this.#registerReplica();
    return checksum;
  }

  async #registerReplica(): Promise<void> {
    try {
      await this.#ask(encodeRegisterSlave(this.serverId), () => undefined);
    } catch (error) {
      // The server's words for it are those of a wrong password.
      if (serverNumberOf(error) !== accessDenied) throw error;
      throw new TealError('TEAL-SYSTEMS-010', 'the account may not read the binlog: it lacks REPLICATION SLAVE');
    }
  }

  /** The replica's number: one of two thousand million, always the same for one name, and none that people give. */
  get serverId(): number {
    return (digestOf(this.#options.replica).readUInt32BE(0) | 0x80_00_00_00) >>> 0;
  }

  /** From here on there are events and nothing else: `command` is COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID. */
  dump(command: Buffer): void {
    this.#send(0, command);
  }

  /**
   * What has arrived, at least some bytes: the events that these complete, perhaps none. To be taken before the next call: they are views. Errors: TEAL-
   * SYSTEMS-006, -028, see `streamError`.
   */
  async arrived(): Promise<Iterator<Buffer, void, void>> {
    return eventsOf(await this.#waiting(async () => this.#packets.arrived()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    await closeSocket(this.#socket);
  }

  async #ask(command: Buffer, see: (kind: string, payload: Buffer) => void): Promise<void> {
    const response = new ResponseReader(command[0] ?? 0, this.#capabilities);
    this.#send(0, command);
    while (!response.ended) {
      const { payload } = await this.#waiting(async () => this.#packets.next());
      const { kind } = response.see(payload);
      if (kind === 'error') throw serverError(asServerError(payload));
      see(kind, payload);
    }
  }

  #send(sequence: number, payload: Buffer): void {
    this.#socket.write(encodePacket(sequence, payload));
  }

  async #waiting<T>(read: () => Promise<T>): Promise<T> {
    this.#waitingSince = monotonicMs();
    try {
      return await read();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw error;
    } finally {
      this.#waitingSince = undefined;
    }
  }

  #tick(): void {
    const silenceMs = this.#waitingSince === undefined ? 0 : monotonicMs() - this.#waitingSince;
    if (silenceMs <= this.#silenceMs) return;
    this.#socket.destroy(
      new TealError('TEAL-SYSTEMS-028', 'the source sends nothing', { silenceMs: Math.round(silenceMs) }),
    );
  }
}

async function closeSocket(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, 'close');
  // An error that nobody waits for any more has been told, or is of no use.
  socket.on('error', () => undefined);
  socket.destroy();
  await closed.catch(() => undefined);
}

function* eventsOf(packets: Iterator<Packet, void, void>): Generator<Buffer, void, void> {
  for (let next = packets.next(); next.done !== true; next = packets.next()) {
    const { payload } = next.value;
    if (payload[0] === replyHeader.error) throw streamError(payload);
    if (payload[0] !== replyHeader.ok) throw new TealError('TEAL-SYSTEMS-006', 'the source ended the stream');
    yield payload.subarray(1);
  }
}

/** MariaDB's own number for a second reader. */
const sameReader = 4052;
/** Of everything else that a server says of a dump which it cannot give, or go on with. Source: MySQL, `rpl_binlog_sender.cc`; MariaDB, `sql_repl.cc`. */
const cannotDump = 1236;

const refusals: readonly { readonly says: RegExp; readonly code: ErrorCode; readonly text: string }[] = [
  {
    says: /purged|Could not find first log file/i,
    code: 'TEAL-SYSTEMS-320',
    text: 'the source has removed files of its binlog that are needed',
  },
  {
    says: /more GTIDs than|diverged|which is not in the master|is missing the GTID|position > file size|impossible position/i,
    code: 'TEAL-SYSTEMS-321',
    text: 'the binlog of the source does not hold the place that was read to',
  },
  {
    says: /same server_uuid|same server_id/i,
    code: 'TEAL-SYSTEMS-329',
    text: 'another reader of the same name has taken over',
  },
];

/** The error that ended a dump. TEAL-SYSTEMS-320 purged, -321 another history, -329 another reader, -006 the session was ended, -328 anything else. */
function streamError(payload: Buffer): TealError {
  const told = asServerError(payload);
  const error = serverError(told);
  const isOfDump = told.number === cannotDump || told.number === sameReader;
  const known = isOfDump ? refusals.find(({ says }) => says.test(told.message)) : undefined;
  if (known !== undefined) return new TealError(known.code, known.text, error.facts);
  if (error.code !== 'TEAL-SYSTEMS-007') return error;
  // It speaks of files and settings, never of rows.
  const text = isOfDump ? told.message : 'the server ended the stream with an error';
  return new TealError('TEAL-SYSTEMS-328', text, error.facts);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** A version 8 UUID (RFC 9562), the same for the same name. */
function uuidOf(name: string): string {
  const bytes = digestOf(`uuid ${name}`).subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
