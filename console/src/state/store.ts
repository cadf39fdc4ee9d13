import { backoffMs, staleAfterMs } from '../pure/freshness.ts';
import { pathOf } from '../pure/place.ts';
import { pointOf, withPoint } from '../pure/series.ts';
import type { ServerEvent } from '../pure/event-parser.ts';
import type {
  CallerAnswer,
  CommandAnswer,
  CommandRequest,
  DryRun,
  GatesAnswer,
  MigrationAnswer,
  MigrationsAnswer,
  RateHistoryAnswer,
  Rates,
} from '../types.ts';
import { emptyState, type ConsoleState } from './console-state.ts';
import { followEvents } from './follow.ts';
import { ask, newKey, Refused, whyOf, type Request } from './http.ts';
import { Waker } from './waker.ts';

/** Every so many rates what the journal does not tell (who holds it) is asked again. */
const ratesBetweenLooks = 5;
/** Where all are looked at, each is asked for so often. */
const listEveryMs = 2_500;

/** What the page knows of the migration that it looks at, kept up by the stream of events for as long as the page is there; of all of several by asking again and again. */
export class ConsoleStore {
  #state: ConsoleState = emptyState;
  #token: string | undefined;
  /** Of several. */
  #chosen: string | undefined;
  #isBegun = false;
  #session = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #waker = new Waker();
  #lastSeq = 0;
  /** The least that an event was ever late, by both clocks: what their difference amounts to. */
  #skewMs = Number.POSITIVE_INFINITY;
  #isLooking = false;
  #lookAgain = false;
  #ratesSinceLook = 0;
  /** Attempts since the stream has said something last. */
  #attempt = 0;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly state = (): ConsoleState => this.#state;

  /** Begins anew with this token, or with none. */
  begin(token: string | undefined): void {
    this.#token = token;
    this.#begin({});
  }

  /** Looks at this one of several, or at all. What was known of another is forgotten at once. */
  choose(migration: string | undefined): void {
    if (migration === this.#chosen) return;
    this.#chosen = migration;
    const { caller, access } = this.#state;
    // Nothing was begun yet, or nobody is let in: there is nothing to begin anew.
    if (!this.#isBegun || access === 'token wanted') this.#set({ chosen: migration });
    else this.#begin({ caller });
  }

  #begin(known: Partial<ConsoleState>): void {
    this.#isBegun = true;
    this.#session.abort(new Error('another session begins'));
    this.#session = new AbortController();
    this.#lastSeq = 0;
    this.#skewMs = Number.POSITIVE_INFINITY;
    this.#state = emptyState;
    this.#set({ ...known, chosen: this.#chosen });
    void this.#live(this.#session.signal);
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return ask<T>(pathOf(path, this.#chosen), { token: this.#token, signal });
  }

  async dryRun(command: CommandRequest['command']): Promise<DryRun> {
    return this.#post('api/v1/commands', { command, dryRun: true }, { 'idempotency-key': newKey() });
  }

  /** The key is made once for each dialog: a second click, or a lost answer, starts nothing twice. */
  async start(request: Omit<CommandRequest, 'dryRun'>, key: string): Promise<CommandAnswer> {
    return this.#post('api/v1/commands', request, { 'idempotency-key': key });
  }

  async stop(id: string): Promise<CommandAnswer> {
    return this.#post(`api/v1/commands/${id}/stop`, undefined);
  }

  async approve(gate: string, comment: string): Promise<unknown> {
    return this.#post('api/v1/approvals', { gate, ...(comment === '' ? {} : { comment }) });
  }

  /** Ends the session of this browser, and begins anew without one. */
  async signOut(): Promise<void> {
    await ask('api/v1/sign-out', { token: undefined, method: 'POST' }).catch(orNobody);
    this.begin(undefined);
  }

  async #post<T>(path: string, body: unknown, headers: Request['headers'] = {}): Promise<T> {
    const answer = await ask<T>(pathOf(path, this.#chosen), { token: this.#token, method: 'POST', body, headers });
    this.#look();
    return answer;
  }

  /** Asks for everything, then follows; again and again, until the session ends or its token is refused. */
  async #live(signal: AbortSignal): Promise<void> {
    for (this.#attempt = 0; !signal.aborted; this.#attempt += 1) {
      try {
        const caller = await this.get<CallerAnswer>('api/v1/caller', signal);
        if (caller.migrations !== undefined && this.#chosen === undefined) await this.#watchAll(caller, signal);
        await this.#askAll(caller, signal);
        await followEvents({
          path: pathOf('api/v1/events', this.#chosen),
          token: this.#token,
          after: this.#lastSeq,
          signal,
          onPiece: (events) => this.#hear(events),
        });
        this.#set({ connection: 'lost', lostBecause: 'The server has ended the stream.' });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused && error.status === 401) {
          this.#set({ access: 'token wanted', connection: 'lost', refused: this.#whyRefused(error) });
          return;
        }
        this.#set({ connection: 'lost', lostBecause: whyOf(error) });
      }
      await this.#waker.wait(backoffMs(this.#attempt), signal);
    }
  }

  /** Undefined where nobody said who it is. */
  #whyRefused({ code }: Refused): string | undefined {
    if (this.#token !== undefined) return 'This token is not let in: it was revoked, or is of another migration.';
    return code === 'TEAL-SERVER-030' ? 'Your session is over: sign in again.' : undefined;
  }

  /** Until the session ends, or asking fails. */
  async #watchAll(caller: CallerAnswer, signal: AbortSignal): Promise<never> {
    for (;;) {
      const { migrations } = await this.get<MigrationsAnswer>('api/v1/migrations', signal);
      signal.throwIfAborted();
      this.#attempt = 0;
      this.#set({
        access: 'open',
        connection: 'open',
        caller,
        all: migrations,
        refused: undefined,
        lostBecause: undefined,
        heardMs: Date.now(),
      });
      await this.#waker.wait(listEveryMs, signal);
    }
  }

  async #askAll(caller: CallerAnswer, signal: AbortSignal): Promise<void> {
    const [history] = await Promise.all([this.get<RateHistoryAnswer>('api/v1/rates', signal), this.#askNow(signal)]);
    signal.throwIfAborted();
    const { migration } = this.#state;
    // Another journal stands there than before: it is heard from its own end.
    this.#lastSeq = migration?.head?.seq ?? 0;
    this.#set({
      access: 'open',
      connection: 'open',
      caller,
      refused: undefined,
      lostBecause: undefined,
      heardMs: Date.now(),
      points: history.points,
    });
  }

  /** What the journal's records change. */
  async #askNow(signal: AbortSignal): Promise<void> {
    const [migration, gates, { commands }] = await Promise.all([
      this.get<MigrationAnswer>('api/v1/migration', signal).catch(orNothingBegun),
      this.get<GatesAnswer>('api/v1/gates', signal),
      this.get<{ readonly commands: readonly CommandAnswer[] }>('api/v1/commands', signal),
    ]);
    signal.throwIfAborted();
    this.#set({ migration, begun: migration !== undefined, gates, commands, version: this.#state.version + 1 });
  }

  #hear(events: readonly ServerEvent[]): void {
    const now = Date.now();
    let isNew = events.length === 0;
    for (const { event, data, id } of events) {
      if (id !== undefined) this.#lastSeq = Number(id);
      if (event === 'journal') {
        this.#look();
      } else if (event === 'rates') {
        isNew = this.#hearRates(JSON.parse(data) as Rates, now) || isNew;
      }
    }
    if (!isNew) return;
    this.#attempt = 0;
    this.#set({ heardMs: now, connection: 'open' });
  }

  /** False where they have lain on the way: a machine that wakes reads what was sent before it slept. */
  #hearRates(rates: Rates, now: number): boolean {
    const lateMs = now - Date.parse(rates.atIso);
    this.#skewMs = Math.min(this.#skewMs, lateMs);
    this.#set({ rates, points: withPoint(this.#state.points, pointOf(rates)) });
    this.#ratesSinceLook += 1;
    const isRunning = this.#state.commands.some(({ state }) => state === 'running');
    if (isRunning || this.#ratesSinceLook >= ratesBetweenLooks) this.#look();
    return lateMs - this.#skewMs <= staleAfterMs;
  }

  /** Asks once more, one after the other: what comes meanwhile is asked for together. A failure shows in the stream. */
  #look(): void {
    this.#ratesSinceLook = 0;
    this.#lookAgain = true;
    if (!this.#isLooking) void this.#lookWhileAsked(this.#session.signal);
  }

  async #lookWhileAsked(signal: AbortSignal): Promise<void> {
    this.#isLooking = true;
    try {
      while (this.#lookAgain && !signal.aborted) {
        this.#lookAgain = false;
        await this.#askNow(signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#set({ connection: 'lost', lostBecause: whyOf(error) });
    } finally {
      this.#isLooking = false;
    }
  }

  #set(change: Partial<ConsoleState>): void {
    this.#state = Object.freeze({ ...this.#state, ...change });
    for (const listener of this.#listeners) listener();
  }
}

/** A session that is over needs no end. */
function orNobody(error: unknown): undefined {
  if (error instanceof Refused && error.status === 401) return undefined;
  throw error;
}

/** Before the first `teal up` there is nothing to tell. */
function orNothingBegun(error: unknown): undefined {
  if (error instanceof Refused && error.code === 'TEAL-JOURNAL-008') return undefined;
  throw error;
}
