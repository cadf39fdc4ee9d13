import { monotonicMs } from '../../kernel/clock.ts';
import { describeError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import { epochAt, requireOwner, type ReadOwner } from '../../ports/owner.ts';
import type { HoldRequest, HoldResult, Router, RouterFinding, RouterState, Switching } from '../../ports/router.ts';
import type { StepFacts } from '../../ports/step.ts';

/** What `read` of a desk has told. */
export interface DeskState {
  readonly side: Side | 'unknown';
  /** Where it can hold: that it does. */
  readonly isHolding: boolean;
}

/** Something of the user's that can point clients, and perhaps hold them. Whatever is asked may be asked again, and must then lead to the same end. */
export interface Desk {
  /** For errors: `traffic.read`. */
  readonly name: string;
  read(): Promise<DeskState>;
  /** What it said about it, for the journal: bounded, and without passwords. */
  point(side: Side, epoch: number): Promise<string>;
  readonly holding?: {
    /** Resolves when clients wait and no transaction runs. What fails, or does not end in `drainMs`, ends the attempt, and `release` is asked. */
    hold(request: HoldRequest): Promise<void>;
    release(): Promise<void>;
  };
}

export interface CustomRouterOptions {
  readonly desk: Desk;
  readonly switching: Switching;
  readonly readOwner: ReadOwner;
}

/** A router by whatever the user has: programs, or a service. */
export class CustomRouter implements Router, AsyncDisposable {
  readonly holdsClients: boolean;
  readonly switching: Switching;
  readonly #options: CustomRouterOptions;
  /** Of one that cannot hold: that writes may be refused by now. */
  #isBegun = false;

  constructor(options: CustomRouterOptions) {
    this.#options = options;
    this.holdsClients = options.desk.holding !== undefined;
    this.switching = options.switching;
  }

  async read(): Promise<RouterState> {
    const { side: pointsTo, isHolding } = await this.#options.desk.read();
    const isHeld = this.holdsClients ? isHolding : this.#isBegun;
    const epoch = await epochAt(this.#options.readOwner, pointsTo);
    return { mode: isHeld ? 'holding' : 'running', pointsTo, epoch, clients: 0, inFlight: 0, pinned: [] };
  }

  async hold(request: HoldRequest): Promise<HoldResult> {
    const began = monotonicMs();
    this.#isBegun = true;
    await this.#options.desk.holding?.hold(request);
    return { drained: true, clients: 0, waitedMs: this.holdsClients ? monotonicMs() - began : 0 };
  }

  async point(side: Side, epoch: number): Promise<StepFacts> {
    await requireOwner(this.#options.readOwner, side, epoch);
    const told = await this.#options.desk.point(side, epoch);
    return told === '' ? {} : { told };
  }

  async release(): Promise<void> {
    this.#isBegun = false;
    await this.#options.desk.holding?.release();
  }

  async check(): Promise<readonly RouterFinding[]> {
    const { desk } = this.#options;
    try {
      if ((await desk.read()).side !== 'unknown') return [];
      const what = `${desk.name} cannot tell where clients are.`;
      const why = 'A cut is begun only where it is known which side they are on.';
      return [{ severity: 'blocker', what, why, mend: 'Have it say blue or green.' }];
    } catch (error) {
      if (!isTealError(error)) throw error;
      const why = 'A cut would fail where it is needed.';
      return [{ severity: 'blocker', what: `${describeError(error)}.`, why, mend: error.entry.doThis }];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing of it outlives a question.
  }
}
