import { monotonicMs } from '../../../kernel/clock.ts';
import { describeError, isTealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { command, encodeInitDb, encodeStatementClose } from '../../../wire/mysql/commands.ts';
import { encodePacket } from '../../../wire/mysql/packets.ts';
import { readError } from '../../../wire/mysql/replies.ts';
import type { Hindrance } from '../mover.ts';
import type { SeenMover } from '../sessions-seen.ts';
import type { MysqlConnectResult, MysqlLogin } from './connector.ts';
import type { MysqlLink } from './link.ts';
import {
  covers,
  pristine,
  readState,
  sameState,
  writeState,
  type KnownOfSession,
  type SessionState,
} from './session-state.ts';
import type { KeptStatement } from './statements.ts';

/** What a server shows of one of its sessions to an administrator. */
export type SeenOfSession = Pick<KnownOfSession, 'userVariables' | 'userLocks'>;

/** What of a session is known without its backend. */
export interface SessionFacts {
  readonly known: () => KnownOfSession;
  /** What the administrator can see of it beside, by the number of its backend there. */
  readonly seen: (link: MysqlLink) => Promise<SeenOfSession>;
  /** Why it cannot change its backend. */
  readonly pins: () => readonly string[];
  readonly statements: () => readonly KeptStatement[];
}

/** A backend to go on with, and its numbers for the statements that the client has prepared. */
export interface NextBackend {
  readonly link: MysqlLink;
  readonly statements: ReadonlyMap<number, number>;
}

interface Standby {
  readonly link: MysqlLink;
  /** What it was given; undefined when that is not known. */
  written: SessionState | undefined;
  /** The client's number → its own. */
  readonly statements: Map<number, number>;
}

/**
 * Makes one session's next backend ready before it is needed: connected, logged in as the client, with the state of the session and its prepared statements put into it. So all
 * that can go wrong does so before a cut is decided, and the switch itself asks nobody.
 */
export class MysqlMover implements SeenMover {
  readonly #login: MysqlLogin;
  readonly #connect: (side: Side, login: MysqlLogin) => Promise<MysqlConnectResult>;
  readonly #facts: SessionFacts;
  #standby: Standby | undefined;
  #state: SessionState = pristine;
  #dirty = true;
  #variablesChanged = true;
  #hindrance: Hindrance | undefined;
  #pinnedSinceMs: number | undefined;

  constructor(
    login: MysqlLogin,
    facts: SessionFacts,
    connect: (side: Side, login: MysqlLogin) => Promise<MysqlConnectResult>,
  ) {
    this.#login = login;
    this.#facts = facts;
    this.#connect = connect;
  }

  /** The session ran something: its state must be asked for again, with its system variables where they may have changed. */
  touch(variablesChanged: boolean): void {
    this.#dirty = true;
    this.#variablesChanged ||= variablesChanged;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  /** Undefined where it is not known, or cannot be had elsewhere. */
  get state(): SessionState | undefined {
    return this.#dirty || this.isBound ? undefined : this.#state;
  }

  get hindrance(): Hindrance | undefined {
    return this.#hindrance;
  }

  get pins(): readonly string[] {
    return [...this.#facts.pins(), ...this.#state.pins];
  }

  get pinnedForMs(): number {
    return this.#pinnedSinceMs === undefined ? 0 : monotonicMs() - this.#pinnedSinceMs;
  }

  /** By what is known of it: its state cannot be had on another backend. */
  get isBound(): boolean {
    return this.pins.length > 0 || this.#hindrance?.kind === 'state';
  }

  /** All that the session has, as it was last read and nothing ran since, is on the next backend too. */
  isReady(side: Side): boolean {
    const standby = this.#standby;
    if (standby === undefined || standby.link.closed || standby.link.side !== side || this.#dirty || this.isBound)
      return false;
    if (!this.#facts.statements().every(({ id }) => standby.statements.has(id))) return false;
    return standby.written !== undefined && sameState(standby.written, this.#state);
  }

  forgetHindrance(): void {
    this.#hindrance = undefined;
  }

  hinder(reason: string): void {
    this.#hindrance = { kind: 'state', reason };
  }

  /** Connects to the other side if that has not been done. */
  async connect(side: Side): Promise<void> {
    if (this.#standby !== undefined && !this.#standby.link.closed && this.#standby.link.side === side) return;
    this.drop();
    try {
      // The database of the login may be gone: where the session is now is told to the backend itself.
      const result = await this.#connect(side, { ...this.#login, database: undefined });
      if ('link' in result) {
        this.#standby = { link: result.link, written: pristine, statements: new Map() };
        this.#hindrance = undefined;
      } else {
        this.#hindrance = {
          kind: 'unreachable',
          reason: `${side} refuses its login (${readError(result.refused).code})`,
        };
      }
    } catch (error) {
      this.#hindrance = { kind: 'unreachable', reason: describeError(error) };
    }
  }

  /** Asks the present backend for the state; the session sends nothing meanwhile. */
  async read(link: MysqlLink): Promise<void> {
    const variablesChanged = this.#variablesChanged;
    this.#dirty = this.#variablesChanged = false;
    try {
      const { userVariables, userLocks } = await this.#facts.seen(link);
      const known = this.#facts.known();
      const all = {
        userVariables: [...new Set([...known.userVariables, ...userVariables])],
        userLocks: [...new Set([...known.userLocks, ...userLocks])],
        sqlPrepared: known.sqlPrepared,
      };
      this.#state = await readState(link, all, this.#state, variablesChanged);
    } catch (error) {
      this.touch(variablesChanged);
      if (isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
      this.hinder(`its state is not understood (${describeError(error)})`);
    }
    if (this.pins.length === 0) this.#pinnedSinceMs = undefined;
    else this.#pinnedSinceMs ??= monotonicMs();
  }

  /** Gives the standby the state that was read, and the statements. */
  async write(): Promise<void> {
    let standby = this.#standby;
    const state = this.#state;
    if (standby === undefined || this.isReady(standby.link.side)) return;
    if (standby.written === undefined || !covers(state, standby.written)) {
      // A fresh one: a reset would leave it in a state that no server describes fully.
      const { side } = standby.link;
      this.drop();
      await this.connect(side);
      standby = this.#standby;
      if (standby === undefined) return;
    }
    const before = standby.written;
    standby.written = undefined;
    try {
      const failed = (await writeState(standby.link, state, before)) ?? (await this.#prepareAll(standby, state));
      if (failed === undefined) standby.written = state;
      else this.#hindrance = { kind: 'state', reason: `${standby.link.side} does not take ${failed}` };
    } catch (error) {
      this.#hindrance = { kind: 'unreachable', reason: describeError(error) };
      this.drop();
    }
  }

  async #prepareAll({ link, statements }: Standby, state: SessionState): Promise<string | undefined> {
    const kept = this.#facts.statements();
    const wanted = new Set(kept.map(({ id }) => id));
    for (const [id, there] of statements) {
      if (wanted.has(id)) continue;
      link.write(encodePacket(0, encodeStatementClose(there)));
      statements.delete(id);
    }
    const home = state.database?.toString('utf8');
    let at = home;
    const go = async (database: string | undefined): Promise<string | undefined> => {
      if (database === undefined || database === at) return undefined;
      const { error } = await link.ask(encodeInitDb(Buffer.from(database, 'utf8')));
      at = database;
      return error === undefined ? undefined : `a statement's database (${error.code})`;
    };
    for (const statement of kept) {
      if (statements.has(statement.id)) continue;
      const failed = (await go(statement.database)) ?? (await prepareOne(link, statement, statements));
      if (failed !== undefined) return failed;
    }
    return go(home);
  }

  /** The backend to go on with; from then on it is the session's. */
  take(side: Side): NextBackend | undefined {
    if (!this.isReady(side)) return undefined;
    const standby = this.#standby;
    this.#standby = undefined;
    return standby;
  }

  drop(): void {
    this.#standby?.link.end();
    this.#standby = undefined;
  }
}

async function prepareOne(
  link: MysqlLink,
  statement: KeptStatement,
  into: Map<number, number>,
): Promise<string | undefined> {
  const { id, sql, parameters, columns } = statement;
  if (sql === undefined) return 'a prepared statement that is too long to be kept';
  const { error, prepared } = await link.ask(Buffer.concat([Buffer.of(command.stmtPrepare), sql]));
  if (error !== undefined || prepared === undefined) return `a prepared statement (${error?.code ?? 'no answer'})`;
  into.set(id, prepared.statement);
  if (prepared.parameters === parameters && prepared.columns === columns) return undefined;
  return 'a prepared statement with the columns that the client knows';
}
