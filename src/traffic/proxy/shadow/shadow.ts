import { noTally, type ShadowOrder, type ShadowReads, type ShadowTally } from '../../../ports/shadow.ts';
import { Judge } from './judge.ts';
import type { ShadowOptions } from './options.ts';
import { ShadowRun } from './run.ts';
import type { SessionFacts } from './sample.ts';
import type { SessionTap } from './tap.ts';

/**
 * Asks green a share of what clients read on blue, and write there, and compares. Clients are never waited for and never wait: their statements are taken in passing with blue's answer, and put to
 * green on connections of their own behind bounded queues; what finds no room there is dropped and counted. What writes is rolled back.
 */
export class Shadow implements ShadowReads {
  readonly #options: ShadowOptions;
  #run: ShadowRun | undefined;
  #ended: ShadowTally = { ...noTally, watchedMs: 0, sessionsLeftOut: 0, writes: noTally };

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** Errors: those of asking the databases what functions do. */
  async begin(order: ShadowOrder): Promise<void> {
    const { desk, learn, log } = this.#options;
    const volatile = await desk.volatileFunctions();
    const acting = order.writes > 0 ? await desk.actingNames(order.scratch) : undefined;
    await learn();
    this.#stopRun();
    this.#run = new ShadowRun(this.#options, order, new Judge(volatile, acting));
    log('shadow begins', { ...order });
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
    this.#run.stop();
    this.#ended = this.#run.tally();
    this.#run = undefined;
  }
}
