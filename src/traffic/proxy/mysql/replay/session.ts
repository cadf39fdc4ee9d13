import { monotonicMs } from '../../../../kernel/clock.ts';
import { TealError } from '../../../../kernel/errors.ts';
import { command, encodeBare, encodeInitDb, encodeStatementClose } from '../../../../wire/mysql/commands.ts';
import { capability } from '../../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import { encodeExecution, type PlainCommand } from '../../../../wire/mysql/plain-command.ts';
import { isPlainCommand, type AskRecord, type OpenRecord } from '../../capture/format.ts';
import {
  answeredBy,
  connectLimitMs,
  whenDue,
  type OpenSession,
  type Played,
  type PlayedSession,
  type PlayerDesk,
} from '../../replay/player.ts';
import { UnitTexts } from '../../replay/unit-texts.ts';
import type { AdminLogin } from '../../target.ts';
import { connectMysql, type MysqlLogin } from '../connector.ts';
import type { MysqlLink } from '../link.ts';
import { writeState, type SessionState, type StatePart } from '../session-state.ts';
import type { MysqlTarget } from '../target.ts';
import { asReadCommand, whyNotRead } from './read-only.ts';
import { play } from './side-link.ts';

export interface MysqlReplayTarget {
  readonly target: MysqlTarget;
  readonly admin: AdminLogin;
}

/** Sessions of MySQL and MariaDB, all as the administrator: nobody can take on another account there. */
export function mysqlSessions(at: MysqlReplayTarget): OpenSession {
  return async (desk, record) => {
    if (record.user !== at.admin.user) desk.otherRole(record.user);
    return new MysqlPlayed(desk, await opened(at, desk, record));
  };
}

type Prepare = Extract<PlainCommand, readonly ['P', ...unknown[]]>;

class MysqlPlayed implements PlayedSession {
  readonly #desk: PlayerDesk;
  readonly #link: MysqlLink;
  readonly #texts = new UnitTexts();
  /** By the number that the client knew it by. */
  readonly #prepares = new Map<string, Prepare>();
  /** The server's numbers of those that it has. */
  readonly #there = new Map<string, number>();

  constructor(desk: PlayerDesk, link: MysqlLink) {
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
    const said = unit.m.filter(isPlainCommand);
    const texts = this.#texts.run(said);
    const why = writes ? undefined : this.#whyNot(said);
    const messages = writes ? said : said.map(asReadCommand);
    for (const message of messages) this.#note(message);
    if (why !== undefined) {
      this.#desk.skipped(why);
      return;
    }
    const lateMs = await whenDue({ dueMs: this.#desk.dueMs(unit.t), signal });
    const played = await answeredBy(limitMs, this.#link, async () => this.#run(messages));
    this.#desk.played(texts, played, lateMs);
  }

  #whyNot(messages: readonly PlainCommand[]): string | undefined {
    const preparing = new Map(messages.flatMap((said) => (said[0] === 'P' ? [[said[1], said[2]] as const] : [])));
    for (const said of messages) {
      const text = said[0] === 'Q' ? said[1] : said[0] === 'P' ? said[2] : undefined;
      const why = text === undefined ? undefined : whyNotRead(text);
      if (why !== undefined) return why;
      if (said[0] !== 'X' || preparing.has(said[1])) continue;
      const known = this.#prepares.get(said[1]);
      const whyNot = known === undefined ? 'not understood' : whyNotRead(known[2]);
      if (whyNot !== undefined) return whyNot;
    }
    return undefined;
  }

  /** Also of what is not asked: a statement that is not prepared now may be when it is run. */
  #note(said: PlainCommand): void {
    if (said[0] === 'Z') {
      this.#there.clear();
      this.#prepares.clear();
      return;
    }
    const name = said[0] === 'P' ? said[1] : said[0] === 'C' ? said[2] : undefined;
    if (name === undefined) return;
    const number = this.#there.get(name);
    this.#there.delete(name);
    if (said[0] === 'P') this.#prepares.set(name, said);
    else this.#prepares.delete(name);
    if (number !== undefined) this.#link.write(encodePacket(0, encodeStatementClose(number)));
  }

  /** What the client asked last is measured; what it needs before is not. */
  async #run(messages: readonly PlainCommand[]): Promise<Played> {
    let played: Played = { ms: 0 };
    for (const said of messages) {
      if (said[0] === 'C') continue;
      played = await this.#ask(said);
      if (played.error !== undefined) return played;
    }
    return played;
  }

  async #ask(said: Exclude<PlainCommand, readonly ['C', ...unknown[]]>): Promise<Played> {
    switch (said[0]) {
      case 'Q':
        return play(this.#link, Buffer.concat([Buffer.of(command.query), latin1(said[1])]));
      case 'P':
        return this.#prepare(said);
      case 'X':
        return this.#execute(said);
      case 'I':
        return play(this.#link, encodeInitDb(latin1(said[1])));
      case 'Z': {
        const played = await play(this.#link, encodeBare(command.resetConnection));
        if (!this.#desk.writes) await guard(this.#link, this.#desk.limitMs);
        return played;
      }
      default:
        return said satisfies never;
    }
  }

  async #prepare([, name, text]: Prepare): Promise<Played> {
    const fromMs = monotonicMs();
    const { prepared, error } = await this.#link.ask(Buffer.concat([Buffer.of(command.stmtPrepare), latin1(text)]));
    const ms = monotonicMs() - fromMs;
    if (prepared === undefined) return { ms, error: String(error?.code ?? 0) };
    this.#there.set(name, prepared.statement);
    return { ms };
  }

  async #execute([, name, types, values]: Extract<PlainCommand, readonly ['X', ...unknown[]]>): Promise<Played> {
    const known = this.#prepares.get(name);
    if (!this.#there.has(name) && known !== undefined) {
      const made = await this.#prepare(known);
      if (made.error !== undefined) return made;
    }
    // Without one the server says that there is none.
    return play(this.#link, encodeExecution(this.#there.get(name) ?? 0, { types, values }));
  }
}

async function opened(
  { target, admin }: MysqlReplayTarget,
  { signal, writes, limitMs }: PlayerDesk,
  { parameters, state }: OpenRecord,
): Promise<MysqlLink> {
  const { user, password } = admin;
  const asked = Number(parameters['capabilities'] ?? 0);
  const login: MysqlLogin = {
    user,
    credential: password === undefined ? { kind: 'none' } : { kind: 'password', password },
    database: undefined,
    // Several statements in one would be several decisions, of which only the first is looked at.
    capabilities: writes ? asked : asked & ~capability.multiStatements,
    collation: Number(parameters['collation'] ?? 45),
    maxPacketBytes: 1 << 24,
    attributes: new Map([['program_name', 'teal replay']]),
  };
  const result = await connectMysql(target, login, connectLimitMs, signal);
  if ('refused' in result) throw new TealError('TEAL-TRAFFIC-003', 'the login was refused');
  const { link } = result;
  try {
    const failed = await writeState(link, await stateOf(link, state), undefined);
    if (failed !== undefined) throw new TealError('TEAL-TRAFFIC-003', `it does not take ${failed}`);
    if (!writes) await guard(link, limitMs);
    return link;
  } catch (error) {
    link.end();
    throw error;
  }
}

/** With the roles that the administrator has: a client's would be its account's. */
async function stateOf(link: MysqlLink, rows: OpenRecord['state']): Promise<SessionState> {
  const { rows: roles } = await link.query('select hex(convert(current_role() using utf8mb4))');
  const parts = rows.flatMap(([what = null, , text = null]): StatePart[] =>
    what === null || what === 'database' ? [] : [{ what, sql: latin1(text ?? ''), settable: true }],
  );
  const database = rows.find(([what]) => what === 'database')?.[2] ?? undefined;
  return {
    database: database === undefined ? undefined : latin1(database),
    role: Buffer.from(roles[0]?.[0]?.toString('latin1') ?? '', 'hex').toString('utf8'),
    parts,
    variables: new Map(parts.map((part) => [part.what.replace('setting ', ''), part])),
    pins: [],
  };
}

/** After the session's own settings, whatever they say; of transactions that begin from here on. MySQL's limit is of milliseconds, and of SELECT; MariaDB's of seconds. */
async function guard(link: MysqlLink, limitMs: number): Promise<void> {
  const isMysql = link.greeted.flavour === 'mysql';
  const limit = isMysql ? `max_execution_time = ${limitMs}` : `max_statement_time = ${limitMs / 1e3}`;
  for (const sql of [`set @@session.wait_timeout = 28800, @@session.${limit}`, 'set session transaction read only']) {
    const { error } = await link.query(sql);
    if (error !== undefined) throw new TealError('TEAL-TRAFFIC-003', `it does not take its guards (${error.code})`);
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
