import { Pool, type Client, type Connection, type CustomTypesConfig, type PoolClient, type Submittable } from 'pg';
import type { Isolation } from '../../../src/testing/checker/history.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { postgresDialect } from '../dialects/postgres.ts';
import { asDriverError, type Answer, type DriverConnection, type OpenDriver } from './driver.ts';
import type { Statement } from '../statement.ts';

const asText: CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value };
const connectLimitMs = 10_000;

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDriverError(error, (thrown) => 'severity' in thrown);
  }
}

/** `pg` with its pool; a statement with a name is one of its named ones. */
export function openNodePostgres(url: string, size: number, dialect: Dialect = postgresDialect): OpenDriver {
  const pool = new Pool({ connectionString: url, max: size, types: asText, connectionTimeoutMillis: connectLimitMs });
  // Of a connection that nobody has borrowed: the pool throws it away.
  pool.on('error', () => undefined);
  return {
    pipelines: 'no',
    borrow: async () => told(async () => new NodePostgres(await pool.connect(), dialect)),
    [Symbol.asyncDispose]: async () => pool.end(),
  };
}

class NodePostgres implements DriverConnection {
  readonly dialect: Dialect;
  readonly #client: PoolClient;
  #heard: string[] = [];
  readonly #hear = ({ payload }: { readonly payload?: string | undefined }): void => {
    this.#heard.push(payload ?? '');
  };
  // The query that meets it tells it.
  readonly #ignore = (): void => undefined;

  constructor(client: PoolClient, dialect: Dialect) {
    this.#client = client;
    this.dialect = dialect;
    client.on('error', this.#ignore);
  }

  async begin(isolation: Isolation): Promise<void> {
    await told(async () => this.#client.query(`begin isolation level ${isolation}`));
  }

  async run(statements: readonly Statement[]): Promise<readonly Answer[]> {
    return told(async () => {
      const answers: Answer[] = [];
      for (const { sql, params, name } of statements) {
        const { rows, rowCount } = await this.#client.query<(string | null)[]>({
          text: sql,
          values: [...params],
          rowMode: 'array',
          ...(name === undefined ? {} : { name }),
        });
        answers.push({ rows, count: rowCount ?? 0 });
      }
      return answers;
    });
  }

  async commit(): Promise<void> {
    await told(async () => this.#client.query('commit'));
  }

  async rollback(): Promise<void> {
    await told(async () => this.#client.query('rollback'));
  }

  async copyIn(sql: string, text: string): Promise<void> {
    await told(async () => {
      const copy = new CopyIn(sql, text);
      (this.#client as unknown as Client).query(copy);
      await copy.done;
    });
  }

  async listen(channel: string): Promise<void> {
    this.#client.on('notification', this.#hear);
    await told(async () => this.#client.query(`listen ${this.#client.escapeIdentifier(channel)}`));
  }

  async heard(): Promise<readonly string[]> {
    const heard = this.#heard;
    this.#heard = [];
    return Promise.resolve(heard);
  }

  async release(): Promise<void> {
    this.#client.off('notification', this.#hear);
    this.#client.off('error', this.#ignore);
    this.#client.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    // The listener of errors stays: its socket may yet tell one.
    this.#client.release(true);
    return Promise.resolve();
  }
}

interface CopyConnection extends Connection {
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** What `pg` itself lacks: it calls these for the messages of the statement that it runs. */
class CopyIn implements Submittable {
  readonly #sql: string;
  readonly #text: string;
  readonly #settled = Promise.withResolvers<void>();
  #error: Error | undefined;

  constructor(sql: string, text: string) {
    this.#sql = sql;
    this.#text = text;
  }

  get done(): Promise<void> {
    return this.#settled.promise;
  }

  submit(connection: Connection): void {
    (connection as CopyConnection).query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(Buffer.from(this.#text));
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  /** Of a server that goes on: ReadyForQuery follows. Of a connection that is gone: nothing does. */
  handleError(error: Error): void {
    this.#error = error;
    this.#settled.reject(error);
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#settled.resolve();
  }
}
