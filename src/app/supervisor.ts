import { isoNow, monotonicMs, sleep } from '../kernel/clock.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { deathsAllowed, deathsUpTo, deathWindowMs, pauseAfter } from '../kernel/restarts.ts';
import { failureOf, type Failure } from '../sync/receiver.ts';
import type { Thing } from './wanted.ts';

/** What is known of one thing that ought to run. */
export interface WatchedState {
  /** How often it was found dead and started, since this supervisor began or a command asked for it anew. */
  readonly restarts: number;
  readonly lastIso?: string;
  /** Why the last start failed; with TEAL-APP-002 it is not started any more. */
  readonly failure?: Failure;
}

export interface SupervisorState {
  readonly version: 1;
  readonly pid: number;
  readonly sinceIso: string;
  readonly things: Readonly<Partial<Record<Thing, WatchedState>>>;
}

export interface SupervisorPorts {
  readonly wanted: () => Promise<ReadonlyMap<Thing, string>>;
  /** False only when nothing is there: what is slow or has failed, but lives, is no death. */
  readonly lives: (thing: Thing) => Promise<boolean>;
  readonly start: (thing: Thing) => Promise<void>;
  /** Nobody else starts or ends it until it is disposed of. */
  readonly lock: (thing: Thing) => Promise<Disposable>;
  readonly tell: (state: Omit<SupervisorState, 'version' | 'pid' | 'sinceIso'>['things']) => Promise<void>;
  readonly log: (text: string) => void;
}

interface Watched {
  mark: string;
  /** Monotonic times. */
  deaths: readonly number[];
  notBeforeMs: number;
  restarts: number;
  lastIso?: string;
  failure?: Failure;
}

/**
 * Starts what ought to run and does not, with growing pauses, until nothing ought to run. It looks instead of waiting for the ends of children: most of what it
 * watches was started by a command.
 */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #everyMs: number;
  readonly #pause: (deaths: number) => number;
  readonly #watched = new Map<Thing, Watched>();
  /** A recovery takes its time, and may itself wait for a flow that must be started meanwhile: nothing waits for another's look. */
  readonly #looks = new Map<Thing, Promise<void>>();
  #told = '';

  constructor(ports: SupervisorPorts, everyMs = 500, pause = pauseAfter) {
    this.#ports = ports;
    this.#everyMs = everyMs;
    this.#pause = pause;
  }

  /** Resolves when nothing ought to run, or when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const marks = await this.#ports.wanted();
      for (const thing of this.#watched.keys()) if (!marks.has(thing)) this.#watched.delete(thing);
      if (marks.size === 0) break;
      for (const [thing, mark] of marks) this.#begin(thing, mark);
      await Promise.race([Promise.all(this.#looks.values()), sleep(this.#everyMs)]);
      await this.#tell();
      await sleep(this.#everyMs, signal).catch(() => undefined);
    }
    await Promise.all(this.#looks.values());
  }

  #begin(thing: Thing, mark: string): void {
    if (this.#looks.has(thing)) return;
    const look = this.#look(thing, mark).finally(() => this.#looks.delete(thing));
    this.#looks.set(thing, look);
  }

  async #look(thing: Thing, mark: string): Promise<void> {
    const watched = this.#of(thing, mark);
    if (watched.failure?.code === 'TEAL-APP-002' || monotonicMs() < watched.notBeforeMs) return;
    try {
      if (await this.#ports.lives(thing)) {
        delete watched.failure;
        return;
      }
      using _ = await this.#ports.lock(thing);
      // Whoever had the lock may have started it, or ended it for good.
      if ((await this.#ports.wanted()).get(thing) !== mark || (await this.#ports.lives(thing))) return;
      await this.#restart(thing, watched);
    } catch (error) {
      watched.failure = failureOf(error);
      this.#ports.log(`${thing}: ${watched.failure.reason}`);
    }
  }

  async #restart(thing: Thing, watched: Watched): Promise<void> {
    const now = monotonicMs();
    watched.deaths = deathsUpTo(now, watched.deaths);
    if (watched.deaths.length > deathsAllowed) {
      const windowMs = deathWindowMs;
      throw new TealError('TEAL-APP-002', `${describe(thing)} ${watched.deaths.length} times`, { thing, windowMs });
    }
    watched.lastIso = isoNow();
    watched.restarts += 1;
    this.#ports.log(`${describe(thing)}: start ${watched.restarts}`);
    try {
      await this.#ports.start(thing);
      delete watched.failure;
    } finally {
      watched.notBeforeMs = monotonicMs() + this.#pause(watched.deaths.length);
    }
  }

  #of(thing: Thing, mark: string): Watched {
    const known = this.#watched.get(thing);
    if (known?.mark === mark) return known;
    const fresh: Watched = { mark, deaths: [], notBeforeMs: 0, restarts: known?.restarts ?? 0 };
    this.#watched.set(thing, fresh);
    return fresh;
  }

  /** Only what has changed is written. */
  async #tell(): Promise<void> {
    const things = Object.fromEntries(
      [...this.#watched].map(([thing, { restarts, lastIso, failure }]) => [
        thing,
        { restarts, ...(lastIso === undefined ? {} : { lastIso }), ...(failure === undefined ? {} : { failure }) },
      ]),
    );
    const text = JSON.stringify(things);
    if (text === this.#told) return;
    await this.#ports.tell(things);
    this.#told = text;
  }
}

function describe(thing: Thing): string {
  if (thing === 'soak') return 'nobody watches the soak';
  if (thing === 'tenants') return 'a move of tenants was left by who was to end it';
  if (thing === 'anomalies') return 'nobody watches both systems';
  return thing === 'cut' ? 'a cut was left by who was to end it' : `${thing} died`;
}

/** Does not run, as against: does not answer in time. */
export function isAbsence(error: unknown): boolean {
  return isTealError(error, 'TEAL-CARRIERS-001') || isTealError(error, 'TEAL-TRAFFIC-005');
}
