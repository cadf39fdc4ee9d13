import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { positionAtLeast, type Position } from '../../../model/position.ts';
import type { ShadowReads, ShadowTally } from '../../../ports/shadow.ts';
import { endsWithin } from '../bell.ts';
import type { BackendLogin, ConnectResult } from '../connector.ts';
import { differenceOf, hasForeignBytes, isPassing, isRefusedWrite, readAnswer, type Answer } from './answer.ts';
import { ShadowBook } from './counts.ts';
import { Judge, type Judged, type SkipReason, type VolatileFunctions } from './judge.ts';
import { isTooLarge, ReaderLink } from './reader-link.ts';
import { BoundedQueue, type Sample, type SessionFacts } from './sample.ts';
import { settle, type Asking } from './settle.ts';
import { answerLimitBytes, SessionTap, type TapDesk } from './tap.ts';

/** What the proxy itself asks of the databases for shadow reads. Errors: TEAL-TRAFFIC-002, -003, -008. */
export interface ShadowDesk {
  /** Of blue. */
  volatileFunctions(): Promise<VolatileFunctions>;
  /** The end of blue's log. */
  written(): Promise<Position>;
  /** How far green has applied blue's log; undefined when nothing flows there. */
  applied(): Promise<Position | undefined>;
  stop(): void;
}

/** A client that may be watched. */
export interface WatchableSession {
  readonly isWatched: boolean;
  /** Asks its backend for its state, and watches from there on when nothing hinders. */
  watch(): Promise<void>;
}

export interface ShadowOptions {
  readonly desk: ShadowDesk;
  readonly connect: (side: Side, login: BackendLogin, signal: AbortSignal) => Promise<ConnectResult>;
  /** Blue is live and nobody is held. */
  readonly isOpen: () => boolean;
  readonly sessions: () => Iterable<WatchableSession>;
  /** What has to be known before sessions are asked for their state. Never throws. */
  readonly learn: () => Promise<void>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** How long one read may take; default 10 000. */
  readonly limitMs?: number;
  /** How long green may need to apply what blue has shown, before a difference is left untold; default 30 000. */
  readonly lagLimitMs?: number;
}

/** Connections to green, each with a worker. */
const workers = 4;
const waitingReads = { items: 256, bytes: 16 << 20 };
/** Reads that differed and are asked again, one after the other: that is all that blue is asked more than by its clients. */
const waitingDifferences = { items: 32, bytes: 4 << 20 };
/** After a failure nothing is tried for so long; what comes meanwhile is shed. */
const restMs = 1_000;
const lagLookMs = 100;
/** New clients are watched from their first message; of others that were left out some are asked for their state now and then. */
const lookEveryMs = 2_000;
const lookedAtOnce = 8;

/**
 * Asks green a share of what clients read on blue, and compares. Clients are never waited for and never wait: their reads are taken in passing with blue's answer, and put to green on
 * connections of their own behind a bounded queue; what finds no room there is dropped and counted.
 */
export class Shadow implements ShadowReads {
  readonly #options: ShadowOptions;
  #run: ShadowRun | undefined;
  #ended: ShadowTally = new ShadowBook().tally(0, 0);

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** Errors: those of asking blue which of its functions are volatile. */
  async begin(share: number): Promise<void> {
    const volatile = await this.#options.desk.volatileFunctions();
    await this.#options.learn();
    this.#stopRun();
    this.#run = new ShadowRun(this.#options, share, new Judge(volatile));
    this.#options.log('shadow reads begin', { share });
  }

  async end(): Promise<void> {
    if (this.#run === undefined) return;
    this.#stopRun();
    this.#options.log('shadow reads end', {});
  }

  async tally(): Promise<ShadowTally> {
    return this.#run?.tally() ?? this.#ended;
  }

  /** Undefined while nothing is compared. */
  tap(session: SessionFacts): SessionTap | undefined {
    return this.#run?.tap(session);
  }

  /** The proxy stops. */
  stop(): void {
    this.#stopRun();
    this.#options.desk.stop();
  }

  #stopRun(): void {
    if (this.#run === undefined) return;
    this.#ended = { ...this.#run.tally(), share: 0 };
    this.#run.stop();
    this.#run = undefined;
  }
}

/** From one beginning to its end. */
class ShadowRun implements TapDesk {
  readonly #options: ShadowOptions;
  readonly #share: number;
  readonly #judge: Judge;
  readonly #book = new ShadowBook();
  readonly #stopped = new AbortController();
  readonly #reads = new BoundedQueue<Sample>(waitingReads);
  readonly #differences = new BoundedQueue<Sample>(waitingDifferences);

  constructor(options: ShadowOptions, share: number, judge: Judge) {
    this.#options = options;
    this.#share = share;
    this.#judge = judge;
    for (let worker = 0; worker < workers; worker += 1) this.#keep(async () => this.#compareAll());
    this.#keep(async () => this.#settleAll());
    this.#keep(async () => this.#watchAll());
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'shadow reads end'));
  }

  tally(): ShadowTally {
    const leftOut = [...this.#options.sessions()].filter((session) => !session.isWatched).length;
    return this.#book.tally(this.isOver ? 0 : this.#share, leftOut);
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
    return Math.random() < this.#share;
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

  failed(error: unknown): void {
    this.#options.log('a client is not understood by its watch', { because: describeError(error) });
  }

  // ---- workers

  /** A defect ends the watch, never the proxy. */
  #keep(work: () => Promise<void>): void {
    void work().catch((error: unknown) => {
      if (this.isOver) return;
      this.#options.log('shadow reads end', { because: describeError(error) });
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
    const { desk, lagLimitMs = 30_000 } = this.#options;
    const untilMs = monotonicMs() + lagLimitMs;
    try {
      const written = await desk.written();
      for (;;) {
        const applied = await desk.applied();
        if (applied !== undefined && positionAtLeast(applied, written)) return true;
        if (applied === undefined || this.isOver || monotonicMs() > untilMs) return false;
        await sleep(lagLookMs, this.#stopped.signal);
      }
    } catch (error) {
      this.#options.log('it cannot be told how far green is', { because: describeError(error) });
      return false;
    }
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

  #link(side: Side): ReaderLink {
    const { connect, limitMs = 10_000 } = this.#options;
    return new ReaderLink({
      side,
      connect,
      limitMs,
      answerLimitBytes: 4 * answerLimitBytes,
      signal: this.#stopped.signal,
    });
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

/** Its statements can be read without asking the server: texts end where they seem to. */
export function isReadable({ shown }: SessionFacts): boolean {
  const encoding = shown.get('client_encoding') ?? '';
  return shown.get('standard_conforming_strings') !== 'off' && /^(?:UTF8|SQL_ASCII|LATIN\d+|WIN125\d)$/i.test(encoding);
}
