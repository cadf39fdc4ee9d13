import { sleep } from '../../kernel/clock.ts';
import { TealError, describeError } from '../../kernel/errors.ts';
import type { SourceLook, SourceProbe } from '../../ports/change-source.ts';
import type { WalBudget } from './protocol.ts';

export interface SourceWatchOptions {
  readonly probe: SourceProbe;
  readonly heartbeatEveryMs: number;
  readonly lookEveryMs: number;
  readonly walBudgetBytes: number | undefined;
  readonly walWarnShare: number;
  /** The source leaves changes out of the stream: nothing that is received later can be trusted. */
  readonly onBroken: (error: TealError) => void;
}

/**
 * Keeps a heartbeat going on the source, without which an idle database gives no sign of its stream (pglogical #337), and looks at what the source keeps for this
 * flow. A source that cannot be asked is not an error of the watch: the receiver says so, and the next look is soon.
 */
export class SourceWatch {
  readonly #options: SourceWatchOptions;
  #look: SourceLook | undefined;
  #failure: string | undefined;

  constructor(options: SourceWatchOptions) {
    this.#options = options;
  }

  get look(): SourceLook | undefined {
    return this.#look;
  }

  /** Why the source could not be asked the last time. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get budget(): WalBudget {
    return this.#look === undefined
      ? 'ok'
      : budgetOf(this.#look, this.#options.walBudgetBytes, this.#options.walWarnShare);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { probe, heartbeatEveryMs, lookEveryMs } = this.#options;
    await Promise.all([
      this.#every(heartbeatEveryMs, signal, async () => probe.heartbeat()),
      this.#every(lookEveryMs, signal, async () => this.#lookOnce()),
    ]);
  }

  async #lookOnce(): Promise<void> {
    const look = await this.#options.probe.look();
    this.#look = look;
    if (look.slot === 'unpublished') {
      this.#options.onBroken(new TealError('TEAL-SYSTEMS-029', 'the publication is gone while the flow runs'));
    }
  }

  async #every(pauseMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await work();
        this.#failure = undefined;
      } catch (error) {
        this.#failure = describeError(error);
      }
      await sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}

/** Against the budget of the file, or against the source's own limit, whichever is nearer. */
export function budgetOf(look: SourceLook, budgetBytes: number | undefined, warnShare: number): WalBudget {
  const retained = look.retainedBytes ?? 0;
  const limits = [
    ...(budgetBytes === undefined ? [] : [budgetBytes]),
    ...(look.headroomBytes === undefined ? [] : [retained + Math.max(0, look.headroomBytes)]),
  ];
  if (limits.length === 0) return 'ok';
  const limit = Math.min(...limits);
  if (retained >= limit) return 'exceeded';
  return retained >= limit * warnShare ? 'warn' : 'ok';
}
