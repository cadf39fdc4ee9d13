import { sleep } from '../../kernel/clock.ts';
import { describeError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';
import { failed, heard, type Check } from '../soak/health.ts';

/** Asks all of them again and again beside other work, until one has failed often enough. */
export class Questions implements AsyncDisposable {
  readonly #gates: readonly Gate[];
  readonly #rule: { readonly everyMs: number; readonly failures: number };
  readonly #stopped = new AbortController();
  readonly #asking: Promise<void>;
  #checks: readonly Check[];

  constructor(gates: readonly Gate[], rule: { readonly everyMs: number; readonly failures: number }) {
    this.#gates = gates;
    this.#rule = rule;
    this.#checks = gates.map(({ asks }) => ({ asks, answer: 'not asked yet', evidence: '', failures: 0 }));
    this.#asking = this.#askAll();
  }

  /** The first that was answered with no so often. */
  get failed(): Check | undefined {
    return failed(this.#checks, this.#rule.failures);
  }

  /** None is on its way to fail. */
  get areWell(): boolean {
    return this.#checks.every(({ failures }) => failures === 0);
  }

  async #askAll(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#gates.length > 0) {
      const answers = await Promise.all(this.#gates.map(async (gate) => answerOf(gate, signal)));
      this.#checks = this.#checks.map((check, index) => {
        const answer = answers[index];
        return answer === undefined ? check : heard(check, answer);
      });
      await sleep(this.#rule.everyMs, signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error('nobody asks any more'));
    await this.#asking;
  }
}

async function answerOf(gate: Gate, signal: AbortSignal): Promise<GateAnswer> {
  try {
    return await gate.ask(signal);
  } catch (error) {
    return { answer: 'cannot tell', evidence: describeError(error) };
  }
}
