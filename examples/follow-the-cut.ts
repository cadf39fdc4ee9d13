import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { Client } from 'pg';

/**
 * A data layer that follows a cut from MySQL (blue) to PostgreSQL (green), and back: no proxy stands before two protocols, so the application knows both drivers and goes to the
 * side that takes its writes. `make demo-mysql` runs it under load.
 */
export type Side = 'blue' | 'green';
export type Row = Readonly<Record<string, unknown>>;

/** One session of either driver. `?` stands for a value, in the SQL of both. */
export interface Session {
  query(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Into a table that counts in its column `id`: answers the new number. */
  insert(sql: string, values: readonly unknown[]): Promise<number>;
  end(): Promise<void>;
}

/** What an error says of its transaction. All but `lost` say that nothing of it has happened, once it is rolled back. */
type Verdict = 'refused' | 'deadlock' | 'duplicate' | 'lost' | 'failed';
type Again = 'refused' | 'deadlock' | 'lost';

/** What a driver has thrown, and nothing that the application has. */
class DriverError extends Error {
  readonly verdict: Verdict;

  constructor(verdict: Verdict, cause: unknown) {
    super(verdict, { cause });
    this.verdict = verdict;
  }
}

async function judged<T>(work: Promise<T>, verdict: (error: object) => Verdict): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new DriverError(verdict(Object(error)), error);
  }
}

const connectMs = 5_000;
const statementMs = 20_000;

async function openMysql(uri: string): Promise<Session> {
  const settings = { uri, connectTimeout: connectMs, charset: 'utf8mb4', timezone: 'Z' };
  const client = await judged(createConnection(settings), mysqlVerdict);
  // The next statement tells.
  client.on('error', () => undefined);
  const run = async (sql: string, values: readonly unknown[]): Promise<RowDataPacket[] | ResultSetHeader> => {
    const asked = client.query<RowDataPacket[] | ResultSetHeader>({ sql, values: [...values], timeout: statementMs });
    return (await judged(asked, mysqlVerdict))[0];
  };
  return {
    async query(sql, values = []) {
      const rows = await run(sql, values);
      return Array.isArray(rows) ? rows : [];
    },
    async insert(sql, values) {
      const done = await run(sql, values);
      return Array.isArray(done) ? 0 : done.insertId;
    },
    end: async () => client.destroy(),
  };
}

function mysqlVerdict(error: { errno?: number; sqlState?: string; message?: string }): Verdict {
  // No answer of the server's.
  if (error.sqlState === undefined) return 'lost';
  switch (error.errno) {
    case 1290: // Some option prevents the statement; the text tells which.
      return /read[-_]only/.test(error.message ?? '') ? 'refused' : 'failed';
    case 1836: // The server is in its read-only mode.
      return 'refused';
    case 1205: // A lock was not had in time.
    case 1213:
      return 'deadlock';
    case 1062:
      return 'duplicate';
    case 1053: // The server goes down; the session was ended.
    case 1317:
    case 1927:
    case 3169:
      return 'lost';
    default:
      return 'failed';
  }
}

async function openPostgres(connectionString: string): Promise<Session> {
  // A DATETIME of MySQL becomes a timestamp without time zone: the moment that both call now must be the same.
  const settings = { connectionTimeoutMillis: connectMs, query_timeout: statementMs, options: '-c timezone=UTC' };
  const client = new Client({ connectionString, ...settings });
  client.on('error', () => undefined);
  await judged(client.connect(), postgresVerdict);
  const run = async (sql: string, values: readonly unknown[]): Promise<readonly Row[]> => {
    let number = 0;
    const numbered = sql.replaceAll('?', () => `$${(number += 1)}`);
    return (await judged(client.query<Row>(numbered, [...values]), postgresVerdict)).rows;
  };
  return {
    query: async (sql, values = []) => run(sql, values),
    insert: async (sql, values) => Number((await run(`${sql} returning id`, values))[0]?.['id']),
    end: async () => client.end(),
  };
}

function postgresVerdict(error: { code?: string; severity?: string; message?: string }): Verdict {
  // No answer of the server's.
  if (error.severity === undefined) return 'lost';
  switch (error.code) {
    case '25006': // Teal's fence; otherwise a transaction that was begun READ ONLY.
      return error.message?.startsWith('teal: fenced') === true ? 'refused' : 'failed';
    case '40001':
    case '40P01':
    case '55P03': // A lock was not had in time.
      return 'deadlock';
    case '23505':
      return 'duplicate';
    case '57P01': // The server goes down; the session was ended.
    case '57P02':
    case '57P03':
      return 'lost';
    default:
      return 'failed';
  }
}

/** The side that took a write last: one for the whole application. Reads go there. */
export interface Live {
  side: Side;
}

export interface StoreOptions {
  readonly urls: Readonly<Record<Side, string>>;
  readonly live: Live;
  /** Keeps a write's token in a table where it can be only once, within the write's own transaction. */
  readonly tokenSql: string;
  /** How long a request may wait for a side that takes it. */
  readonly patienceMs: number;
  /** Hears why something is done again. */
  readonly onAgain?: (why: Again) => void;
}

/** The answer was lost, and no side could be asked in time: the write may be there, or may not. */
export class Unanswered extends Error {}

/** For one worker of the application: one request at a time. */
export class Store {
  readonly #options: StoreOptions;
  readonly #sessions = new Map<Side, Session>();

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /**
   * One transaction, once, on the side that takes it. `work` may run several times, and changes nothing but through its session. Undefined when an earlier attempt turns out to
   * have done it: its answer was lost, and its token is there.
   */
  async write<T>(token: readonly unknown[], work: (session: Session) => Promise<T>): Promise<T | undefined> {
    const { live } = this.#options;
    let { side } = live;
    let hasMoved = false;
    let isUnsure = false;
    return this.#untilDone({
      attempt: async () => {
        const done = await this.#transaction(side, token, work);
        if (hasMoved) live.side = side;
        return done;
      },
      judge: async (error) => {
        const why = await this.#clear(side, error);
        isUnsure ||= why === 'lost';
        if (why !== 'refused') return why;
        hasMoved = true;
        side = live.side === side ? otherThan(side) : live.side;
        return why;
      },
      late: (text, cause) => (isUnsure ? new Unanswered(text, { cause }) : new Error(text, { cause })),
    });
  }

  async #transaction<T>(
    side: Side,
    token: readonly unknown[],
    work: (session: Session) => Promise<T>,
  ): Promise<T | undefined> {
    const session = await this.#session(side);
    await session.query('begin');
    // First of all: while another transaction that has written the same token is open this waits for its end.
    if (!(await isFirst(session.query(this.#options.tokenSql, token)))) {
      await session.query('rollback');
      return undefined;
    }
    const value = await work(session);
    await session.query('commit');
    return value;
  }

  async read(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    let { side } = this.#options.live;
    return this.#untilDone({
      attempt: async () => {
        side = this.#options.live.side;
        return (await this.#session(side)).query(sql, values);
      },
      judge: async (error) => this.#clear(side, error),
      late: (text, cause) => new Error(text, { cause }),
    });
  }

  async end(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(async (session) => session.end()));
    this.#sessions.clear();
  }

  async #untilDone<T>(doing: {
    readonly attempt: () => Promise<T>;
    readonly judge: (error: unknown) => Promise<Again>;
    readonly late: (text: string, cause: unknown) => Error;
  }): Promise<T> {
    const { patienceMs, onAgain } = this.#options;
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = 2; ; pauseMs = Math.min(50, pauseMs * 2)) {
      try {
        return await doing.attempt();
      } catch (error) {
        const why = await doing.judge(error);
        if (performance.now() + pauseMs > deadline) throw doing.late(`not done within ${patienceMs} ms: ${why}`, error);
        onAgain?.(why);
      }
      await sleep(pauseMs);
    }
  }

  /** Why it is to be done again; throws what is the application's to know. A session that has answered goes on after a ROLLBACK, another one is thrown away. */
  async #clear(side: Side, error: unknown): Promise<Again> {
    const why = error instanceof DriverError ? error.verdict : 'failed';
    const session = this.#sessions.get(side);
    const isClear = why !== 'lost' && session !== undefined && (await succeeds(session.query('rollback')));
    if (!isClear && session !== undefined) {
      this.#sessions.delete(side);
      await succeeds(session.end());
    }
    if (why === 'duplicate' || why === 'failed') throw error instanceof DriverError ? error.cause : error;
    return why;
  }

  async #session(side: Side): Promise<Session> {
    const known = this.#sessions.get(side);
    if (known !== undefined) return known;
    const url = this.#options.urls[side];
    const session = await (side === 'blue' ? openMysql(url) : openPostgres(url));
    this.#sessions.set(side, session);
    return session;
  }
}

function otherThan(side: Side): Side {
  return side === 'blue' ? 'green' : 'blue';
}

async function isFirst(token: Promise<unknown>): Promise<boolean> {
  try {
    await token;
    return true;
  } catch (error) {
    if (error instanceof DriverError && error.verdict === 'duplicate') return false;
    throw error;
  }
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
