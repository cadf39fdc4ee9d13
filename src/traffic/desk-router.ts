import { monotonicMs } from '../kernel/clock.ts';
import { describeError, isTealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { epochAt, requireOwner, type ReadOwner } from '../ports/owner.ts';
import type { HoldRequest, HoldResult, Router, RouterFinding, RouterState, Switching } from '../ports/router.ts';
import type { StepFacts } from '../ports/step.ts';

/** What `read` of a desk has told. */
export interface DeskState {
  readonly side: Side | 'unknown';
  /** Where it can hold: that it does. */
  readonly isHolding: boolean;
}

/** Something that can point clients, and perhaps hold them: of the user's, or a router of another make. Whatever is asked may be asked again, and must then lead to the same end. */
export interface Desk {
  /** For findings: `traffic.read`. */
  readonly name: string;
  read(): Promise<DeskState>;
  /** What it said about it, for the journal: bounded, and without passwords. */
  point(side: Side, epoch: number): Promise<string>;
  readonly holding?: {
    /** Resolves when clients wait and no transaction runs. What fails, or does not end in `drainMs`, ends the attempt, and `release` is asked. */
    hold(request: HoldRequest): Promise<void>;
    release(): Promise<void>;
  };
  /** What a cut would stumble over; changes nothing. What it throws is a finding. Absent: that `read` tells a side is all that is looked at. */
  look?(): Promise<readonly RouterFinding[]>;
}

export interface DeskRouterOptions {
  readonly desk: Desk;
  readonly switching: Switching;
  readonly readOwner: ReadOwner;
}

/** A router that is no process of Teal's: it is asked and told by its desk. */
export class DeskRouter implements Router, AsyncDisposable {
  readonly holdsClients: boolean;
  readonly switching: Switching;
  readonly #options: DeskRouterOptions;
  /** Of one that cannot hold: that writes may be refused by now. */
  #isBegun = false;

  constructor(options: DeskRouterOptions) {
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
      if (desk.look !== undefined) return await desk.look();
      if ((await desk.read()).side !== 'unknown') return [];
      return [leadsNowhere(`${desk.name} cannot tell where clients are.`, 'Have it say blue or green.')];
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

/** The finding that nobody can tell on which side clients are. */
export function leadsNowhere(what: string, mend: string): RouterFinding {
  return { severity: 'blocker', what, why: 'A cut is begun only where it is known which side they are on.', mend };
}

/**
 * The finding of a router that ends connections which were there only some time after it was pointed, `endsMs`, or never: undefined where that is within what the file says that clients put up with.
 */
export function lateEnd(
  who: string,
  endsMs: number | undefined,
  maxPauseMs: number,
  mend: string,
): RouterFinding | undefined {
  if (endsMs !== undefined && endsMs <= maxPauseMs) return undefined;
  const seconds = (ms: number): string => `${ms / 1_000} s`;
  return {
    severity: 'blocker',
    what:
      endsMs === undefined
        ? `${who} does not end connections that were there before a cut.`
        : `${who} ends connections that were there before a cut only after ${seconds(endsMs)}, and cutover.maxPause is ${seconds(maxPauseMs)}.`,
    why: 'So long a client is on the side that has lost, where its writes are refused.',
    mend,
  };
}
