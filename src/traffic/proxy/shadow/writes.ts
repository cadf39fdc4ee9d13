import { must } from '../../../kernel/assert.ts';
import { sleep } from '../../../kernel/clock.ts';
import { describeError } from '../../../kernel/errors.ts';
import type { Tally } from '../../../ports/shadow.ts';
import type { Difference } from './answer.ts';
import { ShadowBook } from './counts.ts';
import type { SkipReason } from './skip-reason.ts';
import type { ReaderLink } from './reader-link.ts';
import { BoundedQueue, type WriteSample } from './sample.ts';
import { outcomeOf, outcomeOfEnd, settleWrite, type WriteOutcome } from './settle-write.ts';
import { isTooLarge } from './too-large.ts';
import { runTrial, type Trial } from './trial.ts';

const waitingWrites = { items: 256, bytes: 8 << 20 };
const waitingAgain = { items: 32, bytes: 1 << 20 };
/** After a failure nothing is tried for so long. */
const restMs = 1_000;
/** What takes green longer keeps rows from the flow: it is followed by a rest of so many times as long. */
const slowMs = 50;
const restsOfSlow = 10;

export interface ShadowWritesOptions {
  readonly share: number;
  readonly trial: Trial;
  /** Each a connection to where writes are tried. One for the first try, one for what differed: no more than two transactions keep rows locked there. */
  readonly link: () => ReaderLink;
  /** Resolves true when green has applied all that blue has committed before now; false when it has not in the time there is. */
  readonly caughtUp: () => Promise<boolean>;
  /** Blue is live and nobody is held: later on row locks on green are kept from clients. */
  readonly isOpen: () => boolean;
  readonly stopped: AbortSignal;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Repeats what clients have written on blue, on green in transactions that are rolled back, or on a copy of it, and tells what is refused there. */
export class ShadowWrites {
  readonly #options: ShadowWritesOptions;
  readonly #book = new ShadowBook();
  readonly #writes = new BoundedQueue<WriteSample>(waitingWrites);
  readonly #again = new BoundedQueue<Again>(waitingAgain);

  constructor(options: ShadowWritesOptions) {
    this.#options = options;
  }

  draws(): boolean {
    return Math.random() < this.#options.share;
  }

  skip(why: SkipReason): void {
    this.#book.skip(why);
  }

  offer(sample: WriteSample): void {
    const known = sample.statements.map(({ write }) => this.#book.whyKnown(write.statement));
    const why = known.find((each) => each !== undefined);
    if (why !== undefined) this.#book.skip(why);
    else if (!this.#writes.offer(sample, sizeOf(sample))) this.#book.shed();
  }

  tally(): Tally {
    return this.#book.counted(this.#options.stopped.aborted ? 0 : this.#options.share);
  }

  /** Until it is stopped. */
  async tryAll(): Promise<void> {
    await this.#work(this.#writes, async (sample, green) => {
      const { outcomes, ms } = await this.#run(green, sample);
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
      const { outcomes, ms } = await this.#run(green, sample);
      // Where it now fails earlier, nothing is known of what follows.
      const again = outcomes[at];
      this.#book.note(statement, again === undefined ? { verdict: 'unsettled' } : settleWrite(first, again));
      return sumOf(ms);
    });
  }

  /** `work` tells how long green took. */
  async #work<T extends WriteSample | Again>(
    queue: BoundedQueue<T>,
    work: (item: T, green: ReaderLink) => Promise<number>,
  ): Promise<void> {
    const { stopped, isOpen, link, trial, log } = this.#options;
    const green = link();
    try {
      for (let item = await queue.next(stopped); item !== undefined; item = await queue.next(stopped)) {
        if (!isOpen()) {
          this.#book.skip('interrupted');
          continue;
        }
        try {
          const tookMs = await work(item, green);
          if (trial.isBesideFlow && tookMs > slowMs) await this.#rest(restsOfSlow * tookMs);
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

  /** What green said, up to the first statement that it did not take as blue did. */
  async #run(
    green: ReaderLink,
    sample: WriteSample,
  ): Promise<{ readonly outcomes: readonly WriteOutcome[]; readonly ms: readonly number[] }> {
    const { began, answers, ended } = await runTrial(this.#options.trial, green, sample);
    if (began.answer.error !== undefined) {
      this.#options.log('green begins no shadow write', { sqlState: began.answer.error });
      return { outcomes: [{ outcome: 'closed' }], ms: [] };
    }
    const outcomes: WriteOutcome[] = [];
    for (const [at, { answer }] of answers.entries()) {
      const outcome = outcomeOf(must(sample.statements[at], 'what was asked'), answer);
      outcomes.push(outcome);
      if (outcome.outcome !== 'equal') break;
    }
    const atEnd = outcomes.at(-1)?.outcome === 'equal' ? outcomeOfEnd(ended.answer) : undefined;
    if (atEnd !== undefined) outcomes[outcomes.length - 1] = atEnd;
    return { outcomes, ms: answers.map(({ ms }) => ms) };
  }

  #notEqual(sample: WriteSample, at: number, first: WriteOutcome): void {
    const statement = statementOf(sample, at);
    if (first.outcome === 'busy') this.#book.skip('its rows were locked on green');
    else if (first.outcome !== 'different') this.#book.note(statement, { verdict: 'unanswered' });
    else if (first.kind === 'there already') this.#book.note(statement, { verdict: 'lag' });
    else if (!this.#again.offer({ sample, at, first }, sizeOf(sample))) {
      this.#book.note(statement, { verdict: 'unsettled', difference: first.difference });
    }
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, this.#options.stopped).catch(() => undefined);
  }
}

interface Again {
  readonly sample: WriteSample;
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

function statementOf({ statements }: WriteSample, at: number): string {
  return statements[at]?.write.statement ?? '';
}

function sizeOf({ statements }: WriteSample): number {
  return statements.reduce((sum, { message }) => sum + message.length, 0);
}
