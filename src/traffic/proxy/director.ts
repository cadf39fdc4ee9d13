import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { describeError, TealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import { ServedCounter, type Served } from '../../model/served.ts';
import type { HoldRequest, HoldResult, Router, RouterState } from '../../ports/router.ts';
import { Bell, endsWithin } from './bell.ts';
import { letGo, usualLimits, type LetGoLimits } from './letting-go.ts';
import { beforeAnyCut, decideOwner, type Ownership, type SideEvidence } from './owner.ts';
import { RetiredLinks, type RetiredLink } from './retired-links.ts';
import { busyOf, isStuck, longestWaits, pinnedOf, wantsPreparing, type SeenSession } from './sessions-seen.ts';
import type { Counters } from './traffic.ts';

/** One client as those who direct the traffic handle it, whatever its protocol. */
export interface DirectedSession extends SeenSession {
  /** Its own among all sessions of the proxy. */
  readonly id: number;
  readonly gone: boolean;
  /** Its backend is on the live side, or it will be given one there when it needs one. */
  readonly settledOn: boolean;
  readonly isHeldAhead: boolean;
  /** What its client sent while it was held has not been answered yet, or has not gone to a backend. */
  readonly isOwed: boolean;
  /** Something that was signalled to it may not have been delivered yet. */
  readonly listens: boolean;
  /** Its statement met the fence, and had no effect. */
  readonly waitsAtFence: boolean;
  readonly fencedForMs: number;
  start(): void;
  /** What those who direct say has changed: takes the consequences. */
  refresh(): void;
  beginHold(): void;
  holdAhead(): void;
  /** Waits on as if it were held ahead, though all are let go. */
  stayHeld(): void;
  /** Goes on. Where it owes an answer, the one that directs is told when it has come. */
  endHold(): void;
  prepare(side: Side): Promise<void>;
  look(): Promise<void>;
  flushNotifications(): Promise<void>;
  retryAfterFence(): void;
  giveUpOnFence(): void;
  /** Its state cannot be had where it would have to go. */
  close(): void;
  /** The proxy stops. */
  shutDown(): void;
}

/** What is asked of one side. */
export interface EvidenceDesk {
  /** Owner row and fence, or why the side could not be asked. Never throws. */
  evidence(): Promise<SideEvidence>;
  stop(): void;
}

export interface DirectorOptions {
  readonly desks: Readonly<Record<Side, EvidenceDesk>>;
  readonly pinned: 'abort' | 'close';
  readonly stragglerMs: number;
  /** How long sessions may be made ready before clients are held. */
  readonly warmLimitMs: number;
  /** A decision that is known from elsewhere; no earlier one is followed. */
  readonly known?: Ownership | undefined;
  /** Of the proxy: what is done at the same time is divided among so many. Default: 1. */
  readonly processes?: number | undefined;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface ProxyStats {
  readonly clients: number;
  readonly inFlight: number;
  readonly queries: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Why held clients cannot be let go although nobody asked to hold them any longer. */
  readonly alarm?: string;
  /** Of the last hold, or of the one that lasts: the longest waits, longest first. */
  readonly waits: readonly { readonly client: string; readonly waitMs: number }[];
}

/** The Router port and what is beyond it: by one process for its own sessions, or by one for those of several. */
export interface Directing extends Pick<Router, 'read' | 'hold' | 'point' | 'release'> {
  warm(): Promise<void>;
  look(): Promise<void>;
  renew(leaseMs: number): Promise<void> | void;
  stats(): Promise<ProxyStats> | ProxyStats;
  /** What clients have met on each side since this proxy began. */
  figures(): Promise<Readonly<Record<Side, Served>>> | Readonly<Record<Side, Served>>;
}

/** Backends that are made ready at the same time. */
const preparedAtOnce = 16;
/** Sessions that are held at the same time before the gate closes. */
const heldAheadAtOnce = 4;
const pointLimitMs = 10_000;
const lookAgainMs = 1_000;
const lookLimitMs = 5_000;

/**
 * Directs all sessions of the proxy: which side is live, whether the gate is open, and what happens when it is closed. Implements the Router port.
 * It never acts on silence: past a lease it asks the databases, and where they do not tell it goes on holding.
 */
export abstract class Director<Session extends DirectedSession> implements Directing {
  readonly counters: Counters = { queries: 0, bytesIn: 0, bytesOut: 0 };
  readonly served = { blue: new ServedCounter(), green: new ServedCounter() } as const;
  readonly stragglerMs: number;
  readonly #options: DirectorOptions;
  readonly #sessions = new Map<number, Session>();
  readonly #bell = new Bell();
  readonly #stopped = new AbortController();
  readonly #retired = new RetiredLinks();
  readonly #preparedAtOnce: number;
  readonly #heldAheadAtOnce: number;
  readonly #letGoLimits: LetGoLimits;
  #owner: Ownership;
  #holding = false;
  /** Sessions end at their next boundary. */
  #ending = false;
  /** Where held sessions are made ready to go. None once they were told to go. */
  #target: Side | undefined;
  #leaseUntilMs = 0;
  #watching = false;
  #lookingForOwner = false;
  #alarm: string | undefined;
  #preparing = 0;
  #warmUntilMs = 0;
  #lettingGo: Promise<void> = Promise.resolve();
  /** Resolved by the next release, which also gives up a hold that is on its way. */
  #letOff = Promise.withResolvers<void>();

  constructor(options: DirectorOptions) {
    this.#options = options;
    this.stragglerMs = options.stragglerMs;
    const share = (all: number): number => Math.ceil(all / (options.processes ?? 1));
    this.#preparedAtOnce = share(preparedAtOnce);
    this.#heldAheadAtOnce = share(heldAheadAtOnce);
    this.#letGoLimits = { ...usualLimits, atOnce: share(usualLimits.atOnce) };
    this.#owner = options.known ?? beforeAnyCut;
  }

  get side(): Side {
    return this.#owner.side;
  }

  get holding(): boolean {
    return this.#holding;
  }

  /** Asks both sides who owns the data. Where neither tells, clients are held until one does. */
  async start(): Promise<void> {
    if (await this.#followOwner()) return;
    this.#holding = true;
    this.#watchLease();
  }

  /** Nothing new begins. Idle sessions end at once, others when what runs has ended; after `graceMs` all of them. */
  async stop(graceMs: number): Promise<void> {
    this.#ending = true;
    this.#holding = true;
    this.#target = undefined;
    const untilMs = monotonicMs() + graceMs;
    for (const session of this.#sessions.values()) {
      session.refresh();
      this.#endAtBoundary(session);
    }
    for (let leftMs = graceMs; leftMs > 0 && this.#sessions.size > 0; leftMs = untilMs - monotonicMs()) {
      await this.#bell.heard(leftMs);
    }
    if (this.#sessions.size > 0)
      this.log('sessions are ended in their transactions', { sessions: this.#sessions.size });
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'the proxy stops'));
    for (const session of this.#sessions.values()) session.shutDown();
    void this.#retired.end(this.#stopped.signal);
    for (const desk of Object.values(this.#options.desks)) desk.stop();
  }

  // ---- Router

  async read(): Promise<RouterState> {
    return {
      mode: this.#holding ? 'holding' : 'running',
      pointsTo: this.side,
      epoch: this.#owner.epoch,
      clients: this.#sessions.size,
      inFlight: this.#inFlight(),
      pinned: pinnedOf(this.#sessions.values()),
    };
  }

  /**
   * First, with traffic flowing, every session's next backend is made ready; what cannot cross is found here, before anybody waits. Then sessions are held, some at a
   * time, and asked once more for what they have run meanwhile; at last the gate closes. `waitedMs` counts from the first that is held. Answers within `warmLimitMs`
   * and `drainMs`, whatever a backend or a client does meanwhile.
   */
  async hold(request: HoldRequest): Promise<HoldResult> {
    await this.#lettingGo;
    if (!this.#holding) {
      await this.warm();
      const pinned = pinnedOf(this.#sessions.values());
      if (pinned.length > 0 && this.#options.pinned === 'abort') {
        return { drained: false, inFlight: this.#inFlight(), pinned, busy: [], waitedMs: 0 };
      }
    }
    return this.shut(request);
  }

  /** Beyond the port: holds without making anything ready first; `hold` is this after `warm`. */
  async shut(request: HoldRequest): Promise<HoldResult> {
    await this.#lettingGo;
    this.renew(request.leaseMs);
    const startedMs = monotonicMs();
    this.#target = otherSide(this.side);
    if (!this.#holding) {
      const letOff = this.#letOff;
      await this.#holdAhead(this.#target, request.drainMs / 2, letOff.promise);
      if (this.#letOff !== letOff) {
        this.#endHoldAhead();
        return this.#undrained(startedMs);
      }
      this.#closeGate(request.cut);
    }
    for (const session of this.#sessions.values()) this.#tend(session);
    const drained = await this.#drain(startedMs + request.drainMs);
    if (!drained) return this.#undrained(startedMs);
    return { drained, clients: this.#sessions.size, waitedMs: monotonicMs() - startedMs };
  }

  #undrained(startedMs: number): HoldResult {
    return {
      drained: false,
      inFlight: this.#inFlight(),
      pinned: pinnedOf(this.#sessions.values()),
      busy: busyOf(this.#sessions.values(), otherSide(this.side)),
      waitedMs: monotonicMs() - startedMs,
    };
  }

  /** Prolongs the lease of a hold. */
  renew(leaseMs: number): void {
    this.#leaseUntilMs = monotonicMs() + leaseMs;
    this.#alarm = undefined;
  }

  async point(side: Side, epoch: number): Promise<void> {
    const evidence = await this.#options.desks[side].evidence();
    if (!evidence.reached)
      throw new TealError('TEAL-TRAFFIC-002', `${side} cannot be asked who owns: ${evidence.reason}`);
    const row = evidence.owner ?? (side === 'blue' ? beforeAnyCut : undefined);
    if (row?.side !== side || row.epoch !== epoch || epoch < this.#owner.epoch) {
      throw new TealError('TEAL-TRAFFIC-001', `${side} does not say that it owns epoch ${epoch}`, {
        side,
        epoch,
        ownerThere: row?.side,
        epochThere: row?.epoch,
        epochKnown: this.#owner.epoch,
      });
    }
    this.#adopt(row);
    const untilMs = monotonicMs() + pointLimitMs;
    for (;;) {
      const waiting = this.#unsettled();
      if (waiting === 0) return;
      const leftMs = untilMs - monotonicMs();
      if (leftMs <= 0)
        throw new TealError('TEAL-TRAFFIC-004', `${waiting} sessions are not on ${side} yet`, { waiting });
      await this.#bell.heard(leftMs);
    }
  }

  /** Resolves when all have been let go: some at a time, those that have waited longest first. Whoever begins something meanwhile does not wait. */
  async release(): Promise<void> {
    this.#letOff.resolve();
    this.#letOff = Promise.withResolvers<void>();
    if (!this.#holding || this.#ending) return this.#lettingGo;
    const sessions = [...this.#sessions.values()];
    const owed = sessions.filter((session) => session.isOwed);
    for (const session of owed) session.stayHeld();
    this.#holding = false;
    this.#target = undefined;
    this.#alarm = undefined;
    this.log('released', { side: this.side, epoch: this.#owner.epoch });
    for (const session of sessions) if (!session.isOwed) session.endHold();
    this.#lettingGo = letGo(owed, this.#bell, this.#letGoLimits);
    await this.#lettingGo;
    this.#dropStandbys();
    this.#bell.ring();
    void this.#retired.end(this.#stopped.signal);
  }

  // ---- beyond the port

  /**
   * Makes the other side's backends ready without holding anybody, so that a hold shortly afterwards finds them so. They are given up when no
   * hold comes within a minute. Takes `warmLimitMs` at most: what is not ready then is waited for in the hold, or is why it is given up.
   */
  async warm(): Promise<void> {
    const { warmLimitMs } = this.#options;
    await endsWithin(this.#makeReady(monotonicMs() + warmLimitMs), warmLimitMs);
    void this.#coolLater();
  }

  /**
   * Asks the backend of every session that stands at a boundary for the session's state, so that `read` tells those that could not cross, and why. One query
   * for each that has run something since it was last asked; what its client sends meanwhile waits for the answer.
   */
  async look(): Promise<void> {
    const untilMs = monotonicMs() + lookLimitMs;
    await this.learn('look');
    const work = this.#eachSession(async (session) => {
      if (monotonicMs() < untilMs) await session.look();
    });
    await endsWithin(work, lookLimitMs);
  }

  stats(): ProxyStats {
    const waits = longestWaits(this.#sessions.values());
    const { queries, bytesIn, bytesOut } = this.counters;
    const alarm = this.#alarm === undefined ? {} : { alarm: this.#alarm };
    return { clients: this.#sessions.size, inFlight: this.#inFlight(), queries, bytesIn, bytesOut, waits, ...alarm };
  }

  figures(): Readonly<Record<Side, Served>> {
    return { blue: this.served.blue.counts, green: this.served.green.counts };
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session);
    session.start();
    this.changed(session);
  }

  get clients(): number {
    return this.#sessions.size;
  }

  protected get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  has(id: number): boolean {
    return this.#sessions.has(id);
  }

  find(id: number): Session | undefined {
    return this.#sessions.get(id);
  }

  /** What has to be known of both sides before sessions are asked or made ready. Never throws. */
  protected abstract learn(why: 'prepare' | 'look'): Promise<void>;

  /** Resolves when new clients may have a backend. */
  async admitted(signal: AbortSignal): Promise<void> {
    while (this.#holding) {
      signal.throwIfAborted();
      await this.#bell.heard(lookAgainMs);
    }
  }

  // ---- Traffic

  retire(link: RetiredLink): void {
    if (this.#holding) this.#retired.add(link);
    else link.end();
  }

  changed(session: Session): void {
    if (session.gone) this.#sessions.delete(session.id);
    else if (this.#ending) this.#endAtBoundary(session);
    else if (this.#holding || session.isHeldAhead) this.#tend(session);
    this.#bell.ring();
  }

  log(event: string, facts: Readonly<Record<string, unknown>>): void {
    this.#options.log(event, facts);
  }

  fenced(): void {
    if (!this.#lookingForOwner) void this.#lookForOwner();
  }

  /** As past a lease: no controller that holds this proxy, or it would not have met the fence. */
  strayed(): void {
    if (this.#holding || this.#ending) return;
    this.#leaseUntilMs = monotonicMs();
    this.#closeGate('unknown: a transaction met the fence');
  }

  // ---- holding

  /**
   * Holds session after session while the gate is still open to the others. Each is asked for its state: all at once would leave every client without an answer until the
   * last one is asked, and it takes milliseconds each. One that is in a transaction is asked at its end.
   */
  async #holdAhead(target: Side, limitMs: number, letOff: Promise<void>): Promise<void> {
    const untilMs = monotonicMs() + limitMs;
    const waiting = [...this.#sessions.values()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined && monotonicMs() < untilMs; next = waiting.pop()) {
        if (next.gone) continue;
        next.holdAhead();
        await this.#ready(next, target);
        if (isStuck(next) && this.#options.pinned === 'abort') return;
      }
    };
    const all = Promise.all(Array.from({ length: this.#heldAheadAtOnce }, worker));
    await endsWithin(Promise.race([all, letOff]), limitMs);
    // Whoever is at one still holds nobody after it.
    waiting.length = 0;
  }

  #endHoldAhead(): void {
    this.#target = undefined;
    for (const session of this.#sessions.values()) if (session.isHeldAhead) session.endHold();
    this.#bell.ring();
  }

  async #ready(session: Session, target: Side): Promise<void> {
    if (!wantsPreparing(session, target)) return;
    try {
      await session.prepare(target);
    } catch (error) {
      session.mover.hinder(describeError(error));
    }
  }

  #closeGate(cut: string): void {
    this.#holding = true;
    this.log('holding', { cut, clients: this.#sessions.size });
    for (const session of this.#sessions.values()) session.beginHold();
    this.#watchLease();
  }

  async #drain(untilMs: number): Promise<boolean> {
    while (!this.#allReady()) {
      const leftMs = untilMs - monotonicMs();
      if (leftMs <= 0 || !this.#holding) return false;
      if (this.#options.pinned === 'abort' && pinnedOf(this.#sessions.values()).length > 0) return false;
      await this.#bell.heard(leftMs);
    }
    // Every transaction has ended, so every notification has been signalled: one more question makes each listener's backend deliver them.
    const listeners = [...this.#sessions.values()].filter((session) => session.listens);
    const flushed = Promise.all(listeners.map(async (session) => session.flushNotifications()));
    if (!(await endsWithin(flushed, untilMs - monotonicMs()))) return false;
    if (this.#options.pinned === 'close') {
      for (const session of this.#sessions.values()) if (isStuck(session)) session.close();
    }
    return this.#holding;
  }

  #allReady(): boolean {
    const other = otherSide(this.side);
    for (const session of this.#sessions.values()) {
      if (!session.atBoundary) return false;
      if (!session.mover.isReady(other) && !(this.#options.pinned === 'close' && isStuck(session))) return false;
    }
    return true;
  }

  /** A session that has come to a boundary during a hold is made ready, some at a time. */
  #tend(session: Session): void {
    const target = this.#target;
    if (target === undefined || this.#preparing >= this.#preparedAtOnce || !wantsPreparing(session, target)) return;
    this.#preparing += 1;
    void this.#ready(session, target).then(() => this.#tended());
  }

  #tended(): void {
    this.#preparing -= 1;
    if (!this.#holding) return;
    for (const session of this.#sessions.values()) {
      if (this.#preparing >= this.#preparedAtOnce) return;
      this.#tend(session);
    }
  }

  #endAtBoundary(session: Session): void {
    if (!session.inFlight) session.shutDown();
  }

  #inFlight(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.inFlight) count += 1;
    return count;
  }

  #unsettled(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (!session.settledOn && !session.inFlight) count += 1;
    return count;
  }

  // ---- ownership

  #adopt(owner: Ownership): void {
    const moved = owner.side !== this.side;
    this.#owner = { side: owner.side, epoch: owner.epoch };
    if (!moved) return;
    this.#target = undefined;
    this.log('pointing', { side: owner.side, epoch: owner.epoch });
    for (const session of this.#sessions.values()) session.refresh();
  }

  async #followOwner(): Promise<boolean> {
    const { desks } = this.#options;
    const [blue, green] = await Promise.all([desks.blue.evidence(), desks.green.evidence()]);
    const decision = decideOwner(this.#owner, blue, green);
    if ('wait' in decision) {
      this.#alarm = decision.wait;
      this.log('the owner cannot be told', { because: decision.wait });
      return false;
    }
    this.#alarm = undefined;
    this.#adopt(decision.go);
    return true;
  }

  #watchLease(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#afterLease().finally(() => {
      this.#watching = false;
    });
  }

  /** Past the lease the databases are asked, again and again, until they tell who owns or the controller is back. */
  async #afterLease(): Promise<void> {
    while (this.#holding && !this.#stopped.signal.aborted) {
      const leftMs = this.#leaseUntilMs - monotonicMs();
      if (leftMs > 0) {
        await sleep(leftMs, this.#stopped.signal).catch(() => undefined);
        continue;
      }
      const known = await this.#followOwner();
      if (!this.#holding || this.#leaseUntilMs > monotonicMs()) continue;
      if (known) await this.release();
      else await this.#bell.heard(lookAgainMs);
    }
  }

  /** For statements that met the fence: they had no effect, and wait for whoever owns the data now. */
  async #lookForOwner(): Promise<void> {
    this.#lookingForOwner = true;
    try {
      for (let waitMs = 20; this.#atFence().length > 0; waitMs = Math.min(waitMs * 2, 500)) {
        await sleep(waitMs, this.#stopped.signal);
        if (this.#holding) return;
        const known = await this.#followOwner();
        for (const session of this.#atFence()) {
          if (known) session.retryAfterFence();
          else if (session.fencedForMs > this.stragglerMs) session.giveUpOnFence();
        }
      }
    } catch (error) {
      this.log('stopped looking for the owner', { because: describeError(error) });
    } finally {
      this.#lookingForOwner = false;
    }
  }

  #atFence(): readonly Session[] {
    return [...this.#sessions.values()].filter((session) => session.waitsAtFence);
  }

  // ---- standby backends

  async #makeReady(untilMs: number): Promise<void> {
    const other = otherSide(this.side);
    await this.learn('prepare');
    for (const session of this.#sessions.values()) session.mover.forgetHindrance();
    await this.#eachSession(async (session) => {
      if (monotonicMs() < untilMs && !session.mover.isReady(other)) await session.prepare(other);
    });
  }

  async #eachSession(work: (session: Session) => Promise<void>): Promise<void> {
    const waiting = [...this.#sessions.values()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) if (!next.gone) await work(next);
    };
    await Promise.all(Array.from({ length: this.#preparedAtOnce }, worker));
  }

  async #coolLater(): Promise<void> {
    const cooling = this.#warmUntilMs > 0;
    this.#warmUntilMs = monotonicMs() + 60_000;
    if (cooling) return;
    while (this.#warmUntilMs > monotonicMs()) {
      await sleep(this.#warmUntilMs - monotonicMs(), this.#stopped.signal).catch(() => undefined);
      if (this.#stopped.signal.aborted) return;
    }
    this.#warmUntilMs = 0;
    if (!this.#holding) this.#dropStandbys();
  }

  #dropStandbys(): void {
    for (const session of this.#sessions.values()) if (session.settledOn) session.mover.drop();
  }
}
