import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import { otherSide, type Side } from '../../../model/catalog.ts';
import type { HoldResult } from '../../../ports/router.ts';
import { Bell, endsWithin } from '../bell.ts';
import { busyOf, isStuck, pinnedOf, wantsPreparing, type SeenSession } from '../sessions-seen.ts';
import { placeOf, type LentRows } from './place.ts';
import { tenantOf } from './tenant-of.ts';

export interface TenantSession extends SeenSession {
  readonly gone: boolean;
  /** What its client gave when it connected. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly settledOn: boolean;
  holdAhead(): void;
  endHold(): void;
  refresh(): void;
  prepare(side: Side): Promise<void>;
}

export interface TenancyOptions<Session extends TenantSession> {
  readonly sessions: () => Iterable<Session>;
  readonly lentRows: (side: Side) => Promise<LentRows>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface TenantHoldRequest {
  readonly tenants: readonly string[];
  readonly session: string;
  readonly leaseMs: number;
  readonly drainMs: number;
  readonly anyway: boolean;
}

export interface TenancyTally {
  readonly tenants: readonly string[];
  readonly side: Side;
  readonly holding: boolean;
  /** Sessions of these tenants. */
  readonly sessions: number;
}

const warmLimitMs = 10_000;
const settleLimitMs = 15_000;
const lookAgainMs = 1_000;
const preparedAtOnce = 16;

/**
 * Sessions of some tenants go to the side that takes their rows. Where that is both sides are asked, never told: at the start, at the end of each move, and past a lease for as long as neither takes them.
 */
export class Tenancy<Session extends TenantSession> {
  readonly #options: TenancyOptions<Session>;
  readonly #bell = new Bell();
  readonly #stopped = new AbortController();
  #setting = '';
  #tenants: ReadonlySet<string> = new Set();
  #side: Side = 'blue';
  #holding = false;
  #leaseUntilMs = 0;
  #watching = false;

  constructor(options: TenancyOptions<Session>) {
    this.#options = options;
  }

  /** Looks whether tenants are away. Where that cannot be told it is looked for until it can. */
  async start(): Promise<void> {
    const blue = await this.#options.lentRows('blue');
    if (blue.reached && blue.tenants.length === 0) return;
    if (blue.reached) this.#keep(blue.tenants, blue.session);
    this.#holding = true;
    this.#watchLease();
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'the proxy stops'));
    this.#bell.ring();
  }

  /** Where a session with these parameters goes; `otherwise`: everybody else's. */
  sideOf(parameters: ReadonlyMap<string, string>, otherwise: Side): Side {
    return this.#side === 'green' && this.#isTheirs(parameters) ? 'green' : otherwise;
  }

  /** A session that comes now waits with the others of its tenant. */
  joined(session: Session): void {
    if (this.#holding && this.#isTheirs(session.parameters)) session.holdAhead();
  }

  changed(): void {
    this.#bell.ring();
  }

  tally(): TenancyTally {
    return { tenants: [...this.#tenants], side: this.#side, holding: this.#holding, sessions: this.#theirs().length };
  }

  /** Makes their next backends ready with traffic flowing, then holds them. With `anyway` they stay held whatever is not ready. */
  async hold({ tenants, session, leaseMs, drainMs, anyway }: TenantHoldRequest): Promise<HoldResult> {
    this.#keep(tenants, session);
    const target = otherSide(this.#side);
    const theirs = this.#theirs();
    for (const each of theirs) each.mover.forgetHindrance();
    await endsWithin(this.#prepare(theirs, target), warmLimitMs);
    if (!anyway && pinnedOf(theirs).length > 0) return this.#undrained(target, 0);
    const begunMs = monotonicMs();
    this.#holding = true;
    this.#leaseUntilMs = begunMs + leaseMs;
    for (const each of this.#theirs()) each.holdAhead();
    this.#watchLease();
    this.#options.log('holding tenants', { tenants: tenants.length, sessions: theirs.length });
    const drained = await this.#drain(target, begunMs + drainMs);
    const waitedMs = monotonicMs() - begunMs;
    if (drained) return { drained, clients: this.#theirs().length, waitedMs };
    if (!anyway) this.#letGo(this.#theirs());
    return this.#undrained(target, waitedMs);
  }

  /** Goes where the rows of both sides say. Errors: TEAL-TRAFFIC-080 where neither takes them, and those that were held wait on; -004 when a session is not there in time. */
  async settle(): Promise<TenancyTally> {
    const [blue, green] = await Promise.all([this.#options.lentRows('blue'), this.#options.lentRows('green')]);
    const place = placeOf(blue, green);
    if ('wait' in place) throw new TealError('TEAL-TRAFFIC-080', place.wait);
    if (blue.reached && blue.tenants.length > 0) this.#keep(blue.tenants, blue.session);
    const theirs = this.#theirs();
    this.#side = place.side;
    for (const each of theirs) each.refresh();
    const untilMs = monotonicMs() + settleLimitMs;
    for (;;) {
      const waiting = theirs.filter((each) => !each.gone && !each.settledOn && !each.inFlight).length;
      if (waiting === 0) break;
      const leftMs = untilMs - monotonicMs();
      if (leftMs <= 0) throw new TealError('TEAL-TRAFFIC-004', `${waiting} sessions are not on ${place.side} yet`);
      await this.#bell.heard(leftMs);
    }
    this.#letGo(this.#theirs());
    if (place.side === 'blue') this.#keep([], '');
    this.#options.log('tenants are settled', { side: place.side, sessions: theirs.length });
    return this.tally();
  }

  #keep(tenants: readonly string[], setting: string): void {
    this.#tenants = new Set(tenants);
    this.#setting = setting;
  }

  #isTheirs(parameters: ReadonlyMap<string, string>): boolean {
    if (this.#tenants.size === 0) return false;
    const tenant = tenantOf(parameters, this.#setting);
    return tenant !== undefined && this.#tenants.has(tenant);
  }

  #theirs(): readonly Session[] {
    return [...this.#options.sessions()].filter((session) => !session.gone && this.#isTheirs(session.parameters));
  }

  async #drain(target: Side, untilMs: number): Promise<boolean> {
    for (;;) {
      const left = this.#theirs().filter((each) => !(each.atBoundary && each.mover.isReady(target)));
      if (left.length === 0) return true;
      const leftMs = untilMs - monotonicMs();
      if (leftMs <= 0 || !this.#holding) return false;
      const heard = this.#bell.heard(leftMs);
      const wanting = left.filter((each) => wantsPreparing(each, target));
      if (wanting.length > 0) await endsWithin(this.#prepare(wanting, target), leftMs);
      else if (left.every(isStuck)) return false;
      else await heard;
    }
  }

  async #prepare(sessions: readonly Session[], target: Side): Promise<void> {
    const waiting = [...sessions];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        try {
          if (!next.gone) await next.prepare(target);
        } catch (error) {
          next.mover.hinder(describeError(error));
        }
      }
    };
    await Promise.all(Array.from({ length: preparedAtOnce }, worker));
  }

  #undrained(target: Side, waitedMs: number): HoldResult {
    const theirs = this.#theirs();
    const inFlight = theirs.filter((each) => each.inFlight).length;
    return { drained: false, inFlight, pinned: pinnedOf(theirs), busy: busyOf(theirs, target), waitedMs };
  }

  #letGo(sessions: readonly Session[]): void {
    this.#holding = false;
    for (const each of sessions) {
      if (each.settledOn) each.mover.drop();
      each.endHold();
    }
    this.#bell.ring();
  }

  #watchLease(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#afterLease().finally(() => {
      this.#watching = false;
    });
  }

  /** Nobody says any more that they wait for something: both sides are asked, until they tell. */
  async #afterLease(): Promise<void> {
    while (this.#holding && !this.#stopped.signal.aborted) {
      const leftMs = this.#leaseUntilMs - monotonicMs();
      await sleep(leftMs > 0 ? leftMs : lookAgainMs, this.#stopped.signal).catch(() => undefined);
      if (!this.#holding || this.#leaseUntilMs > monotonicMs() || this.#stopped.signal.aborted) continue;
      try {
        await this.settle();
      } catch (error) {
        this.#options.log('where tenants are cannot be told', { because: describeError(error) });
      }
    }
  }
}
