import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { LatencyCounter, type Latencies } from '../../../model/latencies.ts';
import { LoadCounter, type StatementLoad } from '../../../model/load.ts';
import { Bell } from '../bell.ts';
import { familyOfCapture, type CaptureRecord, type OpenRecord } from '../capture/format.ts';
import { inOrder, readCapture } from './capture-reader.ts';
import { Player, type OpenSession, type Played, type PlayerDesk } from './player.ts';
import type { CaptureSummary } from './summary.ts';
import { labelsOf, type Labels } from './unit-texts.ts';

export interface ReplayOptions {
  readonly path: string;
  /** Of the same file. */
  readonly summary: CaptureSummary;
  /** On the side that is asked. */
  readonly open: OpenSession;
  /** 2: in half the time. */
  readonly speed: number;
  /** Sessions at the same time; those that come when there are as many are left out. */
  readonly connections: number;
  readonly writes: boolean;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export interface Replayed {
  /** How long it was to take, and how long it took, in milliseconds. */
  readonly plannedMs: number;
  readonly tookMs: number;
  readonly sessions: number;
  readonly sessionsLeftOut: number;
  /** Sessions that were lost or could not be had, by why. */
  readonly sessionsLost: Readonly<Record<string, number>>;
  /** Clients' roles that could not be taken: their sessions were asked as the role in the side's address. */
  readonly otherRoles: readonly string[];
  readonly asked: number;
  /** Not asked, by why. */
  readonly skipped: Readonly<Record<string, number>>;
  /** How late units were asked. */
  readonly late: Latencies;
  readonly statements: readonly StatementLoad[];
}

/** Read from the file ahead of the moment to ask it. */
const waitingAtMost = 20_000;

/**
 * Puts what a capture holds to one side: each session on a connection of its own, at the pace of its client divided by the speed, each unit after the answer to the one before. Errors:
 * TEAL-TRAFFIC-036; the signal's reason.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const run = new ReplayRun(options);
  try {
    return await run.all();
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    await run.end();
  }
}

class ReplayRun implements PlayerDesk {
  readonly writes: boolean;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly #options: ReplayOptions;
  readonly #players = new Map<string, Player>();
  /** Of sessions that have ended, or are about to. */
  readonly #running = new Set<Player>();
  readonly #left = new Set<string>();
  readonly #load = new LoadCounter();
  readonly #labels: Labels;
  readonly #late = new LatencyCounter();
  readonly #skipped = new Map<string, number>();
  readonly #lost = new Map<string, number>();
  readonly #otherRoles = new Set<string>();
  readonly #freed = new Bell();
  readonly #startMs = monotonicMs();
  #sessions = 0;
  #asked = 0;
  #waiting = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.writes = options.writes;
    this.limitMs = options.limitMs;
    this.signal = options.signal;
    this.#labels = labelsOf(familyOfCapture(options.summary.header));
  }

  async all(): Promise<Replayed> {
    const { path, summary, speed } = this.#options;
    for await (const record of inOrder(readCapture(path), summary.disorderMs)) {
      await this.#untilDue(record.t);
      this.#take(record);
      while (this.#waiting > waitingAtMost) await this.#oneFree();
    }
    await this.end();
    this.signal.throwIfAborted();
    return {
      plannedMs: summary.lastedMs / speed,
      tookMs: monotonicMs() - this.#startMs,
      sessions: this.#sessions,
      sessionsLeftOut: this.#left.size,
      sessionsLost: Object.fromEntries(this.#lost),
      otherRoles: [...this.#otherRoles],
      asked: this.#asked,
      skipped: Object.fromEntries(this.#skipped),
      late: this.#late.counts,
      statements: this.#load.statements,
    };
  }

  /** Nothing more is handed over. Resolves when all sessions have ended. */
  async end(): Promise<void> {
    for (const player of this.#players.values()) player.end();
    await Promise.all([...this.#running].map(async (player) => player.ended));
  }

  // ---- what players ask

  dueMs(t: number): number {
    const { speed, summary } = this.#options;
    return this.#startMs + (t - summary.firstMs) / speed;
  }

  played(texts: readonly (string | undefined)[], { ms, error }: Played, lateMs: number): void {
    this.#waiting -= 1;
    this.#asked += 1;
    this.#late.add(lateMs);
    const label = this.#labels.of(texts);
    if (label !== undefined) this.#load.add(label, ms, error);
    this.#freed.ring();
  }

  skipped(why: string): void {
    this.#waiting -= 1;
    this.#leave(why);
    this.#freed.ring();
  }

  otherRole(role: string): void {
    this.#otherRoles.add(role);
  }

  lost(why: string): void {
    this.#lost.set(why, (this.#lost.get(why) ?? 0) + 1);
  }

  // ---- the file

  #take(record: CaptureRecord): void {
    switch (record.k) {
      case 'open':
        this.#open(record);
        return;
      case 'ask': {
        const player = this.#players.get(record.s);
        if (player === undefined) return this.#leave('its session is left out');
        this.#waiting += 1;
        player.ask(record);
        return;
      }
      case 'close':
        this.#players.get(record.s)?.end();
        this.#players.delete(record.s);
        return;
      default:
    }
  }

  #open(record: OpenRecord): void {
    if (this.#running.size >= this.#options.connections) {
      this.#left.add(record.s);
      return;
    }
    this.#sessions += 1;
    const player = new Player(this, async () => this.#options.open(this, record));
    this.#players.set(record.s, player);
    this.#running.add(player);
    void this.#free(player);
  }

  async #free(player: Player): Promise<void> {
    await player.ended;
    this.#running.delete(player);
    this.#freed.ring();
  }

  #leave(why: string): void {
    this.#skipped.set(why, (this.#skipped.get(why) ?? 0) + 1);
  }

  async #untilDue(t: number): Promise<void> {
    const leftMs = this.dueMs(t) - aheadMs - monotonicMs();
    if (leftMs > 0) await sleep(leftMs, this.signal);
  }

  async #oneFree(): Promise<void> {
    this.signal.throwIfAborted();
    await this.#freed.heard(1_000);
  }
}

/** Records are handed over a little before their time: a session waits for the moment itself. */
const aheadMs = 50;
