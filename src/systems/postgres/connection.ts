import { connect as connectSocket, Socket } from 'node:net';
import { once } from 'node:events';
import { Client, type QueryResult } from 'pg';
import { assert } from '../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { asTealError } from './errors.ts';
import type { LargeReads } from './large-reads.ts';

export interface ConnectOptions {
  /** `postgres://…`; parameters of the query string as libpq has them (`sslmode`, `sslrootcert`, `host`, `options` …). */
  readonly url: string;
  /** Seen in `pg_stat_activity`: says which part of Teal holds a lock or a snapshot. */
  readonly applicationName: string;
  readonly signal?: AbortSignal | undefined;
  /** A walsender connection to the database, for START_REPLICATION and slot commands. It takes no parameters in `query`. */
  readonly replication?: 'database';
  /** Default 10 000; 0 waits for ever. */
  readonly lockTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Triggers, rules and foreign keys stay out of what the session writes, and a fence lets it pass (`session_replication_role`). Errors: TEAL-SYSTEMS-010. */
  readonly asReplica?: boolean;
  /** Where the session's bytes are read, unless they are encrypted: for who takes it over, see `LargeReads`. */
  readonly reads?: LargeReads;
  /** More settings of the session, set before the first statement: `{ synchronous_commit: 'off' }`. */
  readonly extraOptions?: Readonly<Record<string, string>>;
}

/** A value as the server wrote it (text form), or NULL. Never a JavaScript number or date: they would lose digits. */
export type PgValue = string | null;
export type PgRow = Readonly<Record<string, PgValue>>;
export type PgParameter = string | number | bigint | boolean | Buffer | null | readonly (string | null)[];

export interface PgResult<Row extends PgRow = PgRow> {
  readonly rows: readonly Row[];
  /** Rows returned or affected. */
  readonly rowCount: number;
  /** First word of the command tag: `SELECT`, `ROLLBACK` … */
  readonly command: string;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
}

/**
 * One session with Teal's settings. One statement at a time: a second one before the first has ended is a defect (TEAL-KERNEL-001), because two
 * users of one session would end up in each other's transaction. Disposal closes it. All SQL must qualify its names: `search_path` is `pg_catalog`.
 */
export interface PgConnection extends AsyncDisposable {
  readonly serverMajor: number;
  readonly processId: number;
  /** Aborted when the session ends, with the error as its reason. For those who wait without a statement running. */
  readonly ended: AbortSignal;
  /**
   * With parameters: the extended protocol, `$1`. Without: the simple one, several statements allowed, the last result is returned.
   * Errors: TEAL-SYSTEMS-006 the session is gone, -008 a lock was not had in time, -010 not permitted, -007 any other refusal; see `errors.ts`.
   */
  query<Row extends PgRow = PgRow>(sql: string, parameters?: readonly PgParameter[]): Promise<PgResult<Row>>;
  /** Begins, runs, commits; rolls back when `work` throws. A COMMIT that the server turned into a rollback is an error. Not nested. */
  transaction<T>(work: () => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Asks the server to cancel the running statement (CancelRequest on a connection of its own). Says nothing about whether it came in time. */
  cancel(): Promise<void>;
  /**
   * Ends the driver's reading and gives the authenticated socket, paused, at a message boundary: for COPY and replication. TLS stays in place.
   * The session takes no statements afterwards; `close` destroys the socket.
   */
  takeOver(): RawSocket;
  /**
   * Ends the session at once, whatever it waits for: for a server that does not answer. The statement that runs rejects with `reason`, and so does every later one; whether the
   * server has done it, or will yet, is not known.
   */
  abandon(reason: Error): void;
  /** Twice is harmless. Never throws: a session that is gone is closed. */
  close(): Promise<void>;
}

/** Bytes of the protocol after the start-up phase, decrypted. The caller listens to `error` and `close`. */
export type RawSocket = Socket;

/** How every answer to a start-up packet or an SSLRequest begins (manual, "Message Formats"): authentication, error, version, N and S. */
const firstBytes: ReadonlySet<string> = new Set(['R', 'E', 'v', 'N', 'S']);
const defaultConnectTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;

/**
 * What every session of Teal needs to be true whatever the server, the database or the role sets: no time-out ends a copy (pgdog #914), no read-only
 * default refuses Teal's own writes, and text forms mean the same on both sides.
 */
const pinnedSettings: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  extra_float_digits: '3',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  xmloption: 'content',
  standard_conforming_strings: 'on',
  TimeZone: 'UTC',
  client_encoding: 'UTF8',
  search_path: 'pg_catalog',
  // Read by Teal's own event triggers (ddl-notes.ts): what Teal itself changes is no news.
  'teal.quiet': 'on',
};

/**
 * For sessions that keep others out: the server takes one whose machine is gone for dead within 25 s, where its own settings may wait for hours. Settings of a session (`ConnectOptions.extraOptions`).
 */
export const soonMissed: Readonly<Record<string, string>> = Object.freeze({
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
});

/** The `options` parameter of the start-up packet: words are split at spaces, a backslash keeps the next character (manual: libpq "options"). */
function startupOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`)
    .join(' ');
}

interface ParsedUrl {
  readonly connectionString: string;
  /** Empty: the user's name. */
  readonly database: string;
  readonly options: string;
}

/** `sslmode` as libpq reads it; Teal's own settings come after the URL's `options`, so that they win. */
function parseUrl(options: ConnectOptions): ParsedUrl {
  const url = URL.parse(options.url);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new TealError('TEAL-SYSTEMS-009', 'the address of a database is not a postgres:// URL');
  }
  const ofUrl = url.searchParams.get('options') ?? '';
  for (const name of ['options', 'application_name', 'fallback_application_name', 'replication', 'client_encoding']) {
    url.searchParams.delete(name);
  }
  if (url.searchParams.has('sslmode') && !url.searchParams.has('uselibpqcompat')) {
    url.searchParams.set('uselibpqcompat', 'true');
  }
  const settings = {
    ...pinnedSettings,
    lock_timeout: String(options.lockTimeoutMs ?? 10_000),
    ...options.extraOptions,
  };
  const database = decodedName(url.pathname.slice(1));
  return { connectionString: url.href, database, options: `${ofUrl} ${startupOptions(settings)}`.trim() };
}

/** `pg` leaves these out of its types; Teal reads them and never writes them. */
interface ClientInternals {
  readonly processID: number;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
  readonly connectionParameters: { database: string };
  readonly connection: { readonly stream: Socket; on(event: string, listener: (message: unknown) => void): void };
}

const asText = { getTypeParser: () => (value: string) => value };

/**
 * Opens a session. Errors: TEAL-SYSTEMS-001 not reachable, -002 the login was refused, -003 no such database, -004 TLS, -005 no free connection,
 * -006 lost or still starting up, -009 not an address, -302 not PostgreSQL.
 */
export async function connect(options: ConnectOptions): Promise<PgConnection> {
  options.signal?.throwIfAborted();
  const client = newClient(options, parseUrl(options));
  const internals = client as unknown as ClientInternals;
  const ended = new AbortController();
  // Without a listener an idle session that dies would end the whole process.
  client.on('error', (error) => ended.abort(asTealError(error, 'connected')));
  client.on('end', () => ended.abort(new TealError('TEAL-SYSTEMS-006', 'the session has ended')));
  let serverVersion = '';
  let serverEncoding = '';
  internals.connection.on('parameterStatus', (message) => {
    const { parameterName, parameterValue } = message as { parameterName: string; parameterValue: string };
    if (parameterName === 'server_version') serverVersion = parameterValue;
    if (parameterName === 'server_encoding') serverEncoding = parameterValue;
  });
  const abort = (): void => {
    internals.connection.stream.destroy(new Error('aborted'));
  };
  let isStranger = false;
  internals.connection.stream.once('data', (bytes: Buffer) => {
    isStranger = !firstBytes.has(String.fromCharCode(bytes[0] ?? 0));
    if (isStranger) internals.connection.stream.destroy(new Error('another protocol'));
  });
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    internals.connection.stream.destroy();
    options.signal?.throwIfAborted();
    if (isStranger) {
      const { host, port } = client;
      throw new TealError('TEAL-SYSTEMS-302', `what answers at ${host}:${port} speaks another protocol`, {
        host,
        port,
      });
    }
    throw asTealError(error, 'connecting', { host: client.host, port: client.port, database: client.database ?? '' });
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
  const connection = new Session(client, internals, Number.parseInt(serverVersion, 10), ended);
  await untilAborted(connection, options.signal, async () => {
    if (connection.serverMajor >= 17) await endNoTransaction(connection);
    // Such a database holds any bytes, and would refuse to give those that are no UTF-8 to a client that wants UTF-8.
    if (serverEncoding === 'SQL_ASCII') await connection.query('SET client_encoding = SQL_ASCII');
    if (options.asReplica === true) await becomeReplica(connection);
  });
  return connection;
}

/**
 * `transaction_timeout` is there since 17; unknown before, and an unknown setting in the start-up packet refuses the connection. It is set only where it is not so already: a relay of an outbox comes through
 * Teal's proxy, and a session that has set it cannot cross to an older server.
 */
async function endNoTransaction(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(`select current_setting('transaction_timeout') as "limit"`);
  if (rows[0]?.['limit'] !== '0') await connection.query('SET transaction_timeout = 0');
}

/** Afterwards everything that was committed with `synchronous_commit = off` before, by whatever session, is on disk. */
export async function flushCommits(connection: PgConnection): Promise<void> {
  // A commit that has written something of its own waits for the whole log up to it; nobody who reads the log asks for messages.
  await connection.query(
    `set local synchronous_commit = on; select pg_catalog.pg_logical_emit_message(true, 'teal', '')`,
  );
}

/** `local`: for one statement only, to see whether it may. A role of which it is the default already need not be allowed to set it: before 15 nobody else than a superuser is. */
export function becomeReplicaSql(local: boolean): string {
  return `select case current_setting('session_replication_role') when 'replica' then 'replica' else set_config('session_replication_role', 'replica', ${local}) end as mode`;
}

async function becomeReplica(connection: PgConnection): Promise<void> {
  try {
    await connection.query(becomeReplicaSql(false));
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** As libpq and the proxy read it: `pg` leaves the escapes of `/ ? # ; &` and the like as they are, and would look for a database of another name. */
function decodedName(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new TealError(
      'TEAL-SYSTEMS-009',
      'a percent sign in the address of a database that escapes nothing',
      {},
      error,
    );
  }
}

function newClient(options: ConnectOptions, parsed: ParsedUrl): Client {
  const config = {
    connectionString: parsed.connectionString,
    options: parsed.options,
    application_name: options.applicationName,
    ...(options.replication === undefined ? {} : { replication: options.replication }),
    connectionTimeoutMillis: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    enableChannelBinding: true,
    types: asText,
    ...(options.reads === undefined ? {} : { stream: socketOf(options.reads) }),
  };
  try {
    const client = new Client(config);
    if (parsed.database !== '') {
      client.database = parsed.database;
      (client as unknown as ClientInternals).connectionParameters.database = parsed.database;
    }
    return client;
  } catch (error) {
    // A bad `sslmode` or a certificate file that is not there.
    throw asTealError(error, 'connecting');
  }
}

/** TLS reads by itself what lies below it. */
function socketOf(reads: LargeReads): (connection?: { readonly ssl?: unknown }) => Socket {
  return ({ ssl } = {}) => (ssl === undefined || ssl === false ? reads.socket : new Socket());
}

class Session implements PgConnection {
  readonly serverMajor: number;
  readonly processId: number;
  readonly #ended: AbortController;
  readonly #client: Client;
  readonly #internals: ClientInternals;
  #state: 'idle' | 'busy' | 'taken over' | 'closed' = 'idle';
  #inTransaction = false;

  constructor(client: Client, internals: ClientInternals, serverMajor: number, ended: AbortController) {
    this.#client = client;
    this.#internals = internals;
    this.serverMajor = serverMajor;
    this.processId = internals.processID;
    this.#ended = ended;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async query<Row extends PgRow = PgRow>(sql: string, parameters?: readonly PgParameter[]): Promise<PgResult<Row>> {
    if (this.ended.aborted) throw this.#endError();
    assert(this.#state === 'idle', `a session takes one statement at a time (it is ${this.#state})`);
    this.#state = 'busy';
    try {
      const answer: QueryResult | QueryResult[] = await this.#client.query(
        sql,
        parameters === undefined ? undefined : [...parameters],
      );
      const last = Array.isArray(answer) ? answer[answer.length - 1] : answer;
      return { rows: (last?.rows ?? []) as Row[], rowCount: last?.rowCount ?? 0, command: last?.command ?? '' };
    } catch (error) {
      throw asTealError(error, 'connected');
    } finally {
      this.#toIdle();
    }
  }

  async transaction<T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    assert(!this.#inTransaction, 'transactions do not nest');
    const isolation = options.isolation ?? 'read committed';
    await this.query(`BEGIN ISOLATION LEVEL ${isolation}${options.readOnly === true ? ' READ ONLY' : ''}`);
    this.#inTransaction = true;
    try {
      const result = await work();
      const { command } = await this.query('COMMIT');
      if (command !== 'COMMIT') {
        throw new TealError('TEAL-SYSTEMS-007', 'the server rolled back a transaction at its COMMIT', { command });
      }
      return result;
    } catch (error) {
      await this.#rollBack();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  async cancel(): Promise<void> {
    const { host, port, processID, secretKey } = this.#internals;
    const request = Buffer.alloc(16);
    request.writeInt32BE(16, 0);
    request.writeInt32BE(80_877_102, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    // In the clear also where sessions use TLS, as libpq before 17: the server looks at a cancel request before anything else.
    const socket = connectSocket(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    socket.setTimeout(defaultConnectTimeoutMs, () => socket.destroy());
    try {
      await once(socket, 'connect');
      socket.end(request);
      socket.resume();
      await once(socket, 'close');
    } catch (error) {
      throw asTealError(error, 'connecting');
    } finally {
      socket.destroy();
    }
  }

  takeOver(): RawSocket {
    if (this.ended.aborted) throw this.#endError();
    assert(this.#state === 'idle', `only an idle session can be taken over (it is ${this.#state})`);
    this.#state = 'taken over';
    const { stream } = this.#internals.connection;
    stream.pause();
    // The driver's reader is the only listener to data; its listeners to `error` and `close` stay and feed `ended`.
    stream.removeAllListeners('data');
    return stream;
  }

  abandon(reason: Error): void {
    // First: nothing that this session was about to send goes out any more, a COMMIT above all.
    this.#ended.abort(reason);
    this.#internals.connection.stream.destroy(reason);
  }

  async close(): Promise<void> {
    const before = this.#state;
    this.#state = 'closed';
    if (before === 'closed') return;
    const { stream } = this.#internals.connection;
    if (before === 'taken over' || this.ended.aborted) {
      stream.destroy();
      return;
    }
    // A peer behind a cut network never answers: the wait is bounded, then the socket goes.
    const bound = new AbortController();
    const end = this.#client.end().finally(() => bound.abort());
    await Promise.race([end, sleep(closeTimeoutMs, bound.signal)]).catch(() => undefined);
    stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #endError(): TealError {
    return asTealError(this.ended.reason, 'connected');
  }

  #toIdle(): void {
    if (this.#state === 'busy') this.#state = 'idle';
  }

  async #rollBack(): Promise<void> {
    if (this.ended.aborted || this.#state !== 'idle') return;
    try {
      await this.query('ROLLBACK');
    } catch {
      // The first error is the one to tell; a session that cannot even roll back must not be used again, and closing it rolls back.
      await this.close();
    }
  }
}

export interface LockRetry {
  /** Attempts in all; default 10. */
  readonly attempts?: number;
  /** Longest pause between two attempts; default 2 000. The pause is drawn from 50 ms up to a bound that doubles. */
  readonly maxPauseMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (attempt: number, waitedMs: number) => void;
}

/**
 * Repeats `work` while it fails with TEAL-SYSTEMS-008 (a lock was not had within `lock_timeout`, or only by a deadlock): short waits that are given up often do less harm than one long
 * one, behind which every other session queues. `work` must be a whole transaction. The last refusal is thrown.
 */
export async function withLockRetry<T>(retry: LockRetry, work: () => Promise<T>): Promise<T> {
  const attempts = retry.attempts ?? 10;
  const began = monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008') || attempt >= attempts) throw error;
      retry.onRetry?.(attempt, monotonicMs() - began);
    }
    const bound = Math.min(retry.maxPauseMs ?? 2_000, 100 * 2 ** (attempt - 1));
    await sleep(50 + Math.random() * bound, retry.signal);
  }
}
