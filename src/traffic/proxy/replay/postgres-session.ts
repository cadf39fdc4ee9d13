import { TealError } from '../../../kernel/errors.ts';
import { encodeQuery, encodeSync, encodeClose } from '../../../wire/postgres/frontend.ts';
import { encodePlain, type PlainMessage } from '../../../wire/postgres/plain-message.ts';
import type { BackendLink } from '../backend-link.ts';
import { isPlainMessage, type AskRecord, type OpenRecord } from '../capture/format.ts';
import { connectBackend } from '../connector.ts';
import { writeState } from '../session-state.ts';
import { firstUserType } from '../shadow/answer.ts';
import type { AdminLogin, BackendTarget } from '../target.ts';
import {
  answeredBy,
  connectLimitMs,
  whenDue,
  type OpenSession,
  type PlayedSession,
  type PlayerDesk,
} from './player.ts';
import { readOnlyMessage, readOnlyUnit } from './read-only.ts';
import { play } from './side-link.ts';
import { UnitTexts } from './unit-texts.ts';

export interface ReplayTarget {
  readonly target: BackendTarget;
  readonly admin: AdminLogin;
}

/** Sessions of PostgreSQL, as the administrator in the shoes of each client. */
export function postgresSessions(at: ReplayTarget): OpenSession {
  return async (desk, record) => new PostgresSession(desk, await opened(at, desk, record));
}

class PostgresSession implements PlayedSession {
  readonly #desk: PlayerDesk;
  readonly #link: BackendLink;
  readonly #texts = new UnitTexts();
  /** Parse messages by name, and which of them the backend has for certain. */
  readonly #parses = new Map<string, PlainMessage>();
  readonly #there = new Set<string>();

  constructor(desk: PlayerDesk, link: BackendLink) {
    this.#desk = desk;
    this.#link = link;
  }

  end(): void {
    this.#link.end();
  }

  destroy(): void {
    this.#link.socket.destroy();
  }

  async play(unit: AskRecord): Promise<void> {
    const { writes, limitMs, signal } = this.#desk;
    const link = this.#link;
    const messages = unit.m.filter(isPlainMessage);
    const texts = this.#texts.run(messages);
    for (const message of messages) {
      if (message[0] === 'P') this.#parses.set(message[1], writes ? message : readOnlyMessage(message));
    }
    const admitted = writes ? { send: messages } : readOnlyUnit(messages, texts);
    if ('skip' in admitted) {
      this.#desk.skipped(admitted.skip);
      return;
    }
    if (!writes && link.parameters.get('default_transaction_read_only') === 'off') await guard(link, limitMs);
    const lateMs = await whenDue({ dueMs: this.#desk.dueMs(unit.t), signal });
    const played = await answeredBy(limitMs, link, async () => play(link, this.#encode(admitted.send)));
    for (const message of messages) {
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
}

async function opened(at: ReplayTarget, desk: PlayerDesk, record: OpenRecord): Promise<BackendLink> {
  const { target, admin } = at;
  const { signal, writes, limitMs } = desk;
  const { user, parameters, shown, state } = record;
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
    if (user !== admin.user) await become(link, user, desk);
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

async function become(link: BackendLink, user: string, desk: PlayerDesk): Promise<void> {
  const name = `"${user.replaceAll('"', '""')}"`;
  for (const sql of [`set session authorization ${name}`, `set role ${name}`]) {
    if ((await link.ask(encodeQuery(sql))).error === undefined) return;
  }
  desk.otherRole(user);
}

/** Whatever the session's own settings say. */
async function guard(link: BackendLink, limitMs: number): Promise<void> {
  const sql = `set default_transaction_read_only = on; set statement_timeout = ${limitMs}; set idle_session_timeout = 0`;
  const { error } = await link.ask(encodeQuery(sql));
  if (error !== undefined) throw new TealError('TEAL-TRAFFIC-003', `it does not take its guards (${error.code})`);
}

/** Types that are not built in have another number on the other side: the server finds them itself. */
function parseAnew(message: PlainMessage): readonly Buffer[] {
  if (message[0] !== 'P') return [];
  const [, name, text, types] = message;
  const parse = encodePlain(['P', name, text, types.map((type) => (type >= firstUserType ? 0 : type))]);
  return name === '' ? [parse] : [encodeClose(Buffer.from(name, 'latin1')), parse];
}
