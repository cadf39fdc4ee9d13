import postgres, { type Options, type Sql } from 'postgres';
import type { Isolation } from '../../../src/testing/checker/history.ts';
import { postgresDialect } from '../dialects/postgres.ts';
import { DriverError, asDriverError, type Answer, type DriverConnection, type OpenDriver } from './driver.ts';
import type { Statement } from '../statement.ts';

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDriverError(error, (thrown) => 'severity' in thrown);
  }
}

/**
 * postgres.js: it prepares every statement and pipelines what is asked at once. Each connection is a pool of one: it would connect again by itself, and only a pool's `onclose` tells that what was
 * begun is gone. Its users have `sql.begin`, which knows.
 */
export function openPostgresJs(url: string): OpenDriver {
  const idle: PostgresJs[] = [];
  const all = new Set<PostgresJs>();
  return {
    pipelines: 'commit too',
    borrow: async () => {
      for (let known = idle.pop(); known !== undefined; known = idle.pop()) if (!known.isLost) return known;
      const fresh = new PostgresJs(
        url,
        (each) => idle.push(each),
        (each) => all.delete(each),
      );
      all.add(fresh);
      await fresh.connect();
      return fresh;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...all].map(async (each) => each.destroy()));
    },
  };
}

class PostgresJs implements DriverConnection {
  readonly dialect = postgresDialect;
  readonly #sql: Sql;
  readonly #url: string;
  #listener: Sql | undefined;
  readonly #giveBack: (self: PostgresJs) => void;
  readonly #forget: (self: PostgresJs) => void;
  #heard: string[] = [];
  #isClosed = false;

  constructor(url: string, giveBack: (self: PostgresJs) => void, forget: (self: PostgresJs) => void) {
    this.#giveBack = giveBack;
    this.#forget = forget;
    // What it has not sent yet it would send on the next connection, outside of the transaction that was begun on the lost one.
    this.#url = url;
    this.#sql = this.#open({});
  }

  #open(more: Options<Record<string, never>>): Sql {
    const onclose = (): void => {
      this.#isClosed = true;
      void this.destroy();
    };
    return postgres(this.#url, { max: 1, connect_timeout: 10, onnotice: () => undefined, onclose, ...more });
  }

  get isLost(): boolean {
    return this.#isClosed;
  }

  async connect(): Promise<void> {
    try {
      await this.#plain('select 1');
    } catch (error) {
      await this.destroy();
      throw error;
    }
  }

  async begin(isolation: Isolation): Promise<void> {
    await this.#plain(`begin isolation level ${isolation}`);
  }

  /** The first error is the one that counts: the others only follow from it, and a COMMIT that follows one takes the transaction back. */
  async run(statements: readonly Statement[], end?: 'commit'): Promise<readonly Answer[]> {
    return told(async () => {
      this.#refuseLost();
      const asked = statements.map(async ({ sql, params }) => {
        const result = await this.#sql.unsafe(sql, [...params], { prepare: true }).values();
        return { rows: (result as unknown as unknown[][]).map((row) => row.map(asText)), count: result.count };
      });
      const last = end === undefined ? [] : [this.#plain('commit')];
      for (const each of await Promise.allSettled([...asked, ...last]))
        if (each.status === 'rejected') throw each.reason;
      return Promise.all(asked);
    });
  }

  async commit(): Promise<void> {
    await this.#plain('commit');
  }

  async rollback(): Promise<void> {
    await this.#plain('rollback');
  }

  async copyIn(sql: string, text: string): Promise<void> {
    await told(async () => {
      this.#refuseLost();
      const stream = await this.#sql.unsafe(sql).writable();
      const ended = Promise.withResolvers<void>();
      stream.once('error', ended.reject);
      stream.once('finish', ended.resolve);
      stream.end(text);
      await ended.promise;
    });
  }

  /**
   * On a connection of its own, as `sql.listen` does it; that one would listen again in silence after it was lost, and what was notified meanwhile would be missing with nobody to blame. Here
   * such a loss is the loss of this connection.
   */
  async listen(channel: string): Promise<void> {
    await told(async () => {
      const onnotify = (_: string, payload: string): void => void this.#heard.push(payload);
      // Understood by the library, which hands it to its own listener, and not in its types.
      const listening = { idle_timeout: undefined, max_lifetime: null, fetch_types: false, onnotify };
      this.#listener ??= this.#open(listening);
      await this.#listener.unsafe(`listen "${channel}"`);
    });
  }

  async heard(): Promise<readonly string[]> {
    await told(async () => Promise.resolve(this.#refuseLost()));
    const heard = this.#heard;
    this.#heard = [];
    return Promise.resolve(heard);
  }

  async release(): Promise<void> {
    this.#giveBack(this);
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    this.#forget(this);
    const all = [this.#sql, this.#listener];
    await Promise.all(all.map(async (each) => each?.end({ timeout: 0 }).catch(() => undefined)));
  }

  async #plain(sql: string): Promise<void> {
    this.#refuseLost();
    await told(async () => this.#sql.unsafe(sql));
  }

  #refuseLost(): void {
    if (this.#isClosed) throw new DriverError('CONNECTION_CLOSED', false);
  }
}

function asText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value;
  throw new TypeError('a column that was not selected as text');
}
