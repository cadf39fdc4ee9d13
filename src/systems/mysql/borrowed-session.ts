import { within } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { connect, type MysqlConnection, type MysqlResult } from './connection.ts';
import { serverNumberOf } from './errors.ts';
import type { RawRow } from './row-batches.ts';
import type { SnapshotSessions } from './snapshot-sessions.ts';

/** To end a statement that nobody wants the rest of, before its session is given up. */
const stopTimeoutMs = 10_000;
/** The server's number for a statement that KILL QUERY has ended. */
const queryInterrupted = 1317;

/**
 * One of a snapshot's sessions, which goes back when it is disposed of. A statement that is left in its middle, or that the signal stops, is ended on the server, and the
 * session stays: nobody could open another one in its snapshot.
 */
export class BorrowedSession implements AsyncDisposable {
  readonly #url: string;
  readonly #sessions: SnapshotSessions;
  readonly #session: MysqlConnection;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => {
    if (this.#running !== undefined) void this.#killQuery().catch(() => this.#giveUp());
  };
  #running: AsyncIterator<readonly RawRow[]> | undefined;

  private constructor(url: string, sessions: SnapshotSessions, session: MysqlConnection, signal: AbortSignal) {
    this.#url = url;
    this.#sessions = sessions;
    this.#session = session;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** Waits for one that is free. `url` is the server's, to end statements from beside. TEAL-SYNC-203 when all have ended. */
  static async from(url: string, sessions: SnapshotSessions, signal: AbortSignal): Promise<BorrowedSession> {
    return new BorrowedSession(url, sessions, await sessions.borrow(signal), signal);
  }

  get flavour(): MysqlConnection['flavour'] {
    return this.#session.flavour;
  }

  async query(sql: string): Promise<MysqlResult> {
    await this.#stop();
    this.#signal.throwIfAborted();
    return this.#session.query(sql);
  }

  /** As `batches`, one by one. */
  async *rows(sql: string): AsyncGenerator<RawRow, void, void> {
    for await (const batch of this.batches(sql)) yield* batch;
  }

  /** As `MysqlConnection.batches`, but that leaving early keeps the session. When the signal is aborted it throws the signal's reason. */
  async *batches(sql: string): AsyncGenerator<readonly RawRow[], void, void> {
    await this.#stop();
    this.#signal.throwIfAborted();
    const rows = this.#session.batches(sql)[Symbol.asyncIterator]();
    this.#running = rows;
    try {
      for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
        this.#signal.throwIfAborted();
        yield next.value;
      }
      this.#running = undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
    await this.#stop();
    await this.#sessions.giveBack(this.#session);
  }

  /** Ends a statement that was left. */
  async #stop(): Promise<void> {
    const rows = this.#running;
    this.#running = undefined;
    if (rows === undefined || this.#session.ended.aborted) return;
    const late = (): TealError => new TealError('TEAL-KERNEL-002', 'still waiting for a statement to end');
    try {
      await within(stopTimeoutMs, late, async () => {
        await this.#killQuery();
        await untilDone(rows);
        // A KILL that came after the end of its statement meets the next one.
        for (let n = 0; n < 2; n += 1) await this.#session.query('do 1').catch(refuseOther);
      });
    } catch {
      this.#giveUp();
    }
  }

  async #killQuery(): Promise<void> {
    await using other = await connect({ url: this.#url, applicationName: 'teal copy' });
    await other.query(`kill query ${this.#session.processId}`);
  }

  #giveUp(): void {
    this.#session.abandon(new TealError('TEAL-SYSTEMS-006', 'a statement could not be ended'));
  }
}

async function untilDone(rows: AsyncIterator<readonly RawRow[]>): Promise<void> {
  try {
    for (let next = await rows.next(); next.done !== true; next = await rows.next());
  } catch (error) {
    refuseOther(error);
  }
}

function refuseOther(error: unknown): void {
  if (serverNumberOf(error) !== queryInterrupted) throw error;
}
