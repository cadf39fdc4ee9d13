import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import type { ShadowOrder, ShadowTally } from '../../../ports/shadow.ts';
import { endsWithin } from '../bell.ts';
import { differenceOf, hasForeignBytes, isPassing, isRefusedWrite, readAnswer, type Answer } from './answer.ts';
import { caughtUp } from './caught-up.ts';
import { ShadowBook } from './counts.ts';
import type { Judge, Judged } from './judge.ts';
import type { SkipReason } from './skip-reason.ts';
import { isTooLarge, ReaderLink, type LinkConnect } from './reader-link.ts';
import { BoundedQueue, isReadable, type Sample, type SessionFacts, type WriteSample } from './sample.ts';
import { settle, type Asking } from './settle.ts';
import type { ShadowOptions } from './options.ts';
import { SessionTap } from './tap.ts';
import { answerLimitBytes, type TapDesk } from './tap-desk.ts';
import { committed, rolledBack } from './trial.ts';
import { ShadowWrites } from './writes.ts';

/** Connections to green, each with a worker. */
const workers = 4;
const waitingReads = { items: 256, bytes: 16 << 20 };
/** Reads that differed and are asked again, one after the other: that is all that blue is asked more than by its clients. */
const waitingDifferences = { items: 32, bytes: 4 << 20 };
/** After a failure nothing is tried for so long; what comes meanwhile is shed. */
const restMs = 1_000;
/** New clients are watched from their first message; of others that were left out some are asked for their state now and then. */
const lookEveryMs = 2_000;
const lookedAtOnce = 8;

/** From one beginning to its end. */
export class ShadowRun implements TapDesk {
  readonly #options: ShadowOptions;
  readonly #order: ShadowOrder;
  readonly #sinceMs = monotonicMs();
  readonly #judge: Judge;
  readonly #book = new ShadowBook();
  readonly #stopped = new AbortController();
  readonly #reads = new BoundedQueue<Sample>(waitingReads);
  readonly #differences = new BoundedQueue<Sample>(waitingDifferences);
  readonly #writes: ShadowWrites;

  constructor(options: ShadowOptions, order: ShadowOrder, judge: Judge) {
    this.#options = options;
    this.#order = order;
    this.#judge = judge;
    this.#writes = new ShadowWrites({
      share: order.writes,
      trial: order.scratch === undefined ? rolledBack : committed,
      link: () => (order.scratch === undefined ? this.#link('green') : this.#scratchLink(order.scratch)),
      // A copy is behind, or not, for good.
      caughtUp: async () => order.scratch !== undefined || this.#caughtUp(),
      isOpen: options.isOpen,
      stopped: this.#stopped.signal,
      log: options.log,
    });
    if (order.reads > 0) {
      for (let worker = 0; worker < workers; worker += 1) this.#keep(async () => this.#compareAll());
      this.#keep(async () => this.#settleAll());
    }
    if (order.writes > 0) {
      this.#keep(async () => this.#writes.tryAll());
      this.#keep(async () => this.#writes.settleAll());
    }
    this.#keep(async () => this.#watchAll());
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'shadow reads end'));
  }

  tally(): ShadowTally {
    const leftOut = [...this.#options.sessions()].filter((session) => !session.isWatched).length;
    const { scratch } = this.#order;
    return {
      ...this.#book.counted(this.isOver ? 0 : this.#order.reads),
      watchedMs: monotonicMs() - this.#sinceMs,
      sessionsLeftOut: leftOut,
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
    return Math.random() < this.#order.reads;
  }

  judge(text: string): Judged {
    return this.#judge.judge(text);
  }

  skip(why: SkipReason): void {
    this.#book.skip(why);
  }

  offer(sample: Sample): void {
    const known = this.#book.whyKnown(sample.read.statement);
    if (known !== undefined) this.#book.skip(known);
    else if (!this.#reads.offer(sample, sizeOf(sample))) this.#book.shed();
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

  async #compareAll(): Promise<void> {
    const green = this.#link('green');
    try {
      for (let sample = await this.#next(this.#reads); sample !== undefined; sample = await this.#next(this.#reads)) {
        if (!(await this.#compare(sample, green))) await this.#rest();
      }
    } finally {
      green.end();
    }
  }

  /** False when green could not be asked. */
  async #compare(sample: Sample, green: ReaderLink): Promise<boolean> {
    const { read } = sample;
    const blue = blueAnswer(sample);
    if (blue === undefined || isPassing(blue)) {
      this.#book.skip('interrupted');
      return true;
    }
    try {
      const { answer, ms } = await green.read(sample.session, sample.message);
      this.#book.latencies(read.statement, sample.blueMs, ms);
      if (isPassing(answer)) this.#book.note(read.statement, { verdict: 'unanswered' });
      else if (hasForeignBytes(answer)) this.#book.skip('a type that is not built in');
      else if (differenceOf(blue, answer, read) === undefined) this.#book.note(read.statement, { verdict: 'equal' });
      else if (isRefusedWrite(answer)) this.#book.skip('no read');
      else this.#askAgain(sample);
      return true;
    } catch (error) {
      if (this.isOver) return true;
      // Of blue it was within the limit.
      if (isTooLarge(error)) this.#askAgain(sample);
      else this.#unanswered(read.statement, error);
      return isTooLarge(error);
    }
  }

  #askAgain(sample: Sample): void {
    if (this.#differences.offer(sample, sizeOf(sample))) return;
    this.#book.note(sample.read.statement, { verdict: 'unsettled' });
  }

  #unanswered(statement: string, error: unknown): void {
    this.#book.note(statement, { verdict: 'unanswered' });
    this.#options.log('green gave no answer to a shadow read', { because: describeError(error) });
  }

  async #settleAll(): Promise<void> {
    const links = { blue: this.#link('blue'), green: this.#link('green') };
    try {
      for (let sample = await this.#next(this.#differences); sample !== undefined;) {
        const found = await settle(sample.read, this.#asking(sample, links));
        if (!this.isOver) this.#book.note(sample.read.statement, found);
        if (found.verdict === 'unanswered') await this.#rest();
        sample = await this.#next(this.#differences);
      }
    } finally {
      links.blue.end();
      links.green.end();
    }
  }

  #asking({ session, message }: Sample, links: Readonly<Record<Side, ReaderLink>>): Asking {
    return {
      ask: async (side) => {
        try {
          return (await links[side].read(session, message)).answer;
        } catch (error) {
          this.#options.log('a side gave no answer to a shadow read', { side, because: describeError(error) });
          return undefined;
        }
      },
      caughtUp: async () => this.#caughtUp(),
    };
  }

  async #caughtUp(): Promise<boolean> {
    const { desk, lagLimitMs = 30_000, log } = this.#options;
    return caughtUp({ desk, lagLimitMs, log, stopped: this.#stopped.signal });
  }

  /** Each round takes others, for some can never be watched. */
  async #watchAll(): Promise<void> {
    for (let from = 0; !this.isOver; from += lookedAtOnce) {
      const unwatched = [...this.#options.sessions()].filter((session) => !session.isWatched);
      if (from >= unwatched.length) from = 0;
      const chosen = this.isOpen ? unwatched.slice(from, from + lookedAtOnce) : [];
      const watching = chosen.map(async (session) => session.watch().catch((error: unknown) => this.failed(error)));
      await endsWithin(Promise.all(watching), lookEveryMs);
      await sleep(lookEveryMs, this.#stopped.signal).catch(() => undefined);
    }
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

  async #next(queue: BoundedQueue<Sample>): Promise<Sample | undefined> {
    return queue.next(this.#stopped.signal);
  }

  async #rest(): Promise<void> {
    await sleep(restMs, this.#stopped.signal).catch(() => undefined);
  }
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
