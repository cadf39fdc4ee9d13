import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { monotonicMs } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import type { JournalParameter, JournalRow, JournalSession } from '../journal/place.ts';
import { errorOfFailure, type Failure } from '../sync/receiver.ts';
import type { JournalAnswer, JournalLoss, JournalThreadData, ToJournal } from './journal-thread.ts';
import { programUrl } from './program.ts';

const connectMs = 5_000;
/** Of whatever is asked; to open a session may need the thread first. */
const answerMs = 8_000;
const openMs = 15_000;
/** What may pass by itself: no server, no free session, a session that was lost, a lock that was not had in time. */
const passing: ReadonlySet<string> = new Set([
  'TEAL-SYSTEMS-001',
  'TEAL-SYSTEMS-005',
  'TEAL-SYSTEMS-006',
  'TEAL-SYSTEMS-008',
]);

/**
 * Sessions with PostgreSQL for callers that cannot wait as promises do: the thread talks to the server while this one stands still, for a time that is bounded. A journal is written this way in files too, and what it
 * announces must not begin before it is on disk.
 */
export class JournalDesk {
  readonly #thread: Worker;
  readonly #answers: MessagePort;
  readonly #raised: Int32Array<SharedArrayBuffer>;
  readonly #losses = new Map<number, (failure: Failure) => void>();
  #ids = 0;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    const flag = new SharedArrayBuffer(4);
    this.#answers = port1;
    this.#raised = new Int32Array(flag);
    const workerData: JournalThreadData = { answers: port2, flag };
    this.#thread = new Worker(programUrl('journal-thread'), { workerData, transferList: [port2] });
    this.#thread.on('message', ({ session, failure }: JournalLoss) => this.#losses.get(session)?.(failure));
    this.#thread.on('error', (error) => this.#loseAll(error));
    // The process may end: so do its sessions.
    this.#thread.unref();
  }

  /** Errors: TEAL-JOURNAL-021, -022. */
  open(url: string, purpose: string): JournalSession {
    const session = (this.#ids += 1);
    this.#told(() => this.#call({ kind: 'open', id: this.#nextId(), session, url, purpose, connectMs }, openMs));
    const lost = new AbortController();
    this.#losses.set(session, (failure) => lost.abort(errorOf(failure)));
    return {
      lost: lost.signal,
      ask: (sql, parameters) => {
        lost.signal.throwIfAborted();
        // Its loss may not have been told yet, for this thread stands still.
        return this.#told(
          () => this.#ask(session, sql, parameters),
          (error) => lost.abort(error),
        );
      },
      [Symbol.dispose]: () => {
        this.#losses.delete(session);
        this.#tell({ kind: 'close', session });
      },
    };
  }

  #told<T>(work: () => T, lose?: (error: TealError) => void): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error;
      lose?.(error.told);
      throw error.told;
    }
  }

  #ask(session: number, sql: string, parameters?: readonly JournalParameter[]): readonly JournalRow[] {
    const given = parameters === undefined ? {} : { parameters };
    return this.#call({ kind: 'ask', id: this.#nextId(), session, sql, ...given }, answerMs);
  }

  #call(request: ToJournal & { readonly kind: 'open' | 'ask' }, limitMs: number): readonly JournalRow[] {
    this.#tell(request);
    const untilMs = monotonicMs() + limitMs;
    for (;;) {
      // Before the look: what comes between the two ends the wait at once.
      const seen = Atomics.load(this.#raised, 0);
      const answer = receiveMessageOnPort(this.#answers)?.message as JournalAnswer | undefined;
      // An older one is of a question that was given up.
      if (answer?.id === request.id) return rowsOf(answer);
      const leftMs = untilMs - monotonicMs();
      if (leftMs <= 0) {
        this.#tell({ kind: 'abandon', session: request.session });
        throw new SessionLost(new TealError('TEAL-JOURNAL-021', `no answer within ${limitMs} ms`));
      }
      if (answer === undefined) Atomics.wait(this.#raised, 0, seen, leftMs);
    }
  }

  #tell(request: ToJournal): void {
    this.#thread.postMessage(request, []);
  }

  #nextId(): number {
    return (this.#ids += 1);
  }

  #loseAll(error: unknown): void {
    for (const lose of this.#losses.values()) lose({ code: 'TEAL-KERNEL-001', reason: String(error) });
  }
}

/** The session is of no use any more. */
class SessionLost extends Error {
  readonly told: TealError;

  constructor(told: TealError) {
    super(told.message);
    this.told = told;
  }
}

function rowsOf({ rows, failure }: JournalAnswer): readonly JournalRow[] {
  if (failure === undefined) return rows ?? [];
  const error = errorOf(failure);
  throw failure.code === 'TEAL-SYSTEMS-006' ? new SessionLost(error) : error;
}

function errorOf(failure: Failure): TealError {
  const cause = errorOfFailure(failure);
  const code = passing.has(failure.code) ? 'TEAL-JOURNAL-021' : 'TEAL-JOURNAL-022';
  return new TealError(code, failure.reason, { cause: failure.code }, cause);
}
