import { must } from '../../../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../../../kernel/clock.ts';
import { describeError, TealError } from '../../../../kernel/errors.ts';
import type { Side } from '../../../../model/catalog.ts';
import { noTally, type ShadowOrder, type ShadowReads, type ShadowTally } from '../../../../ports/shadow.ts';
import { caughtUp } from '../../shadow/caught-up.ts';
import type { WatchableSession } from '../../shadow/options.ts';
import { ShadowReading } from '../../shadow/reading.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { answerLimitBytes } from '../../shadow/tap-desk.ts';
import { ShadowWrites } from '../../shadow/writes.ts';
import { unwatchedOf, watchAll } from '../../shadow/watch-all.ts';
import { alike } from './alike.ts';
import { mysqlDialect, readAnswer, type MysqlAnswer } from './answer.ts';
import type { MysqlShadowDesk } from './desk.ts';
import { MysqlJudge, type MysqlJudged } from './judge.ts';
import { asIs, MysqlReader, type MysqlReaderOptions } from './reader.ts';
import { bytesOf, codeOf, type MysqlSample, type MysqlSessionFacts, type MysqlWriteSample } from './sample.ts';
import type { ScratchAccount, ScratchFacts } from './scratch.ts';
import { MysqlTap, type MysqlTapDesk } from './tap.ts';
import { MysqlTrier } from './trial.ts';
import { bytesOfQuestion } from './write-watch.ts';

export interface MysqlShadowOptions {
  readonly desk: MysqlShadowDesk;
  readonly connect: MysqlReaderOptions['connect'];
  /** Blue is live and nobody is held. */
  readonly isOpen: () => boolean;
  /** Green is. */
  readonly isOverByCut: () => boolean;
  readonly sessions: () => Iterable<WatchableSession>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Where writes are tried, and as whom. */
interface Copy extends ScratchFacts {
  readonly account: ScratchAccount;
}

/** How long one read may take. */
const limitMs = 10_000;
/** How long green may need to apply what blue has shown, before a difference is left untold. */
const lagLimitMs = 30_000;
const lookForCutMs = 2_000;
const keptAnswerBytes = 4 * answerLimitBytes;

/** Asks green a share of what clients read on blue, and a copy of it what they write, and compares. Clients are never waited for and never wait; see `Shadow` of PostgreSQL. */
export class MysqlShadow implements ShadowReads {
  readonly #options: MysqlShadowOptions;
  #run: MysqlShadowRun | undefined;
  #ended: ShadowTally = { ...noTally, watchedMs: 0, sessionsLeftOut: 0, writes: noTally };

  constructor(options: MysqlShadowOptions) {
    this.#options = options;
  }

  /** Errors: TEAL-TRAFFIC-090 writes are asked for, and no copy to try them in, -140 to -143 that copy; those of asking blue for its functions, and both what they are. */
  async begin(order: ShadowOrder): Promise<void> {
    const { desk, log } = this.#options;
    const { reads, writes, scratch } = order;
    if (writes > 0 && scratch === undefined) throw new TealError('TEAL-TRAFFIC-090', 'shadow.scratch is missing');
    const own = await desk.ownFunctions();
    const form = (await desk.isMixed()) ? alike : asIs;
    const facts = writes > 0 && scratch !== undefined ? await desk.inspectScratch(scratch) : undefined;
    await this.#stopRun();
    const copy = facts && { ...facts, account: await desk.makeScratchAccount(facts.database) };
    this.#run = new MysqlShadowRun(
      this.#options,
      order,
      new MysqlJudge(own, { databases: facts?.databases }),
      copy,
      form,
    );
    log('shadow begins', { reads, writes, ...(facts === undefined ? {} : { scratch, copyOf: facts.copyOf }) });
  }

  async end(): Promise<void> {
    if (this.#run === undefined) return;
    await this.#stopRun();
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
  async stop(): Promise<void> {
    await this.#stopRun();
    this.#options.desk.stop();
  }

  async #stopRun(): Promise<void> {
    if (this.#run === undefined) return;
    this.#run.stop();
    this.#ended = this.#run.tally();
    this.#run = undefined;
    await this.#options.desk.dropScratchAccount();
  }
}

/** From one beginning to its end. */
class MysqlShadowRun implements MysqlTapDesk {
  readonly #options: MysqlShadowOptions;
  readonly #order: ShadowOrder;
  readonly #judge: MysqlJudge;
  readonly #copy: Copy | undefined;
  readonly #sinceMs = monotonicMs();
  readonly #stopped = new AbortController();
  readonly #written = new AbortController();
  readonly #reads: ShadowReading<MysqlSample, MysqlAnswer>;
  readonly #writes: ShadowWrites<MysqlWriteSample>;

  /** `form`: in which answers are compared. */
  constructor(options: MysqlShadowOptions, order: ShadowOrder, judge: MysqlJudge, copy: Copy | undefined, form: Form) {
    const { desk, log, sessions, isOpen } = options;
    const stopped = this.#stopped.signal;
    this.#options = options;
    this.#order = order;
    this.#judge = judge;
    this.#copy = copy;
    this.#reads = new ShadowReading({
      share: order.reads,
      dialect: mysqlDialect,
      reader: (side) => this.#reader(side, form),
      blueAnswer: (sample) => blueAnswer(sample, form),
      bytesOf,
      caughtUp: async () => caughtUp({ desk, lagLimitMs, stopped, log }),
      stopped,
      log,
    });
    this.#writes = new ShadowWrites({
      share: copy === undefined ? 0 : order.writes,
      trier: () => this.#trier(must(copy, 'where writes are tried')),
      bytesOf: ({ statements }) => statements.reduce((sum, { question }) => sum + bytesOfQuestion(question), 0),
      isBesideFlow: false,
      // A copy is behind, or not, for good.
      caughtUp: async () => true,
      isOpen,
      stopped: AbortSignal.any([stopped, this.#written.signal]),
      log,
    });
    for (const work of this.#reads.work) this.#keep(work);
    if (copy !== undefined) {
      this.#keep(async () => this.#writes.tryAll());
      this.#keep(async () => this.#writes.settleAll());
      this.#keep(async () => this.#endWritesByCut());
    }
    const failed = (error: unknown): void =>
      log('a client is not asked for its state', { because: describeError(error) });
    this.#keep(async () => watchAll({ sessions, isOpen: () => this.isOpen, stopped, failed }));
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

  drawsWrite(): boolean {
    return this.#copy !== undefined && !this.#written.signal.aborted && this.#writes.draws();
  }

  isCopied({ state: { database } }: MysqlSessionFacts): boolean {
    return database?.toString('utf8').toLowerCase() === this.#copy?.copyOf.toLowerCase();
  }

  skipWrite(why: SkipReason): void {
    this.#writes.skip(why);
  }

  offerWrite(sample: MysqlWriteSample): void {
    this.#writes.offer(sample);
  }

  /** On a green that is live no account of Teal's stays for what is tried no more. */
  async #endWritesByCut(): Promise<void> {
    const { isOverByCut, desk, log } = this.#options;
    while (!isOverByCut()) await sleep(lookForCutMs, this.#stopped.signal);
    this.#written.abort(new TealError('TEAL-KERNEL-003', 'green is live'));
    await desk.dropScratchAccount();
    log('shadow writes end', { because: 'green is live' });
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

  #trier({ account, database }: Copy): MysqlTrier {
    const { connect, log } = this.#options;
    const limits = { limitMs, answerLimitBytes: keptAnswerBytes };
    return new MysqlTrier({ account, database, connect, log, ...limits, signal: this.#stopped.signal });
  }
}

type Form = NonNullable<MysqlReaderOptions['form']>;

function blueAnswer({ answer, question, capabilities }: MysqlSample, form: Form): MysqlAnswer | undefined {
  try {
    return form(readAnswer(answer, codeOf(question), capabilities, keptAnswerBytes));
  } catch {
    // It may have been cut off by whatever ended the session: the read is counted as interrupted.
    return undefined;
  }
}
