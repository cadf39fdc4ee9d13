import { monotonicMs } from '../../../../kernel/clock.ts';
import { describeError, TealError } from '../../../../kernel/errors.ts';
import type { Side } from '../../../../model/catalog.ts';
import { noTally, type ShadowOrder, type ShadowReads, type ShadowTally } from '../../../../ports/shadow.ts';
import { caughtUp } from '../../shadow/caught-up.ts';
import type { WatchableSession } from '../../shadow/options.ts';
import { ShadowReading } from '../../shadow/reading.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { answerLimitBytes } from '../../shadow/tap-desk.ts';
import { unwatchedOf, watchAll } from '../../shadow/watch-all.ts';
import { alike } from './alike.ts';
import { mysqlDialect, readAnswer, type MysqlAnswer } from './answer.ts';
import type { MysqlShadowDesk } from './desk.ts';
import { MysqlJudge, type MysqlJudged } from './judge.ts';
import { MysqlReader, type MysqlReaderOptions } from './reader.ts';
import { bytesOf, codeOf, type MysqlSample, type MysqlSessionFacts } from './sample.ts';
import { MysqlTap, type MysqlTapDesk } from './tap.ts';

export interface MysqlShadowOptions {
  readonly desk: MysqlShadowDesk;
  readonly connect: MysqlReaderOptions['connect'];
  /** Blue is live and nobody is held. */
  readonly isOpen: () => boolean;
  readonly sessions: () => Iterable<WatchableSession>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** How long one read may take. */
const limitMs = 10_000;
/** How long green may need to apply what blue has shown, before a difference is left untold. */
const lagLimitMs = 30_000;
const keptAnswerBytes = 4 * answerLimitBytes;

/** Asks green a share of what clients read on blue, and compares. Clients are never waited for and never wait; see `Shadow` of PostgreSQL. */
export class MysqlShadow implements ShadowReads {
  readonly #options: MysqlShadowOptions;
  #run: MysqlShadowRun | undefined;
  #ended: ShadowTally = { ...noTally, watchedMs: 0, sessionsLeftOut: 0, writes: noTally };

  constructor(options: MysqlShadowOptions) {
    this.#options = options;
  }

  /** Errors: TEAL-TRAFFIC-090 writes are asked for; those of asking blue for its functions, and both what they are. */
  async begin(order: ShadowOrder): Promise<void> {
    if (order.writes > 0) throw new TealError('TEAL-TRAFFIC-090', 'writes are tried on PostgreSQL alone');
    const { desk } = this.#options;
    const own = await desk.ownFunctions();
    const form = (await desk.isMixed()) ? alike : asIs;
    this.#stopRun();
    this.#run = new MysqlShadowRun(this.#options, order.reads, new MysqlJudge(own), form);
    this.#options.log('shadow begins', { reads: order.reads });
  }

  async end(): Promise<void> {
    if (this.#run === undefined) return;
    this.#stopRun();
    this.#options.log('shadow ends', {});
  }

  async tally(): Promise<ShadowTally> {
    return this.#run?.tally() ?? this.#ended;
  }

  /** Undefined while nothing is compared. */
  tap(session: MysqlSessionFacts): MysqlTap | undefined {
    return this.#run === undefined ? undefined : new MysqlTap(this.#run, session);
  }

  /** The proxy stops. */
  stop(): void {
    this.#stopRun();
    this.#options.desk.stop();
  }

  #stopRun(): void {
    if (this.#run === undefined) return;
    this.#run.stop();
    this.#ended = this.#run.tally();
    this.#run = undefined;
  }
}

/** From one beginning to its end. */
class MysqlShadowRun implements MysqlTapDesk {
  readonly #options: MysqlShadowOptions;
  readonly #judge: MysqlJudge;
  readonly #sinceMs = monotonicMs();
  readonly #stopped = new AbortController();
  readonly #reads: ShadowReading<MysqlSample, MysqlAnswer>;

  /** `form`: in which answers are compared. */
  constructor(options: MysqlShadowOptions, share: number, judge: MysqlJudge, form: Form) {
    const { desk, log, sessions } = options;
    const stopped = this.#stopped.signal;
    this.#options = options;
    this.#judge = judge;
    this.#reads = new ShadowReading({
      share,
      dialect: mysqlDialect,
      reader: (side) => this.#reader(side, form),
      blueAnswer: (sample) => blueAnswer(sample, form),
      bytesOf,
      caughtUp: async () => caughtUp({ desk, lagLimitMs, stopped, log }),
      stopped,
      log,
    });
    for (const work of this.#reads.work) this.#keep(work);
    const failed = (error: unknown): void =>
      log('a client is not asked for its state', { because: describeError(error) });
    this.#keep(async () => watchAll({ sessions, isOpen: () => this.isOpen, stopped, failed }));
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'shadow reads end'));
  }

  tally(): ShadowTally {
    return {
      ...this.#reads.tally(),
      watchedMs: monotonicMs() - this.#sinceMs,
      sessionsLeftOut: unwatchedOf(this.#options.sessions()).length,
      writes: noTally,
    };
  }

  get isOpen(): boolean {
    return !this.isOver && this.#options.isOpen();
  }

  get isOver(): boolean {
    return this.#stopped.signal.aborted;
  }

  draws(): boolean {
    return this.#reads.draws();
  }

  judge(text: string): MysqlJudged {
    return this.#judge.judge(text);
  }

  skip(why: SkipReason): void {
    this.#reads.skip(why);
  }

  offer(sample: MysqlSample): void {
    this.#reads.offer(sample);
  }

  /** A defect ends the watch, never the proxy. */
  #keep(work: () => Promise<void>): void {
    void work().catch((error: unknown) => {
      if (this.isOver) return;
      this.#options.log('shadow ends', { because: describeError(error) });
      this.stop();
    });
  }

  #reader(side: Side, form: Form): MysqlReader {
    const { connect } = this.#options;
    const signal = this.#stopped.signal;
    return new MysqlReader({ side, connect, form, limitMs, answerLimitBytes: keptAnswerBytes, signal });
  }
}

type Form = MysqlReaderOptions['form'];

function asIs(answer: MysqlAnswer): MysqlAnswer {
  return answer;
}

function blueAnswer({ answer, question, capabilities }: MysqlSample, form: Form): MysqlAnswer | undefined {
  try {
    return form(readAnswer(answer, codeOf(question), capabilities, keptAnswerBytes));
  } catch {
    // It may have been cut off by whatever ended the session: the read is counted as interrupted.
    return undefined;
  }
}
