import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Connection, ConnectionOptions, QueryError } from 'mysql2';
import { assert } from '../../kernel/assert.ts';
import { sleep } from '../../kernel/clock.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import { TealError } from '../../kernel/errors.ts';
import { parseAddress, type MysqlAddress } from './address.ts';
import { asTealError } from './errors.ts';
import { rowBatches, type RawRow } from './row-batches.ts';

export interface ConnectOptions {
  /** See `address.ts`. */
  readonly url: string;
  /** Seen as `program_name` in `performance_schema.session_connect_attrs`: says which part of Teal holds a lock or a snapshot. */
  readonly applicationName: string;
  readonly signal?: AbortSignal | undefined;
  /** For row locks and for locks of tables, in whole seconds upwards; default 10 000. */
  readonly lockTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** More settings of the session, set before the first statement: `{ foreign_key_checks: '0' }`. Values are SQL. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For `queryAll`; default false, so that no statement can be told to be two. */
  readonly manyStatements?: boolean;
}

export type MysqlFlavour = 'mysql' | 'mariadb';

/** A value as the server wrote it, or NULL. Never a JavaScript number or date: they would lose digits. */
export type MysqlRow = Readonly<Record<string, string | null>>;
/** Text and bytes; numbers go as text. */
export type MysqlParameter = string | number | bigint | Buffer | null;

export interface MysqlResult<Row extends MysqlRow = MysqlRow> {
  readonly rows: readonly Row[];
  /** Rows that a statement found to change, also where they had the value already (CLIENT_FOUND_ROWS); 0 for one that returns rows. */
  readonly affectedRows: number;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read';
  readonly readOnly?: boolean;
  /** The snapshot is taken by the BEGIN and not by the first read. Only for repeatable read. */
  readonly consistentSnapshot?: boolean;
}

/**
 * One session with Teal's settings, over mysql2. One statement at a time: a second one before the first has ended is a defect (TEAL-KERNEL-001). Disposal closes it.
 * SQL must qualify its names: what the default database is says the address.
 */
export interface MysqlConnection extends AsyncDisposable {
  readonly flavour: MysqlFlavour;
  /** `[8, 0, 33]`, `[10, 11, 14]`. */
  readonly version: readonly [number, number, number];
  /** As the server tells it: `10.11.14-MariaDB-0+deb12u2-log`. */
  readonly versionText: string;
  /** What KILL takes. */
  readonly processId: number;
  /** Aborted when the session ends, with the error as its reason. For those who wait without a statement running. */
  readonly ended: AbortSignal;
  /**
   * Text protocol; `?` are replaced by literals before it is sent. Rows in text form (UTF-8; bytes of a binary column that are no UTF-8 are lost: use `rows`).
   * Errors: TEAL-SYSTEMS-006 the session is gone, -008 a lock was not had in time, -010 not permitted, -007 any other refusal; see `errors.ts`.
   */
  query<Row extends MysqlRow = MysqlRow>(
    sql: string,
    parameters?: readonly MysqlParameter[],
  ): Promise<MysqlResult<Row>>;
  /**
   * Statements that return no rows, sent at once and done one after the other until one fails, which rejects. `done` is told of each that was done, in order, how many rows it affected. Only of a session that was
   * opened for it. Errors as of `query`.
   */
  queryAll(statements: readonly string[], done: (affectedRows: number) => void): Promise<void>;
  /** Prepared on the server and kept there, at most `preparedStatements` of them: for what is done often. Rows are not read. */
  execute(sql: string, parameters: readonly MysqlParameter[]): Promise<{ readonly affectedRows: number }>;
  /** Rows as the bytes that the server sent, as many at a time as have come, never more in memory than some hundreds of them. Leaving early ends the session: the server would send the rest. */
  batches(sql: string, parameters?: readonly MysqlParameter[]): AsyncIterable<readonly RawRow[]>;
  /** The same, one by one. */
  rows(sql: string, parameters?: readonly MysqlParameter[]): AsyncIterable<RawRow>;
  /** Begins, runs, commits; rolls back when `work` throws. Not nested. A statement that commits by itself (DDL) ends it. */
  transaction<T>(work: () => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Ends the session at once, whatever it waits for. The statement that runs rejects; whether the server has done it, or will yet, is not known. */
  abandon(reason: Error): void;
  /** Twice is harmless. Never throws: a session that is gone is closed. */
  close(): Promise<void>;
}

const defaultConnectTimeoutMs = 10_000;
const defaultLockTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;
const keepAliveMs = 10_000;
const preparedStatements = 500;

/** With which texts are read as they were written, also in a file of statements. */
export const readBack = Object.freeze({
  sql_mode: `'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'`,
  time_zone: `'+00:00'`,
});

/**
 * What every session of Teal needs to be true whatever the server or the account sets. Strict, so that no value is bent to fit; without the modes that refuse values which a table
 * of an older day holds (zero dates, 30 February, an id 0), or change what a literal means.
 */
function pinnedSettings(flavour: MysqlFlavour, lockTimeoutMs: number): Readonly<Record<string, string>> {
  const seconds = String(Math.max(1, Math.ceil(lockTimeoutMs / 1_000)));
  return {
    ...readBack,
    autocommit: '1',
    // Longest that they take: a copy may wait for its reader, and a session for its next use.
    wait_timeout: '2000000',
    net_read_timeout: '3600',
    net_write_timeout: '3600',
    lock_wait_timeout: seconds,
    innodb_lock_wait_timeout: seconds,
    group_concat_max_len: '16777216',
    ...(flavour === 'mariadb' ? { max_statement_time: '0' } : { max_execution_time: '0' }),
  };
}

/**
 * Opens a session. Errors: TEAL-SYSTEMS-001 not reachable, -002 the login was refused, -003 no such database, -004 encryption, -005 no free connection, -006 lost, -009 not an
 * address, -303 not MySQL or MariaDB.
 */
export async function connect(options: ConnectOptions): Promise<MysqlConnection> {
  options.signal?.throwIfAborted();
  const address = parseAddress(options.url);
  // A hundred modules, which whoever speaks with no MySQL need not wait for.
  const { createConnection } = await import('mysql2');
  const socket = address.tls === undefined || address.socketPath !== undefined ? undefined : socketOf(address);
  const client = createConnection(driverOptions(address, options, socket));
  const session = new Session(client, socket);
  try {
    await untilAborted(session, options.signal, async () => {
      await session.greeted(address);
      await session.pin(options);
    });
    return session;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

function driverOptions(address: MysqlAddress, options: ConnectOptions, socket: Socket | undefined): ConnectionOptions {
  const { tls } = address;
  return {
    ...(address.socketPath === undefined
      ? { host: address.host, port: address.port }
      : { socketPath: address.socketPath }),
    user: address.user,
    password: address.password,
    ...(address.database === undefined ? {} : { database: address.database }),
    ...(tls === undefined ? {} : { ssl: tls as NonNullable<ConnectionOptions['ssl']> }),
    ...(socket === undefined ? {} : { stream: () => socket }),
    charset: 'utf8mb4',
    connectTimeout: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    connectAttributes: { program_name: options.applicationName },
    enableKeepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    maxPreparedStatements: preparedStatements,
    // A server must not be able to ask for files of this machine.
    flags: ['-LOCAL_FILES', 'FOUND_ROWS'],
    multipleStatements: options.manyStatements === true,
    typeCast: false,
  };
}

/**
 * The driver gives no name to TLS where the address has a number, and Node then checks the certificate for the name that the socket was opened by, or else for `localhost`, which it may be for
 * on any machine (lib/internal/tls/wrap.js, onConnectSecure). The socket has its name only from a look-up: here it is told.
 */
function socketOf({ host, port }: MysqlAddress): Socket {
  const socket = connectTcp(port, host);
  socket.setNoDelay(true);
  socket.once('connect', () => socket.setKeepAlive(true, keepAliveMs));
  return Object.assign(socket, { _host: host });
}

type NamedRow = Readonly<Record<string, Buffer | null>>;
type Answer = readonly NamedRow[] | { readonly affectedRows: number };

class Session implements MysqlConnection {
  flavour: MysqlFlavour = 'mysql';
  version: readonly [number, number, number] = [0, 0, 0];
  versionText = '';
  readonly #client: Connection;
  readonly #socket: Socket | undefined;
  readonly #ended = new AbortController();
  #state: 'idle' | 'busy' | 'closed' = 'idle';
  #inTransaction = false;

  constructor(client: Connection, socket: Socket | undefined) {
    this.#client = client;
    this.#socket = socket;
    // Without a listener an idle session that dies would end the whole process.
    client.on('error', (error: Error) => this.#ended.abort(asTealError(error, 'connected')));
    const ended = (): void => this.#ended.abort(new TealError('TEAL-SYSTEMS-006', 'the session has ended'));
    client.on('end', ended);
    socket?.on('close', ended);
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get processId(): number {
    return this.#client.threadId;
  }

  /** Resolves when the server has let the session in. */
  async greeted(address: MysqlAddress): Promise<void> {
    const facts = { host: address.host, port: address.port, database: address.database ?? '' };
    await new Promise<void>((resolve, reject) => {
      this.#client.connect((error) => {
        if (error === null) resolve();
        else reject(asTealError(error, 'connecting', facts));
      });
    });
  }

  async pin(options: ConnectOptions): Promise<void> {
    const { rows } = await this.query('select version() as version');
    this.versionText = rows[0]?.['version'] ?? '';
    this.flavour = /mariadb/i.test(this.versionText) ? 'mariadb' : 'mysql';
    const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(this.versionText);
    if (numbers === null) throw new TealError('TEAL-SYSTEMS-303', 'the server tells no version of MySQL or MariaDB');
    this.version = [Number(numbers[1]), Number(numbers[2]), Number(numbers[3])];
    const pinned = pinnedSettings(this.flavour, options.lockTimeoutMs ?? defaultLockTimeoutMs);
    const settings = Object.entries({ ...pinned, ...options.settings });
    await this.query(`set ${settings.map(([name, value]) => `@@session.${name} = ${value}`).join(', ')}`);
  }

  async query<Row extends MysqlRow = MysqlRow>(
    sql: string,
    parameters: readonly MysqlParameter[] = [],
  ): Promise<MysqlResult<Row>> {
    const answer = await this.#run(sql, parameters, 'query');
    if (!Array.isArray(answer)) return { rows: [], affectedRows: (answer as { affectedRows: number }).affectedRows };
    return { rows: (answer as readonly NamedRow[]).map(asText) as Row[], affectedRows: 0 };
  }

  async queryAll(statements: readonly string[], done: (affectedRows: number) => void): Promise<void> {
    await this.#run(statements.join(';\n'), [], 'query', done);
  }

  async execute(sql: string, parameters: readonly MysqlParameter[]): Promise<{ readonly affectedRows: number }> {
    const answer = await this.#run(sql, parameters, 'execute');
    return { affectedRows: Array.isArray(answer) ? 0 : (answer as { affectedRows: number }).affectedRows };
  }

  async *rows(sql: string, parameters: readonly MysqlParameter[] = []): AsyncIterable<RawRow> {
    for await (const batch of this.batches(sql, parameters)) yield* batch;
  }

  async *batches(sql: string, parameters: readonly MysqlParameter[] = []): AsyncIterable<readonly RawRow[]> {
    this.#begin();
    let isWhole = false;
    try {
      yield* rowBatches(this.#client, { sql, values: parameters.map(asDriver) }, this.ended);
      isWhole = true;
    } catch (error) {
      // The server has ended the answer by it; a session that is gone says so by itself.
      isWhole = true;
      throw this.#failed(error);
    } finally {
      if (!isWhole) this.abandon(new TealError('TEAL-SYSTEMS-006', 'the rest of an answer was not wanted'));
      this.#toIdle();
    }
  }

  async transaction<T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    assert(!this.#inTransaction, 'transactions do not nest');
    await this.query(`set transaction isolation level ${options.isolation ?? 'read committed'}`);
    const snapshot = options.consistentSnapshot === true ? ['with consistent snapshot'] : [];
    const access = options.readOnly === true ? ['read only'] : [];
    await this.query(`start transaction ${[...snapshot, ...access].join(', ')}`);
    this.#inTransaction = true;
    try {
      const result = await work();
      await this.query('commit');
      return result;
    } catch (error) {
      await this.#rollBack();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  abandon(reason: Error): void {
    // First: nothing that this session was about to send goes out any more, a COMMIT above all.
    this.#ended.abort(reason);
    this.#client.destroy();
  }

  async close(): Promise<void> {
    const before = this.#state;
    this.#state = 'closed';
    if (before === 'closed') return;
    if (before === 'idle' && !this.ended.aborted) {
      // A peer behind a cut network never answers: the wait is bounded, then the socket goes.
      const bound = new AbortController();
      const ends = [once(this.#client, 'end'), ...(this.#socket === undefined ? [] : [once(this.#socket, 'close')])];
      const end = Promise.race(ends).finally(() => bound.abort());
      this.#client.end();
      await Promise.race([end, sleep(closeTimeoutMs, bound.signal)]).catch(() => undefined);
    }
    this.#client.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(
    sql: string,
    parameters: readonly MysqlParameter[],
    how: 'query' | 'execute',
    onEach?: (affectedRows: number) => void,
  ): Promise<Answer> {
    this.#begin();
    const values = parameters.map(asDriver);
    const stop = Promise.withResolvers<never>();
    const onEnd = (): void => stop.reject(this.#endError());
    this.ended.addEventListener('abort', onEnd, { once: true });
    try {
      const answer = new Promise<Answer>((resolve, reject) => {
        const done = (error: QueryError | null, result: unknown): void => {
          if (error === null) resolve(result as Answer);
          else reject(error);
        };
        // Without values the driver need not look for their places in a statement of a megabyte.
        const command =
          how === 'query'
            ? this.#client.query({ sql, values: values.length === 0 ? null : values }, done)
            : this.#client.execute({ sql, values }, done);
        if (onEach !== undefined) {
          command.on('result', (each: unknown) => onEach((each as { affectedRows: number }).affectedRows));
        }
      });
      // A driver whose socket was destroyed tells nobody.
      return await Promise.race([answer, stop.promise]);
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.ended.removeEventListener('abort', onEnd);
      this.#toIdle();
    }
  }

  #begin(): void {
    if (this.ended.aborted) throw this.#endError();
    assert(this.#state === 'idle', `a session takes one statement at a time (it is ${this.#state})`);
    this.#state = 'busy';
  }

  #toIdle(): void {
    if (this.#state === 'busy') this.#state = 'idle';
  }

  /** The driver tells a connection that was reset to the statement that ran, and to nobody else: no `error`, and no `end`, which comes of a FIN alone. */
  #failed(error: unknown): TealError {
    const told = asTealError(error, 'connected');
    if (error instanceof Error && Reflect.get(error, 'fatal') === true) this.#ended.abort(told);
    return told;
  }

  #endError(): TealError {
    return asTealError(this.ended.reason, 'connected');
  }

  async #rollBack(): Promise<void> {
    if (this.ended.aborted || this.#state !== 'idle') return;
    try {
      await this.query('rollback');
    } catch {
      // The first error is the one to tell; a session that cannot even roll back must not be used again, and closing it rolls back.
      await this.close();
    }
  }
}

/** The driver knows no bigint, and would send a number as a floating one. */
function asDriver(value: MysqlParameter): string | Buffer | null {
  return value === null || typeof value === 'string' || Buffer.isBuffer(value) ? value : String(value);
}

function asText(row: NamedRow): MysqlRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value?.toString('utf8') ?? null]));
}
