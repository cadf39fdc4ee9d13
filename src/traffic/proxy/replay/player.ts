import { later, monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import { encodeQuery, encodeSync, encodeClose } from '../../../wire/postgres/frontend.ts';
import { encodePlain, type PlainMessage } from '../../../wire/postgres/plain-message.ts';
import type { BackendLink } from '../backend-link.ts';
import { Bell } from '../bell.ts';
import type { AskRecord, OpenRecord } from '../capture/format.ts';
import { connectBackend } from '../connector.ts';
import { writeState } from '../session-state.ts';
import { firstUserType } from '../shadow/answer.ts';
import type { AdminLogin, BackendTarget } from '../target.ts';
import { readOnlyMessage, readOnlyUnit } from './read-only.ts';
import { play, type Played } from './side-link.ts';
import { UnitTexts } from './unit-texts.ts';

export interface PlayerDesk {
  readonly target: BackendTarget;
  readonly admin: AdminLogin;
  /** Everything is put to the side as it was recorded; else only what reads. */
  readonly writes: boolean;
  /** How long one unit may take, in milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Monotonic, of the moment at which what was recorded at `t` is to be asked. */
  dueMs(t: number): number;
  played(texts: readonly (string | undefined)[], played: Played, lateMs: number): void;
  skipped(why: string): void;
  /** The session is asked as another role than its client was. */
  otherRole(role: string): void;
  /** The session cannot be had, or is lost; its units are not asked. */
  lost(why: string): void;
}

/** One session of a capture on a connection of its own: asks what its client asked, in order, each not before its time and not before the one before was answered. */
export class Player {
  /** Resolves when all was asked. Never rejects. */
  readonly ended: Promise<void>;
  readonly #desk: PlayerDesk;
  readonly #opened: OpenRecord;
  readonly #texts = new UnitTexts();
  /** Parse messages by name, and which of them the backend has for certain. */
  readonly #parses = new Map<string, PlainMessage>();
  readonly #there = new Set<string>();
  readonly #waiting: AskRecord[] = [];
  readonly #bell = new Bell();
  #isOver = false;

  constructor(desk: PlayerDesk, opened: OpenRecord) {
    this.#desk = desk;
    this.#opened = opened;
    this.ended = this.#run();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  ask(unit: AskRecord): void {
    this.#waiting.push(unit);
    this.#bell.ring();
  }

  /** Nothing follows. */
  end(): void {
    this.#isOver = true;
    this.#bell.ring();
  }

  async #run(): Promise<void> {
    let link: BackendLink | undefined;
    let isAsking = false;
    const { signal } = this.#desk;
    const end = (): void => void link?.socket.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      link = await this.#open();
      for (let unit = await this.#next(); unit !== undefined; unit = await this.#next()) {
        isAsking = true;
        await this.#play(link, unit);
        isAsking = false;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#desk.lost(describeError(error));
      if (isAsking) this.#desk.skipped(sessionLost);
      for (let unit = await this.#next(); unit !== undefined; unit = await this.#next()) {
        this.#desk.skipped(sessionLost);
      }
    } finally {
      signal.removeEventListener('abort', end);
      link?.end();
    }
  }

  async #next(): Promise<AskRecord | undefined> {
    while (!this.#desk.signal.aborted) {
      const next = this.#waiting.shift();
      if (next !== undefined || this.#isOver) return next;
      await this.#bell.heard(1_000);
    }
    return undefined;
  }

  async #play(link: BackendLink, unit: AskRecord): Promise<void> {
    const { writes, limitMs, signal } = this.#desk;
    const texts = this.#texts.run(unit.m);
    for (const message of unit.m) {
      if (message[0] === 'P') this.#parses.set(message[1], writes ? message : readOnlyMessage(message));
    }
    const admitted = writes ? { send: unit.m } : readOnlyUnit(unit.m, texts);
    if ('skip' in admitted) {
      this.#desk.skipped(admitted.skip);
      return;
    }
    if (!writes && link.parameters.get('default_transaction_read_only') === 'off') await guard(link, limitMs);
    const dueMs = this.#desk.dueMs(unit.t);
    if (dueMs > monotonicMs()) await sleep(dueMs - monotonicMs(), signal);
    const lateMs = Math.max(0, monotonicMs() - dueMs);
    const played = await within(link, limitMs + graceMs, async () => play(link, this.#encode(admitted.send)));
    for (const message of unit.m) {
      if (message[0] === 'P' && played.error === undefined) this.#there.add(message[1]);
      else if (message[0] === 'P') this.#there.delete(message[1]);
      else if (message[0] === 'C' && message[1] === 'S') this.#there.delete(message[2]);
    }
    this.#desk.played(texts, played, lateMs);
  }

  /** Each statement is made anew under its name, and one that an error or a skipped unit has kept from the backend is made when it is used. */
  #encode(messages: readonly PlainMessage[]): Buffer {
    const made = new Set<string>();
    const parts = messages.flatMap((message) => {
      const used = message[0] === 'B' ? message[2] : message[0] === 'D' && message[1] === 'S' ? message[2] : undefined;
      if (message[0] === 'P') made.add(message[1]);
      if (message[0] === 'P') return parseAnew(message);
      const parse = used === undefined || made.has(used) || this.#there.has(used) ? undefined : this.#parses.get(used);
      if (used !== undefined) made.add(used);
      return [...(parse === undefined ? [] : parseAnew(parse)), encodePlain(message)];
    });
    return Buffer.concat(messages.at(-1)?.[0] === 'Q' ? parts : [...parts, encodeSync()]);
  }

  async #open(): Promise<BackendLink> {
    const { target, admin, signal, writes, limitMs } = this.#desk;
    const { user, parameters, shown, state } = this.#opened;
    const { password } = admin;
    const options = `${parameters['options'] ?? ''}${writes ? '' : ' -c default_transaction_read_only=on'}`;
    const login = {
      user: admin.user,
      credential: password === undefined ? ({ kind: 'none' } as const) : ({ kind: 'password', password } as const),
      parameters: new Map([...Object.entries(parameters), ['options', options] as const]),
    };
    const result = await connectBackend(target, login, connectLimitMs, signal);
    if ('refused' in result) throw new TealError('TEAL-TRAFFIC-003', 'the login was refused');
    const { link } = result;
    try {
      if (user !== admin.user) await this.#become(link, user);
      const rows = state.map((row) => row.map((value) => (value === null ? null : Buffer.from(value, 'latin1'))));
      const known = { rows, pins: [], listens: false };
      const failed = await writeState(link, known, new Map(Object.entries(shown)), false);
      if (failed !== undefined) throw new TealError('TEAL-TRAFFIC-003', `it does not take ${failed}`);
      if (!writes) await guard(link, limitMs);
      return link;
    } catch (error) {
      link.end();
      throw error;
    }
  }

  async #become(link: BackendLink, user: string): Promise<void> {
    const name = `"${user.replaceAll('"', '""')}"`;
    for (const sql of [`set session authorization ${name}`, `set role ${name}`]) {
      if ((await link.ask(encodeQuery(sql))).error === undefined) return;
    }
    this.#desk.otherRole(user);
  }
}

/** Beside what the server itself allows a statement. */
const graceMs = 5_000;
const connectLimitMs = 30_000;
const sessionLost = 'its session is lost';

/** Whatever the session's own settings say. */
async function guard(link: BackendLink, limitMs: number): Promise<void> {
  const sql = `set default_transaction_read_only = on; set statement_timeout = ${limitMs}; set idle_session_timeout = 0`;
  const { error } = await link.ask(encodeQuery(sql));
  if (error !== undefined) throw new TealError('TEAL-TRAFFIC-003', `it does not take its guards (${error.code})`);
}

/** A server that does not answer in time loses its connection. */
async function within<T>(link: BackendLink, limitMs: number, work: () => Promise<T>): Promise<T> {
  using _ = later(limitMs, () => link.socket.destroy());
  return await work();
}

/** Types that are not built in have another number on the other side: the server finds them itself. */
function parseAnew(message: PlainMessage): readonly Buffer[] {
  if (message[0] !== 'P') return [];
  const [, name, text, types] = message;
  const parse = encodePlain(['P', name, text, types.map((type) => (type >= firstUserType ? 0 : type))]);
  return name === '' ? [parse] : [encodeClose(Buffer.from(name, 'latin1')), parse];
}
