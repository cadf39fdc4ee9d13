import { sleep } from '../../../kernel/clock.ts';
import { describeError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import type { Tally } from '../../../ports/shadow.ts';
import { differenceIn, type ComparedAnswer, type Dialect } from './compare.ts';
import { ShadowBook } from './counts.ts';
import { BoundedQueue, type ReadSample } from './sample.ts';
import { settle, type Asking } from './settle.ts';
import type { SkipReason } from './skip-reason.ts';
import { isTooLarge } from './too-large.ts';

/** Connections to green, each with a worker. */
const workers = 4;
const waitingReads = { items: 256, bytes: 16 << 20 };
/** Reads that differed and are asked again, one after the other: that is all that blue is asked more than by its clients. */
const waitingDifferences = { items: 32, bytes: 4 << 20 };
/** After a failure nothing is tried for so long; what comes meanwhile is shed. */
const restMs = 1_000;

/** A connection of its own on which reads of any client are repeated. */
export interface Reader<Sample, Answer> {
  /** Errors: the side gave no answer; an answer above the limit as `isTooLarge`. The next read begins with a new connection. */
  read(sample: Sample): Promise<{ readonly answer: Answer; readonly ms: number }>;
  end(): void;
}

export interface ReadingOptions<Sample extends ReadSample, Answer extends ComparedAnswer> {
  /** Of what clients read, 0 to 1. */
  readonly share: number;
  readonly dialect: Dialect<Answer>;
  readonly reader: (side: Side) => Reader<Sample, Answer>;
  /** What blue has answered; undefined where it is not understood, for it may have been cut off by whatever ended the session. */
  readonly blueAnswer: (sample: Sample) => Answer | undefined;
  readonly bytesOf: (sample: Sample) => number;
  /** Resolves true when green has applied all that blue has committed before now; false when it has not in the time there is. */
  readonly caughtUp: () => Promise<boolean>;
  readonly stopped: AbortSignal;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Asks green what clients have read on blue, and tells how the answers differ, and why. Whatever the protocol: it sees answers as rows of bytes. */
export class ShadowReading<Sample extends ReadSample, Answer extends ComparedAnswer> {
  readonly #options: ReadingOptions<Sample, Answer>;
  readonly #book = new ShadowBook();
  readonly #reads = new BoundedQueue<Sample>(waitingReads);
  readonly #differences = new BoundedQueue<Sample>(waitingDifferences);

  constructor(options: ReadingOptions<Sample, Answer>) {
    this.#options = options;
  }

  draws(): boolean {
    return Math.random() < this.#options.share;
  }

  skip(why: SkipReason): void {
    this.#book.skip(why);
  }

  offer(sample: Sample): void {
    const known = this.#book.whyKnown(sample.read.statement);
    if (known !== undefined) this.#book.skip(known);
    else if (!this.#reads.offer(sample, this.#options.bytesOf(sample))) this.#book.shed();
  }

  tally(): Tally {
    const { stopped, share } = this.#options;
    return this.#book.counted(stopped.aborted ? 0 : share);
  }

  /** What is to be done until it is stopped, side by side. Nothing where no read is wanted. */
  get work(): readonly (() => Promise<void>)[] {
    if (this.#options.share === 0) return [];
    const compare = async (): Promise<void> => this.#compareAll();
    return [...Array.from({ length: workers }, () => compare), async () => this.#settleAll()];
  }

  async #compareAll(): Promise<void> {
    const { reader, stopped } = this.#options;
    const green = reader('green');
    try {
      for (;;) {
        const sample = await this.#reads.next(stopped);
        if (sample === undefined) return;
        if (!(await this.#compare(sample, green))) await this.#rest();
      }
    } finally {
      green.end();
    }
  }

  /** False when green could not be asked. */
  async #compare(sample: Sample, green: Reader<Sample, Answer>): Promise<boolean> {
    const { blueAnswer, dialect, stopped } = this.#options;
    const { read } = sample;
    const blue = blueAnswer(sample);
    if (blue === undefined || dialect.isPassing(blue)) {
      this.#book.skip('interrupted');
      return true;
    }
    try {
      const { answer, ms } = await green.read(sample);
      this.#book.latencies(read.statement, sample.blueMs, ms);
      this.#judge(sample, blue, answer);
      return true;
    } catch (error) {
      if (stopped.aborted) return true;
      // Of blue it was within the limit.
      if (isTooLarge(error)) this.#askAgain(sample);
      else this.#unanswered(read.statement, error);
      return isTooLarge(error);
    }
  }

  #judge(sample: Sample, blue: Answer, answer: Answer): void {
    const { dialect } = this.#options;
    const { read } = sample;
    if (dialect.isPassing(answer)) this.#book.note(read.statement, { verdict: 'unanswered' });
    else if (dialect.hasForeignBytes(answer)) this.#book.skip('a type that is not built in');
    else if (differenceIn(dialect, blue, answer, read) === undefined)
      this.#book.note(read.statement, { verdict: 'equal' });
    else if (dialect.isRefusedWrite(answer)) this.#book.skip('no read');
    else this.#askAgain(sample);
  }

  #askAgain(sample: Sample): void {
    if (this.#differences.offer(sample, this.#options.bytesOf(sample))) return;
    this.#book.note(sample.read.statement, { verdict: 'unsettled' });
  }

  #unanswered(statement: string, error: unknown): void {
    this.#book.note(statement, { verdict: 'unanswered' });
    this.#options.log('green gave no answer to a shadow read', { because: describeError(error) });
  }

  async #settleAll(): Promise<void> {
    const { reader, stopped, dialect } = this.#options;
    const readers = { blue: reader('blue'), green: reader('green') };
    try {
      for (;;) {
        const sample = await this.#differences.next(stopped);
        if (sample === undefined) return;
        const found = await settle(sample.read, this.#asking(sample, readers), dialect);
        if (!stopped.aborted) this.#book.note(sample.read.statement, found);
        if (found.verdict === 'unanswered') await this.#rest();
      }
    } finally {
      readers.blue.end();
      readers.green.end();
    }
  }

  #asking(sample: Sample, readers: Readonly<Record<Side, Reader<Sample, Answer>>>): Asking<Answer> {
    const { caughtUp, log } = this.#options;
    return {
      ask: async (side) => {
        try {
          return (await readers[side].read(sample)).answer;
        } catch (error) {
          log('a side gave no answer to a shadow read', { side, because: describeError(error) });
          return undefined;
        }
      },
      caughtUp,
    };
  }

  async #rest(): Promise<void> {
    await sleep(restMs, this.#options.stopped).catch(() => undefined);
  }
}
