import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import { noCanary, type CanaryReads, type CanaryTally } from '../../../ports/canary.ts';
import { endsWithin } from '../bell.ts';
import { CanaryBook, type Passed } from './book.ts';
import type { DetourEnd } from './held-answer.ts';
import { Horizon, type HorizonDesk } from './horizon.ts';

/** What a canary asks of the way to green of one session. */
export interface CanaryLane {
  /** See `lotOf`. */
  lot(by: string | undefined): number;
  isReady(): boolean;
  look(nowMs: number): void;
  leave(): void;
}

/** A client whose reads may go to green. */
export interface CanarySession {
  readonly lane: CanaryLane;
  /** Asks its backend for its state where that is not known, and makes its connection to green. Returns why it could not be. */
  enterCanary(): Promise<string | undefined>;
}

/** What moving reads asks of those who direct, whatever the protocol. */
export interface CourseOptions {
  readonly desk: HorizonDesk;
  /** Blue is live and nobody is held. */
  readonly isOpen: () => boolean;
  readonly isBlueLive: () => boolean;
  readonly sessions: () => Iterable<CanarySession>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** A command that green is asked. */
export interface OnGreen {
  readonly statement: string;
  /** Not the begin or end of a transaction. */
  readonly isRead: boolean;
  readonly startedMs: number;
}

const lookEveryMs = 50;
const restMs = 1_000;
/** Sessions whose connection to green is made at the same time, and the pause between two rounds. */
const preparedAtOnce = 8;
const prepareEveryMs = 250;
/** For a connection to green, with the state of its session. */
export const connectLimitMs = 10_000;
/** How long green may take for a read: four times as long as it usually takes, but never less than this. */
const leastLimitMs = 2_000;
const unknownLimitMs = 10_000;
const leftOutAtMost = 200;

/** Has green answer a share of what clients read, as long as somebody watches. One in each process that has sessions. */
export abstract class KeptCanary<Run extends CanaryCourse> implements CanaryReads {
  readonly #options: Pick<CourseOptions, 'log'>;
  #run: Run | undefined;
  #ended: CanaryTally = noCanary;

  constructor(options: Pick<CourseOptions, 'log'>) {
    this.#options = options;
  }

  /** Undefined while every read goes to blue. */
  get run(): Run | undefined {
    return this.#run;
  }

  /** Asks what has to be known before reads can be moved; what it returns begins, and is told what to do when it ends by itself. */
  protected abstract ready(): Promise<(over: () => void) => Run>;

  /** Errors: those of asking what has to be known. */
  async set(share: number, leaseMs: number, by?: string): Promise<CanaryTally> {
    if (this.#run === undefined) {
      const begin = await this.ready();
      this.#stopRun();
      const run = begin(() => this.#over(run));
      this.#run = run;
    }
    this.#run.set(share, leaseMs, by);
    return this.#run.tally();
  }

  async end(): Promise<void> {
    this.#stopRun();
  }

  async tally(): Promise<CanaryTally> {
    return this.#run?.tally() ?? this.#ended;
  }

  /** The proxy stops. */
  stop(): void {
    this.#stopRun();
  }

  #over(run: Run): void {
    if (this.#run === run) this.#stopRun();
  }

  #stopRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#ended = { ...run.tally(), share: 0, sessions: 0, waiting: 0 };
    this.#run = undefined;
    run.stop();
    this.#options.log('every read goes to blue', {});
  }
}

/** From the first share to the end, whatever the protocol. */
export class CanaryCourse {
  readonly book = new CanaryBook();
  readonly #options: CourseOptions;
  readonly #horizon: Horizon;
  readonly #leftOut = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #over: () => void;
  #share = 0;
  #by: string | undefined;
  #leaseUntilMs = 0;
  #round = 0;

  constructor(options: CourseOptions, over: () => void) {
    this.#options = options;
    this.#over = over;
    this.#horizon = new Horizon(options.desk);
    this.#keep(async () => this.#tick());
    this.#keep(async () => this.#lookAhead());
    this.#keep(async () => this.#prepareAll());
  }

  set(share: number, leaseMs: number, by: string | undefined): void {
    this.#leaseUntilMs = monotonicMs() + leaseMs;
    if (share === this.#share && by === this.#by) return;
    [this.#share, this.#by] = [share, by];
    this.book.begin();
    this.#options.log('reads go to green', { share });
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'no read goes to green any more'));
    for (const { lane } of this.#options.sessions()) lane.leave();
  }

  tally(): CanaryTally {
    const lanes = [...this.#options.sessions()].map(({ lane }) => lane).filter((lane) => this.includes(lane));
    const sessions = lanes.filter((lane) => lane.isReady()).length;
    return { ...this.book.tally(this.#share), sessions, waiting: lanes.length - sessions };
  }

  // ---- what lanes ask

  includes(lane: Pick<CanaryLane, 'lot'>): boolean {
    return lane.lot(this.#by) < this.#share;
  }

  /** Green has applied all that blue had committed by then (monotonic time). */
  covers(ms: number): boolean {
    return ms < this.#horizon.reachedMs;
  }

  passed(why: Passed): void {
    this.book.passed(why);
  }

  isLeftOut(statement: string): boolean {
    return this.#leftOut.has(statement);
  }

  leaveOut(statement: string): void {
    const [oldest] = this.#leftOut;
    if (this.#leftOut.size >= leftOutAtMost && oldest !== undefined) this.#leftOut.delete(oldest);
    this.#leftOut.add(statement);
  }

  /**
   * Counts how a read on green has ended. What green said where blue is to be asked instead, and what blue says then tells whether that counts: its code, or nothing where it gave no answer; undefined where that does not
   * count. `refusesWrites`: whether green says with it that what only seems to read would write.
   */
  settle(end: DetourEnd, { statement, isRead, startedMs }: OnGreen, refusesWrites: boolean): string | undefined {
    switch (end.how) {
      case 'answered':
        if (isRead) this.book.green(statement, end.ms);
        if (end.failed !== undefined) this.book.told(statement, end.failed);
        return undefined;
      case 'refused':
        if (refusesWrites) this.leaveOut(statement);
        return end.code;
      case 'foreign':
        this.leaveOut(statement);
        return undefined;
      case 'unanswered':
        if (!this.isOver) this.book.unanswered(statement, monotonicMs() - startedMs);
        return '';
      case 'broken':
        this.book.unanswered(statement, monotonicMs() - startedMs);
        return undefined;
      default:
        return end satisfies never;
    }
  }

  limitMs(statement: string): number {
    const usualMs = this.book.usualMs(statement);
    return usualMs === undefined ? unknownLimitMs : Math.max(leastLimitMs, 4 * usualMs);
  }

  get isOpen(): boolean {
    return !this.isOver && this.#options.isOpen();
  }

  get isOver(): boolean {
    return this.#stopped.signal.aborted;
  }

  failed(error: unknown): void {
    this.#options.log('a client is not understood by the canary', { because: describeError(error) });
  }

  // ---- at work

  /** A defect ends the canary, never the proxy. */
  #keep(work: () => Promise<void>): void {
    void work().catch((error: unknown) => {
      if (this.isOver) return;
      this.#options.log('the canary ends', { because: describeError(error) });
      this.#over();
    });
  }

  async #tick(): Promise<void> {
    for (;;) {
      await sleep(lookEveryMs, this.#stopped.signal);
      const now = monotonicMs();
      if (now > this.#leaseUntilMs || !this.#options.isBlueLive()) {
        this.#options.log('the canary is over', { because: this.#options.isBlueLive() ? 'nobody watches' : 'a cut' });
        this.#over();
        return;
      }
      for (const { lane } of this.#options.sessions()) lane.look(now);
    }
  }

  async #lookAhead(): Promise<void> {
    while (!this.isOver) {
      try {
        await this.#horizon.look();
        await sleep(lookEveryMs, this.#stopped.signal);
      } catch (error) {
        if (this.isOver) return;
        this.#options.log('it cannot be told how far green is', { because: describeError(error) });
        await sleep(restMs, this.#stopped.signal);
      }
    }
  }

  /** Each round takes others, for some can never be ready. */
  async #prepareAll(): Promise<void> {
    while (!this.isOver) {
      const waiting = [...this.#options.sessions()].filter(({ lane }) => this.includes(lane) && !lane.isReady());
      if (this.#round >= waiting.length) this.#round = 0;
      const chosen = this.isOpen ? waiting.slice(this.#round, this.#round + preparedAtOnce) : [];
      this.#round += preparedAtOnce;
      await endsWithin(Promise.all(chosen.map(async (session) => this.#prepare(session))), connectLimitMs);
      await sleep(prepareEveryMs, this.#stopped.signal);
    }
  }

  async #prepare(session: CanarySession): Promise<void> {
    try {
      const failed = await session.enterCanary();
      if (failed === undefined || this.isOver) return;
      this.#options.log('a session has no connection to green', { because: failed });
      await sleep(restMs, this.#stopped.signal);
    } catch (error) {
      if (!this.isOver) this.failed(error);
    }
  }
}
