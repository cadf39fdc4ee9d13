import { monotonicMs, waitFor, within } from '../../kernel/clock.ts';
import { TealError, describeError, isTealError } from '../../kernel/errors.ts';
import type { KeptSession } from '../../kernel/kept-session.ts';
import type { Side } from '../../model/catalog.ts';
import { epochAt, requireOwner, type ReadOwner } from '../../ports/owner.ts';
import type { HoldRequest, HoldResult, PinnedSession, Router, RouterFinding, RouterState } from '../../ports/router.ts';
import { tryReplace } from '../router-file.ts';
import { readPlace, writePlace } from './config-file.ts';
import { consoleName, keptConsole, type Console, type ConsoleRow } from './console.ts';
import { isSamePlace, placeText, type Place } from './entry.ts';
import { databaseRow, findingsOf, type DatabaseRow } from './findings.ts';

export interface PgBouncerOptions {
  /** `postgres://…/pgbouncer` of one of `admin_users`, with its password. */
  readonly admin: string;
  /** The name by which clients come: a line of `[databases]`. */
  readonly database: string;
  /** Where PgBouncer finds each side. */
  readonly places: Readonly<Record<Side, Place>>;
  /** Path of the file with that line; or what changes it where Teal cannot, as on another machine. */
  readonly config: string | ((side: Side) => Promise<void>);
  readonly maxPauseMs: number;
  readonly readOwner: ReadOwner;
}

/** Of everything but PAUSE the console answers at once. */
const answerMs = 10_000;

/**
 * PgBouncer in transaction mode: PAUSE, one line of its file, RELOAD, RESUME (manual, "Admin console"). It keeps no lease: what PAUSE holds waits until somebody says RESUME, so a
 * cut that has lost its controller is ended by the supervisor's recovery, which calls `release`.
 */
export class PgBouncerRouter implements Router, AsyncDisposable {
  readonly switching = { clients: 'none fails' } as const;
  readonly #options: PgBouncerOptions;
  readonly #console: KeptSession<Console>;

  constructor(options: PgBouncerOptions) {
    this.#options = options;
    this.#console = keptConsole(options.admin);
  }

  async read(): Promise<RouterState> {
    const [{ isPaused, place }, pools] = await this.#ask(async (console) => [
      await this.#row(console),
      await this.#pools(console),
    ]);
    const pointsTo = this.#sideOf(place);
    return {
      mode: isPaused ? 'holding' : 'running',
      pointsTo,
      epoch: await epochAt(this.#options.readOwner, pointsTo),
      clients: sum(pools, 'cl_active') + sum(pools, 'cl_waiting'),
      inFlight: sum(pools, 'sv_active'),
      pinned: [],
    };
  }

  async hold({ drainMs }: HoldRequest): Promise<HoldResult> {
    // PAUSE of a name that is not there makes it, of the line for *.
    await this.#ask(async (console) => this.#row(console));
    const began = monotonicMs();
    try {
      await this.#ask(async (console) => console.say(`PAUSE ${this.#name}`), drainMs);
    } catch (error) {
      if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
      return await this.#notDrained(began);
    }
    const pools = await this.#ask(async (console) => this.#pools(console));
    const clients = sum(pools, 'cl_active') + sum(pools, 'cl_waiting');
    return { drained: true, clients, waitedMs: monotonicMs() - began };
  }

  async point(side: Side, epoch: number): Promise<void> {
    const { config, database, places, readOwner } = this.#options;
    await requireOwner(readOwner, side, epoch);
    if (typeof config === 'string') await writePlace(config, database, places[side]);
    else await config(side);
    await this.#ask(async (console) => console.say('RELOAD'));
    const waiting = { what: `PgBouncer to point to ${side}`, timeoutMs: answerMs };
    try {
      await waitFor(waiting, async () => {
        const { place } = await this.#ask(async (console) => this.#row(console));
        return this.#sideOf(place) === side ? true : undefined;
      });
    } catch (error) {
      if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
      throw new TealError('TEAL-TRAFFIC-017', `it was to lead to ${placeText(places[side])}`, { side }, error);
    }
  }

  async release(): Promise<void> {
    await this.#ask(async (console) => {
      // RESUME of what is not paused is an error.
      if ((await this.#row(console)).isPaused) await console.say(`RESUME ${this.#name}`);
    });
  }

  async check(): Promise<readonly RouterFinding[]> {
    try {
      return await this.#look();
    } catch (error) {
      if (!isTealError(error)) throw error;
      const why = 'A cut would fail where it is needed.';
      return [{ severity: 'blocker', what: `${describeError(error)}.`, why, mend: error.entry.doThis }];
    }
  }

  async #look(): Promise<readonly RouterFinding[]> {
    const { config: path, database, places, maxPauseMs } = this.#options;
    const shown = await this.#ask(async (console) => ({
      config: new Map((await console.say('SHOW CONFIG')).map((row) => [row['key'] ?? '', row['value'] ?? ''])),
      databases: (await console.say('SHOW DATABASES')).map(databaseRow),
      pools: await console.say('SHOW POOLS'),
    }));
    if (typeof path !== 'string') return findingsOf({ ...shown, database, places, maxPauseMs });
    await tryReplace(path);
    return findingsOf({ ...shown, database, places, maxPauseMs, inFile: await readPlace(path, database) });
  }

  /** Clients go on at once: who asked for the hold will give up, and need not live for that. */
  async #notDrained(began: number): Promise<HoldResult> {
    const waitedMs = monotonicMs() - began;
    const [pools, clients] = await this.#ask(async (console) => [
      await this.#pools(console),
      await console.say('SHOW CLIENTS'),
    ]);
    await this.release();
    return {
      drained: false,
      inFlight: sum(pools, 'sv_active'),
      pinned: [],
      busy: clients.flatMap((row) => this.#busy(row, waitedMs)),
      waitedMs,
    };
  }

  #busy(row: ConsoleRow, waitedMs: number): readonly PinnedSession[] {
    // `link`: the server connection that it has.
    if (row['database'] !== this.#options.database || (row['link'] ?? '') === '') return [];
    const client = `${row['user']} at ${row['addr']}:${row['port']}`;
    return [{ client, reason: 'it is in a transaction', forMs: Math.round(waitedMs) }];
  }

  #sideOf(place: Place): Side | 'unknown' {
    const { blue, green } = this.#options.places;
    if (isSamePlace(blue, green)) return 'unknown';
    if (isSamePlace(place, blue)) return 'blue';
    return isSamePlace(place, green) ? 'green' : 'unknown';
  }

  get #name(): string {
    return consoleName(this.#options.database);
  }

  async #row(console: Console): Promise<DatabaseRow> {
    const { database } = this.#options;
    const rows = await console.say('SHOW DATABASES');
    const row = rows.map(databaseRow).find(({ name }) => name === database);
    if (row === undefined) throw new TealError('TEAL-TRAFFIC-015', `it has no database ${database}`, { database });
    return row;
  }

  async #pools(console: Console): Promise<readonly ConsoleRow[]> {
    return (await console.say('SHOW POOLS')).filter((row) => row['database'] === this.#options.database);
  }

  /** TEAL-KERNEL-002 when no answer came in time; what was said last may have been heard. */
  async #ask<T>(work: (console: Console) => Promise<T>, limitMs = answerMs): Promise<T> {
    const late = (): TealError =>
      new TealError('TEAL-KERNEL-002', 'still waiting for PgBouncer', { timeoutMs: limitMs });
    return within(limitMs, late, async (signal) => this.#console.use(work, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#console[Symbol.asyncDispose]();
  }
}

function sum(rows: readonly ConsoleRow[], column: string): number {
  return rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
}
