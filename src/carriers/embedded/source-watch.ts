import { sleep } from '../../kernel/clock.ts';
import { TealError, describeError } from '../../kernel/errors.ts';
import type { SourceLook, SourceProbe } from '../../ports/change-source.ts';
import type { LogBudget } from '../../ports/carrier.ts';

export interface SourceWatchOptions {
  readonly probe: SourceProbe;
  readonly heartbeatEveryMs: number;
  readonly lookEveryMs: number;
  readonly walBudgetBytes: number | undefined;
  readonly walWarnShare: number;
  /** After each look. */
  readonly onLook: (look: SourceLook) => void;
  /** The source leaves changes out of the stream: nothing that is received later can be trusted. */
  readonly onBroken: (error: TealError) => void;
  /** The source keeps more log than it may. */
  readonly onExceeded: (look: SourceLook, limitBytes: number) => void;
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

  get budget(): LogBudget {
    return this.#look === undefined
      ? 'ok'
      : budgetOf(this.#look, this.#options.walBudgetBytes, this.#options.walWarnShare);
  }

  get limitBytes(): number | undefined {
    return this.#look === undefined ? undefined : limitOf(this.#look, this.#options.walBudgetBytes);
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
    if (look.slot === 'unrecorded') {
      this.#options.onBroken(new TealError('TEAL-SYSTEMS-041', 'a table is not recorded any more while the flow runs'));
    }
    this.#options.onLook(look);
    if (this.budget === 'exceeded') this.#options.onExceeded(look, this.limitBytes ?? 0);
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

/** Of the source's own limit: a little before it would invalidate the slot by itself. */
const shareOfSourceLimit = 0.95;

/** The budget of the file, or the source's own limit, whichever is nearer; undefined without either, and where nothing is kept for the flow. */
export function limitOf(look: SourceLook, budgetBytes: number | undefined): number | undefined {
  if (look.keepsAnyway === true) return undefined;
  const { retainedBytes = 0, headroomBytes } = look;
  const limits = [
    ...(budgetBytes === undefined ? [] : [budgetBytes]),
    ...(headroomBytes === undefined ? [] : [(retainedBytes + Math.max(0, headroomBytes)) * shareOfSourceLimit]),
  ];
  return limits.length === 0 ? undefined : Math.floor(Math.min(...limits));
}

export function budgetOf(look: SourceLook, budgetBytes: number | undefined, warnShare: number): LogBudget {
  const limit = limitOf(look, budgetBytes);
  const { retainedBytes = 0 } = look;
  if (limit === undefined) return 'ok';
  if (retainedBytes >= limit) return 'exceeded';
  return retainedBytes >= limit * warnShare ? 'warn' : 'ok';
}
