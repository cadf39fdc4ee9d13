import { sleep } from '../../../kernel/clock.ts';
import { describeError } from '../../../kernel/errors.ts';
import type { Tally } from '../../../ports/shadow.ts';
import type { Difference } from './answer.ts';
import { ShadowBook } from './counts.ts';
import type { SkipReason } from './skip-reason.ts';
import type { Write } from './judge-write.ts';
import { BoundedQueue } from './sample.ts';
import { settleWrite, type WriteOutcome } from './settle-write.ts';
import { isTooLarge } from './too-large.ts';

const waitingWrites = { items: 256, bytes: 8 << 20 };
const waitingAgain = { items: 32, bytes: 1 << 20 };
/** After a failure nothing is tried for so long. */
const restMs = 1_000;
/** What takes green longer keeps rows from the flow: it is followed by a rest of so many times as long. */
const slowMs = 50;
const restsOfSlow = 10;

/** What one transaction of a client wrote, as blue has committed it. */
export interface TriedSample {
  readonly statements: readonly {
    readonly write: Write;
    /** Absent where others were asked in the same breath. */
    readonly blueMs?: number;
  }[];
}

/** What was said up to the first statement that was not taken as blue took it. */
export interface Tried {
  readonly outcomes: readonly WriteOutcome[];
  /** How long each took. */
  readonly ms: readonly number[];
}

/** A connection of its own to where writes are tried. */
export interface Trier<Sample> {
  /** Errors: it gave no answer. The next try begins with a new connection. */
  try(sample: Sample): Promise<Tried>;
  end(): void;
}

export interface ShadowWritesOptions<Sample extends TriedSample> {
  readonly share: number;
  /** One for the first try, one for what differed: no more than two transactions keep rows locked there. */
  readonly trier: () => Trier<Sample>;
  /** Of what waits. */
  readonly bytesOf: (sample: Sample) => number;
  /** What is tried keeps rows from the flow to green. */
  readonly isBesideFlow: boolean;
  /** Resolves true when green has applied all that blue has committed before now; false when it has not in the time there is. */
  readonly caughtUp: () => Promise<boolean>;
  /** Blue is live and nobody is held: later on row locks on green are kept from clients. */
  readonly isOpen: () => boolean;
  readonly stopped: AbortSignal;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Repeats what clients have written on blue, on green in transactions that are rolled back, or on a copy of it, and tells what is refused there. */
export class ShadowWrites<Sample extends TriedSample> {
  readonly #options: ShadowWritesOptions<Sample>;
  readonly #book = new ShadowBook();
  readonly #writes = new BoundedQueue<Sample>(waitingWrites);
  readonly #again = new BoundedQueue<Again<Sample>>(waitingAgain);

  constructor(options: ShadowWritesOptions<Sample>) {
    this.#options = options;
  }

  draws(): boolean {
    return Math.random() < this.#options.share;
  }

  skip(why: SkipReason): void {
    this.#book.skip(why);
  }

  offer(sample: Sample): void {
    const known = sample.statements.map(({ write }) => this.#book.whyKnown(write.statement));
    const why = known.find((each) => each !== undefined);
    if (why !== undefined) this.#book.skip(why);
    else if (!this.#writes.offer(sample, this.#options.bytesOf(sample))) this.#book.shed();
  }

  tally(): Tally {
    return this.#book.counted(this.#options.stopped.aborted ? 0 : this.#options.share);
  }

  /** Until it is stopped. */
  async tryAll(): Promise<void> {
    await this.#work(this.#writes, async (sample, green) => {
      const { outcomes, ms } = await green.try(sample);
      for (const [at, { write, blueMs }] of sample.statements.slice(0, outcomes.length).entries()) {
        const [outcome, tookMs] = [outcomes[at], ms[at]];
        if (blueMs !== undefined && tookMs !== undefined) this.#book.latencies(write.statement, blueMs, tookMs);
        if (outcome?.outcome === 'equal') this.#book.note(write.statement, { verdict: 'equal' });
        else if (outcome !== undefined) this.#notEqual(sample, at, outcome);
      }
      return sumOf(ms);
    });
  }

  /** Until it is stopped: what differed, once green has caught up. */
  async settleAll(): Promise<void> {
    await this.#work(this.#again, async ({ sample, at, first }, green) => {
      const statement = statementOf(sample, at);
      if (!(await this.#options.caughtUp())) {
        this.#book.note(statement, { verdict: 'unsettled', ...differenceIn(first) });
        return 0;
      }
      const { outcomes, ms } = await green.try(sample);
      // Where it now fails earlier, nothing is known of what follows.
      const again = outcomes[at];
      this.#book.note(statement, again === undefined ? { verdict: 'unsettled' } : settleWrite(first, again));
      return sumOf(ms);
    });
  }

  /** `work` tells how long green took. */
  async #work<T extends Sample | Again<Sample>>(
    queue: BoundedQueue<T>,
    work: (item: T, green: Trier<Sample>) => Promise<number>,
  ): Promise<void> {
    const { stopped, isOpen, trier, isBesideFlow, log } = this.#options;
    const green = trier();
    try {
      for (let item = await queue.next(stopped); item !== undefined; item = await queue.next(stopped)) {
        if (!isOpen()) {
          this.#book.skip('interrupted');
          continue;
        }
        try {
          const tookMs = await work(item, green);
          if (isBesideFlow && tookMs > slowMs) await this.#rest(restsOfSlow * tookMs);
        } catch (error) {
          if (stopped.aborted) return;
          const [sample, at] = 'sample' in item ? [item.sample, item.at] : [item, 0];
          this.#book.note(statementOf(sample, at), { verdict: 'unanswered' });
          log('green gave no answer to a shadow write', { because: describeError(error) });
          if (!isTooLarge(error)) await this.#rest(restMs);
        }
      }
    } finally {
      green.end();
    }
  }

  #notEqual(sample: Sample, at: number, first: WriteOutcome): void {
    const statement = statementOf(sample, at);
    if (first.outcome === 'busy') this.#book.skip('its rows were locked on green');
    else if (first.outcome !== 'different') this.#book.note(statement, { verdict: 'unanswered' });
    else if (first.kind === 'there already') this.#book.note(statement, { verdict: 'lag' });
    else if (!this.#again.offer({ sample, at, first }, this.#options.bytesOf(sample))) {
      this.#book.note(statement, { verdict: 'unsettled', difference: first.difference });
    }
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, this.#options.stopped).catch(() => undefined);
  }
}

interface Again<Sample> {
  readonly sample: Sample;
  /** The statement that differed. */
  readonly at: number;
  readonly first: WriteOutcome;
}

function differenceIn(outcome: WriteOutcome): { readonly difference?: Difference } {
  return outcome.outcome === 'different' ? { difference: outcome.difference } : {};
}

function sumOf(ms: readonly number[]): number {
  return ms.reduce((sum, each) => sum + each, 0);
}

function statementOf({ statements }: TriedSample, at: number): string {
  return statements[at]?.write.statement ?? '';
}
