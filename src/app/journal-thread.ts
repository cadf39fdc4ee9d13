import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../kernel/assert.ts';
import { sleep } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import type { JournalParameter, JournalRow } from '../journal/place.ts';
import { failureOf, type Failure } from '../sync/receiver.ts';
import { connect, soonMissed, type PgConnection } from '../systems/postgres/connection.ts';

/** What the thread is given: where to answer, and the number that it raises when an answer is there. */
export interface JournalThreadData {
  readonly answers: MessagePort;
  readonly flag: SharedArrayBuffer;
}

export type ToJournal =
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly session: number;
      readonly url: string;
      readonly purpose: string;
      readonly connectMs: number;
    }
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly session: number;
      readonly sql: string;
      readonly parameters?: readonly JournalParameter[];
    }
  | { readonly kind: 'close' | 'abandon'; readonly session: number };

export interface JournalAnswer {
  readonly id: number;
  readonly rows?: readonly JournalRow[];
  readonly failure?: Failure;
}

/** A session that has ended by itself, told at once. */
export interface JournalLoss {
  readonly session: number;
  readonly failure: Failure;
}

/** Between two signs of life of a session that nobody uses, and how long one may take. */
const aliveEveryMs = 2_000;
const aliveLimitMs = 5_000;

const settings = { ...soonMissed, statement_timeout: '30000' };
/** A commit is on disk when it is answered, unless the statement says otherwise. */
const syncedSql = `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

/** The sessions of a process with the servers of journals, on a thread of its own: the process stands still while it waits, this thread does not. */
const port = must(parentPort, 'the parent of a journal thread');
const { answers, flag } = workerData as JournalThreadData;
const raised = new Int32Array(flag);
const sessions = new Map<number, ThreadSession>();
/** Those that were given up before they were there. */
const unwanted = new Set<number>();

/** One statement after the other. */
class ThreadSession {
  readonly #connection: PgConnection;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  get ended(): AbortSignal {
    return this.#connection.ended;
  }

  async ask(sql: string, parameters?: readonly JournalParameter[]): Promise<readonly JournalRow[]> {
    const asked = this.#turn.then(async () => this.#connection.query(sql, parameters));
    this.#turn = asked.catch(() => undefined);
    return (await asked).rows;
  }

  /** Until it ends: a server that does not answer is one that is lost. */
  async watch(): Promise<void> {
    while (!this.ended.aborted) {
      await sleep(aliveEveryMs, this.ended).catch(() => undefined);
      const answered = new AbortController();
      const late = sleep(aliveLimitMs, answered.signal).then(
        () => this.abandon(new TealError('TEAL-SYSTEMS-006', `no answer within ${aliveLimitMs} ms`)),
        () => undefined,
      );
      await this.ask('select').catch(() => undefined);
      answered.abort();
      await late;
    }
  }

  abandon(reason: Error): void {
    this.#connection.abandon(reason);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function answer(told: JournalAnswer): void {
  answers.postMessage(told, []);
  Atomics.add(raised, 0, 1);
  Atomics.notify(raised, 0);
}

async function open({
  session,
  url,
  purpose,
  connectMs,
}: ToJournal & { readonly kind: 'open' }): Promise<readonly JournalRow[]> {
  const connection = await connect({
    url,
    applicationName: purpose,
    connectTimeoutMs: connectMs,
    extraOptions: settings,
  });
  await connection.query(syncedSql);
  if (unwanted.delete(session)) {
    await connection.close();
    return [];
  }
  const opened = new ThreadSession(connection);
  sessions.set(session, opened);
  const tellLoss = (): void => {
    // One that was closed is not missed.
    if (!sessions.delete(session)) return;
    port.postMessage({ session, failure: failureOf(connection.ended.reason) } satisfies JournalLoss);
  };
  if (connection.ended.aborted) tellLoss();
  else connection.ended.addEventListener('abort', tellLoss, { once: true });
  void opened.watch();
  return [];
}

async function ask({ session, sql, parameters }: ToJournal & { readonly kind: 'ask' }): Promise<readonly JournalRow[]> {
  const found = sessions.get(session);
  if (found === undefined) throw new TealError('TEAL-SYSTEMS-006', 'the session has ended');
  return found.ask(sql, parameters);
}

async function serve(request: ToJournal & { readonly kind: 'open' | 'ask' }): Promise<void> {
  try {
    answer({ id: request.id, rows: request.kind === 'open' ? await open(request) : await ask(request) });
  } catch (error) {
    answer({ id: request.id, failure: failureOf(error) });
  }
}

async function end(session: number, isLate: boolean): Promise<void> {
  const found = sessions.get(session);
  if (found === undefined && isLate) unwanted.add(session);
  sessions.delete(session);
  if (isLate) found?.abandon(new TealError('TEAL-SYSTEMS-006', 'no answer in time'));
  await found?.close();
}

port.on('message', (request: ToJournal) => {
  if (request.kind === 'open' || request.kind === 'ask') void serve(request);
  else void end(request.session, request.kind === 'abandon');
});
