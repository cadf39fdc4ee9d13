import type { Isolation } from '../../../src/testing/checker/history.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { Statement } from '../statement.ts';

export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows that it changed or returned. */
  readonly count: number;
}

/**
 * A connection that was borrowed of a driver's pool. One call at a time. Every method throws `DriverError`, and nothing else that comes from outside.
 */
export interface DriverConnection {
  /** Of the system that it is connected to now. */
  readonly dialect: Dialect;
  /** In the driver's own way; `run` is in this transaction until `commit` or `rollback`. */
  begin(isolation: Isolation): Promise<void>;
  /**
   * One answer a statement. Where the driver pipelines, all are sent before the first is answered. `commit`: the transaction's COMMIT is sent with them, so an error may
   * leave its outcome unknown; only where `pipelines` says so.
   */
  run(statements: readonly Statement[], end?: 'commit'): Promise<readonly Answer[]>;
  commit(): Promise<void>;
  /** Of a transaction that is open; after a COMMIT or a BEGIN that the server refused there is none, and it does nothing. */
  rollback(): Promise<void>;
  /**
   * Of one that goes to the other side when that takes the writes: true when this error says so. What was open is taken back then, nothing of it has happened, and the whole
   * transaction is to be done again, from `begin` on.
   */
  follows?(error: DriverError): Promise<boolean>;
  /** `text`: lines of COPY's text format. */
  copyIn(sql: string, text: string): Promise<void>;
  listen(channel: string): Promise<void>;
  /** The payloads of the notifications that have come since it was last asked. */
  heard(): Promise<readonly string[]>;
  /** Back to the pool; nothing is asked of it afterwards. */
  release(): Promise<void>;
  /** Closed, for it is broken or holds what nobody else may get. Does not throw. */
  destroy(): Promise<void>;
}

export interface OpenDriver extends AsyncDisposable {
  /** Whether statements are sent before the ones before them are answered; and whether COMMIT can be among them. */
  readonly pipelines: 'no' | 'statements' | 'commit too';
  /** Waits for one that is free, or for a new one, 10 s at most. */
  borrow(): Promise<DriverConnection>;
}

/** What the server said, by its SQLSTATE, or that the connection is no more, by the system's word for it (ECONNRESET) or `connection`. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly code: string;
  readonly isServers: boolean;

  constructor(code: string, isServers: boolean) {
    super(code);
    this.code = /^[A-Za-z0-9_ -]{1,40}$/.test(code) ? code : 'connection';
    this.isServers = isServers;
  }

  /** The connection is of no use any more: connection exceptions, and what a server says that ends a session. */
  get isLost(): boolean {
    return !this.isServers || /^(?:08|57P)/.test(this.code);
  }

  /**
   * As the answer to COMMIT it says nothing about the outcome: silence, an end of the session (a server that is shut down answers so after the commit record is
   * written, and the proxy where its backend went away), a want of resources, the system's errors.
   */
  get isDoubtful(): boolean {
    return this.isLost || /^(?:40003|53|58|XX)/.test(this.code);
  }
}

/** What a driver of this process threw. `isServers`: how the driver marks what the server said. */
export function asDriverError(error: unknown, isServers: (error: object) => boolean): DriverError {
  if (error instanceof DriverError) return error;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const word = typeof code === 'string' ? code : 'connection';
  return new DriverError(word, typeof error === 'object' && error !== null && isServers(error));
}
