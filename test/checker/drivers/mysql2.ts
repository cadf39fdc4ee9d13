import { createPool, type PoolConnection, type ResultSetHeader } from 'mysql2/promise';
import type { Isolation } from '../../../src/testing/checker/history.ts';
import { mysqlDialect } from '../dialects/mysql.ts';
import { asDriverError, DriverError, type Answer, type DriverConnection, type OpenDriver } from './driver.ts';
import type { Statement } from '../statement.ts';

const connectLimitMs = 10_000;

/** The server takes no writes of clients now. Never the answer to one of the workload's own mistakes. */
export const closedCode = 'read only';

/** By the numbers of the server's errors; the workload's own ends are called as PostgreSQL calls them. */
const codes: Readonly<Record<number, string>> = {
  1062: '23505',
  1213: '40001',
  1290: closedCode,
  1836: closedCode,
  // The server goes down; the session was ended.
  1053: '08S01',
  1317: '08S01',
  1927: '08S01',
  3169: '08S01',
};

interface Thrown {
  readonly errno?: number;
  readonly sqlState?: string;
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { errno = 0, sqlState = '' }: Thrown = Object(error) as Thrown;
    // No answer of the server's.
    if (sqlState === '') throw asDriverError(error, () => false);
    // HY000 is for all that has no code of its own: it says nothing about the outcome of a COMMIT.
    throw new DriverError(codes[errno] ?? (sqlState === 'HY000' ? `XX ${errno}` : sqlState), true);
  }
}

type Row = readonly (string | number | null)[];

/** `mysql2` with its pool; a statement with a name is prepared by the server. */
export function openMysql2(url: string, size: number): OpenDriver {
  const pool = createPool({
    uri: url,
    connectionLimit: size,
    connectTimeout: connectLimitMs,
    charset: 'utf8mb4',
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    connectAttributes: { program_name: 'shop' },
  });
  return {
    pipelines: 'no',
    borrow: async () => told(async () => new Mysql2(await pool.getConnection())),
    [Symbol.asyncDispose]: async () => pool.end(),
  };
}

class Mysql2 implements DriverConnection {
  readonly dialect = mysqlDialect;
  readonly #client: PoolConnection;
  // The statement that meets it tells it.
  readonly #ignore = (): void => undefined;

  constructor(client: PoolConnection) {
    this.#client = client;
    client.on('error', this.#ignore);
  }

  async begin(isolation: Isolation): Promise<void> {
    await told(async () => {
      await this.#client.query(`set transaction isolation level ${isolation}`);
      await this.#client.beginTransaction();
    });
  }

  async run(statements: readonly Statement[]): Promise<readonly Answer[]> {
    return told(async () => {
      const answers: Answer[] = [];
      for (const each of statements) answers.push(await this.#run(each));
      return answers;
    });
  }

  async #run({ sql, params, name, count = 1 }: Statement): Promise<Answer> {
    const [result] =
      name === undefined ? await this.#client.query(sql, [...params]) : await this.#client.execute(sql, [...params]);
    if (Array.isArray(result)) {
      const rows = (result as unknown as readonly Row[]).map((row) => row.map(asText));
      return { rows, count: rows.length };
    }
    const { affectedRows, insertId } = result as ResultSetHeader;
    return { rows: insertId === 0 ? [] : [[String(insertId)]], count: affectedRows / count };
  }

  async commit(): Promise<void> {
    await told(async () => this.#client.commit());
  }

  async rollback(): Promise<void> {
    await told(async () => this.#client.rollback());
  }

  async copyIn(): Promise<void> {
    return Promise.reject(new Error('MySQL has no COPY'));
  }

  async listen(): Promise<void> {
    return Promise.reject(new Error('MySQL has no LISTEN'));
  }

  async heard(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async release(): Promise<void> {
    this.#client.off('error', this.#ignore);
    this.#client.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    // The listener of errors stays: its socket may yet tell one.
    this.#client.destroy();
    return Promise.resolve();
  }
}

function asText(value: string | number | null): string | null {
  return value === null ? null : String(value);
}
