import { monotonicMs } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import type { ShadowOrder, ShadowTally } from '../../../ports/shadow.ts';
import { postgresDialect, readAnswer, type Answer } from './answer.ts';
import { caughtUp } from './caught-up.ts';
import type { Judge, Judged } from './judge.ts';
import { ReaderLink, type LinkConnect } from './reader-link.ts';
import { ShadowReading, type Reader } from './reading.ts';
import { isReadable, type Sample, type SessionFacts, type WriteSample } from './sample.ts';
import type { SkipReason } from './skip-reason.ts';
import type { ShadowOptions } from './options.ts';
import { SessionTap } from './tap.ts';
import { answerLimitBytes, type TapDesk } from './tap-desk.ts';
import { committed, PostgresTrier, rolledBack } from './trial.ts';
import { unwatchedOf, watchAll } from './watch-all.ts';
import { ShadowWrites } from './writes.ts';

/** From one beginning to its end. */
export class ShadowRun implements TapDesk {
  readonly #options: ShadowOptions;
  readonly #order: ShadowOrder;
  readonly #sinceMs = monotonicMs();
  readonly #judge: Judge;
  readonly #stopped = new AbortController();
  readonly #reads: ShadowReading<Sample, Answer>;
  readonly #writes: ShadowWrites<WriteSample>;

  constructor(options: ShadowOptions, order: ShadowOrder, judge: Judge) {
    this.#options = options;
    this.#order = order;
    this.#judge = judge;
    this.#reads = new ShadowReading({
      share: order.reads,
      dialect: postgresDialect,
      reader: (side) => readerOver(this.#link(side)),
      blueAnswer,
      bytesOf: sizeOf,
      caughtUp: async () => this.#caughtUp(),
      stopped: this.#stopped.signal,
      log: options.log,
    });
    const { scratch } = order;
    const trial = scratch === undefined ? rolledBack : committed;
    this.#writes = new ShadowWrites({
      share: order.writes,
      trier: () =>
        new PostgresTrier(trial, scratch === undefined ? this.#link('green') : this.#scratchLink(scratch), options.log),
      bytesOf: ({ statements }) => statements.reduce((sum, { message }) => sum + message.length, 0),
      isBesideFlow: trial.isBesideFlow,
      // A copy is behind, or not, for good.
      caughtUp: async () => scratch !== undefined || this.#caughtUp(),
      isOpen: options.isOpen,
      stopped: this.#stopped.signal,
      log: options.log,
    });
    for (const work of this.#reads.work) this.#keep(work);
    if (order.writes > 0) {
      this.#keep(async () => this.#writes.tryAll());
      this.#keep(async () => this.#writes.settleAll());
    }
    this.#keep(async () =>
      watchAll({
        sessions: options.sessions,
        isOpen: () => this.isOpen,
        stopped: this.#stopped.signal,
        failed: (error) => this.failed(error),
      }),
    );
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'shadow reads end'));
  }

  tally(): ShadowTally {
    const { scratch } = this.#order;
    return {
      ...this.#reads.tally(),
      watchedMs: monotonicMs() - this.#sinceMs,
      sessionsLeftOut: unwatchedOf(this.#options.sessions()).length,
      ...(scratch === undefined ? {} : { scratch }),
      writes: this.#writes.tally(),
    };
  }

  tap(session: SessionFacts): SessionTap | undefined {
    if (!isReadable(session)) return undefined;
    // What it listens for is for its client alone.
    const rows = session.state.rows.filter(([kind]) => kind?.toString('latin1') !== 'listen');
    return new SessionTap(this, { ...session, state: { ...session.state, rows } });
  }

  // ---- what taps ask

  get isOpen(): boolean {
    return !this.#stopped.signal.aborted && this.#options.isOpen();
  }

  get isOver(): boolean {
    return this.#stopped.signal.aborted;
  }

  draws(): boolean {
    return this.#reads.draws();
  }

  judge(text: string): Judged {
    return this.#judge.judge(text);
  }

  skip(why: SkipReason): void {
    this.#reads.skip(why);
  }

  offer(sample: Sample): void {
    this.#reads.offer(sample);
  }

  drawsWrite(): boolean {
    return this.#writes.draws();
  }

  skipWrite(why: SkipReason): void {
    this.#writes.skip(why);
  }

  offerWrite(sample: WriteSample): void {
    this.#writes.offer(sample);
  }

  failed(error: unknown): void {
    this.#options.log('a client is not understood by its watch', { because: describeError(error) });
  }

  // ---- workers

  /** A defect ends the watch, never the proxy. */
  #keep(work: () => Promise<void>): void {
    void work().catch((error: unknown) => {
      if (this.isOver) return;
      this.#options.log('shadow ends', { because: describeError(error) });
      this.stop();
    });
  }

  async #caughtUp(): Promise<boolean> {
    const { desk, lagLimitMs = 30_000, log } = this.#options;
    return caughtUp({ desk, lagLimitMs, log, stopped: this.#stopped.signal });
  }

  #link(side: Side, connect: LinkConnect = this.#options.connect): ReaderLink {
    const { limitMs = 10_000 } = this.#options;
    return new ReaderLink({
      side,
      connect,
      limitMs,
      answerLimitBytes: 4 * answerLimitBytes,
      signal: this.#stopped.signal,
    });
  }

  #scratchLink(database: string): ReaderLink {
    const { connectScratch } = this.#options;
    return this.#link('green', async (_side, login, signal) => connectScratch(database, login, signal));
  }
}

function readerOver(link: ReaderLink): Reader<Sample, Answer> {
  return { read: async ({ session, message }) => link.read(session, message), end: () => link.end() };
}

/** Undefined when blue's answer is not understood: it may have been cut off by whatever ended the session. */
function blueAnswer(sample: Sample): Answer | undefined {
  try {
    return readAnswer(sample.answer, 4 * answerLimitBytes);
  } catch {
    return undefined;
  }
}

function sizeOf({ message, answer }: Sample): number {
  return message.length + answer.reduce((sum, chunk) => sum + chunk.length, 0);
}
