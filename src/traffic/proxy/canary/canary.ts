import { describeError } from '../../../kernel/errors.ts';
import type { BackendLink } from '../backend-link.ts';
import type { BackendLogin, ConnectResult } from '../connector.ts';
import { Judge, type Judged, type VolatileFunctions } from '../shadow/judge.ts';
import { isReadable, type SessionFacts } from '../shadow/sample.ts';
import type { TapDesk } from '../shadow/tap-desk.ts';
import { CanaryCourse, connectLimitMs, KeptCanary, type CourseOptions } from './course.ts';
import { GreenLink } from './green-link.ts';
import type { HorizonDesk } from './horizon.ts';

/** What the proxy itself asks of the databases for a canary. Errors: TEAL-TRAFFIC-002, -003, -008. */
export interface CanaryDesk extends HorizonDesk {
  /** Of blue. */
  volatileFunctions(): Promise<VolatileFunctions>;
}

export interface CanaryOptions extends CourseOptions {
  readonly desk: CanaryDesk;
  readonly connect: (login: BackendLogin, signal: AbortSignal) => Promise<ConnectResult>;
  /** Asks green to end what runs on a connection. */
  readonly cancel: (link: BackendLink) => Promise<void>;
  /** Green's numbers of types that are not built in: blue's. */
  readonly types: () => Promise<ReadonlyMap<number, number>>;
  /** What has to be known before sessions are asked for their state. Never throws. */
  readonly learn: () => Promise<void>;
}

/** Moves reads of PostgreSQL. */
export class Canary extends KeptCanary<CanaryRun> {
  readonly #options: CanaryOptions;

  constructor(options: CanaryOptions) {
    super(options);
    this.#options = options;
  }

  /** Errors: those of asking blue which of its functions are volatile. */
  protected async ready(): Promise<(over: () => void) => CanaryRun> {
    const options = this.#options;
    const judge = new Judge(await options.desk.volatileFunctions());
    await options.learn();
    const types = await options.types();
    return (over) => new CanaryRun(options, judge, types, over);
  }
}

/** From the first share to the end. */
export class CanaryRun extends CanaryCourse implements TapDesk {
  /** Green's numbers of types: blue's. */
  readonly types: ReadonlyMap<number, number>;
  readonly #options: CanaryOptions;
  readonly #judge: Judge;

  constructor(options: CanaryOptions, judge: Judge, types: ReadonlyMap<number, number>, over: () => void) {
    super(options, over);
    this.#options = options;
    this.#judge = judge;
    this.types = types;
  }

  greenLink(): GreenLink {
    return new GreenLink({ connect: this.#options.connect, limitMs: connectLimitMs });
  }

  cancel(link: BackendLink): void {
    void this.#options.cancel(link).catch((error: unknown) => {
      this.#options.log('green could not be asked to end a read', { because: describeError(error) });
    });
  }

  mayTrack(facts: SessionFacts): boolean {
    return !facts.state.listens && isReadable(facts);
  }

  // ---- what trackers ask: nothing is sampled

  draws(): boolean {
    return false;
  }

  judge(text: string): Judged {
    return this.#judge.judge(text);
  }

  skip(): void {}

  offer(): void {}

  drawsWrite(): boolean {
    return false;
  }

  skipWrite(): void {}

  offerWrite(): void {}
}
