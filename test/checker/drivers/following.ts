import { randomInt } from 'node:crypto';
import { monotonicMs, sleep } from '../../../src/kernel/clock.ts';
import { otherSide, type Side } from '../../../src/model/catalog.ts';
import type { Isolation } from '../../../src/testing/checker/history.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { mysqlDialect } from '../dialects/mysql.ts';
import { movedDialect } from '../dialects/postgres.ts';
import type { Answer, DriverConnection, DriverError, OpenDriver } from './driver.ts';
import type { Statement } from '../statement.ts';
import { closedCode, openMysql2 } from './mysql2.ts';
import { openNodePostgres } from './node-postgres.ts';

/** The fence's own of PostgreSQL. No transaction of the workload is read-only by itself. */
const fencedCode = '25006';
/** How long a transaction may wait for a side that takes it: a cut and its end by somebody else. */
const patienceMs = 30_000;
const pausesMs = [2, 50] as const;

/** Where a process of clients goes: to the side that took a write last (docs/guide/mysql.md, "How an application follows the cut"). */
interface Live {
  side: Side;
}

/**
 * Clients of both protocols, for a cut that no proxy leads through: `urls` of blue (MySQL) and green (PostgreSQL). As examples/follow-the-cut.ts, but for the token: here it is only
 * the write that each transaction begins with, so that what it reads is read on the side that owns the data. Whether a COMMIT without an answer has happened is for the judge.
 */
export function openFollowing(urls: Readonly<Record<Side, string>>, size: number): OpenDriver {
  const pools = { blue: openMysql2(urls.blue, size), green: openNodePostgres(urls.green, size, movedDialect) };
  const live: Live = { side: 'blue' };
  return {
    pipelines: 'no',
    borrow: async () => Promise.resolve(new Following(pools, live)),
    async [Symbol.asyncDispose]() {
      await Promise.all([pools.blue[Symbol.asyncDispose](), pools.green[Symbol.asyncDispose]()]);
    },
  };
}

class Following implements DriverConnection {
  readonly #pools: Readonly<Record<Side, OpenDriver>>;
  readonly #live: Live;
  readonly #open = new Map<Side, DriverConnection>();
  #side: Side;
  /** Since when no side has taken what it is asked for. */
  #refusedSinceMs: number | undefined;
  #pauseMs: number = pausesMs[0];

  constructor(pools: Readonly<Record<Side, OpenDriver>>, live: Live) {
    this.#pools = pools;
    this.#live = live;
    this.#side = live.side;
  }

  get dialect(): Dialect {
    return this.#side === 'blue' ? mysqlDialect : movedDialect;
  }

  async begin(isolation: Isolation): Promise<void> {
    const connection = await this.#connection();
    await connection.begin(isolation);
    const token = randomInt(2 ** 47);
    const sql = `insert into tokens (token) values (${this.#side === 'blue' ? '?' : '$1'})`;
    await connection.run([{ sql, params: [token] }]);
  }

  async run(statements: readonly Statement[]): Promise<readonly Answer[]> {
    return (await this.#connection()).run(statements);
  }

  async commit(): Promise<void> {
    await (await this.#connection()).commit();
    this.#live.side = this.#side;
    this.#refusedSinceMs = undefined;
    [this.#pauseMs] = pausesMs;
  }

  async rollback(): Promise<void> {
    await (await this.#connection()).rollback();
    this.#refusedSinceMs = undefined;
  }

  async follows(error: DriverError): Promise<boolean> {
    if (!error.isServers || (error.code !== closedCode && error.code !== fencedCode)) return false;
    this.#refusedSinceMs ??= monotonicMs();
    if (monotonicMs() - this.#refusedSinceMs > patienceMs) return false;
    await (await this.#connection()).rollback();
    this.#side = this.#live.side === this.#side ? otherSide(this.#side) : this.#live.side;
    await sleep(this.#pauseMs);
    this.#pauseMs = Math.min(pausesMs[1], this.#pauseMs * 2);
    return true;
  }

  async copyIn(): Promise<void> {
    return Promise.reject(new Error('not between two systems'));
  }

  async listen(): Promise<void> {
    return Promise.reject(new Error('not between two systems'));
  }

  async heard(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async release(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(async (each) => each.release()));
  }

  async destroy(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(async (each) => each.destroy()));
  }

  async #connection(): Promise<DriverConnection> {
    const known = this.#open.get(this.#side);
    if (known !== undefined) return known;
    const connection = await this.#pools[this.#side].borrow();
    this.#open.set(this.#side, connection);
    return connection;
  }
}
