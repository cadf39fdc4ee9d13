import { describeError } from '../../../../kernel/errors.ts';
import { command, encodeStatementClose } from '../../../../wire/mysql/commands.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import type { ErrorReply } from '../../../../wire/mysql/replies.ts';
import type { MysqlConnectResult, MysqlLogin } from '../connector.ts';
import type { MysqlLink } from '../link.ts';
import { canTakeOn, takeOn } from '../shadow/reader.ts';
import type { MysqlSessionFacts } from '../shadow/sample.ts';
import type { PreparedRead } from './unit.ts';

export interface MysqlGreenLinkOptions {
  readonly connect: (login: MysqlLogin, signal: AbortSignal) => Promise<MysqlConnectResult>;
  readonly limitMs: number;
}

/** After the session's own settings: whatever it says, nothing is written here, and the connection stays. */
const guards = [
  'set @@session.autocommit = 1, @@session.wait_timeout = 28800',
  'set session transaction read only',
] as const;

/** Why a statement cannot be executed on green: what green said, or that it has other columns or parameters there. */
export type NotPrepared = { readonly error: ErrorReply } | 'foreign';

/** One session's own connection to green, with the session's login, state and prepared statements, on which nothing can be written. */
export class MysqlGreenLink {
  readonly #options: MysqlGreenLinkOptions;
  readonly #ended = new AbortController();
  #link: MysqlLink | undefined;
  /** Whose state it has. */
  #facts: MysqlSessionFacts | undefined;
  /** The client's number: its own. */
  readonly #statements = new Map<number, number>();

  constructor(options: MysqlGreenLinkOptions) {
    this.#options = options;
  }

  /** The connection, where it has this state. */
  ready(facts: MysqlSessionFacts): MysqlLink | undefined {
    const link = this.#link;
    return link === undefined || link.closed || this.#facts !== facts ? undefined : link;
  }

  /** Its own number of a statement; prepared when it is asked for. Errors: TEAL-TRAFFIC-008, wire errors. */
  async statement(link: MysqlLink, { id, sql, parameters, columns }: PreparedRead): Promise<number | NotPrepared> {
    const known = this.#statements.get(id);
    if (known !== undefined) return known;
    const { prepared, error } = await link.ask(Buffer.concat([Buffer.of(command.stmtPrepare), sql]));
    if (error !== undefined) return { error };
    if (prepared === undefined) return 'foreign';
    if (prepared.parameters !== parameters || prepared.columns !== columns) {
      link.write(encodePacket(0, encodeStatementClose(prepared.statement)));
      return 'foreign';
    }
    this.#statements.set(id, prepared.statement);
    return prepared.statement;
  }

  /** The client has closed these. Absent: all. */
  close(ids: Iterable<number> = [...this.#statements.keys()]): void {
    for (const id of ids) {
      const there = this.#statements.get(id);
      if (there === undefined) continue;
      this.#statements.delete(id);
      this.#link?.write(encodePacket(0, encodeStatementClose(there)));
    }
  }

  /** Makes it ready for this state. Returns why it could not be; what has failed is made anew the next time. Nobody asks meanwhile. */
  async make(facts: MysqlSessionFacts): Promise<string | undefined> {
    if (this.ready(facts) !== undefined) return undefined;
    const former = this.#facts;
    const kept = this.#link;
    this.#facts = undefined;
    const isKept = kept?.closed === false && former !== undefined && canTakeOn(former, facts);
    if (!isKept) this.#drop();
    const late = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(this.#options.limitMs)]);
    const destroy = (): void => {
      this.#link?.socket.destroy();
    };
    late.addEventListener('abort', destroy, { once: true });
    try {
      if (!isKept) {
        const made = await this.#options.connect(facts.login, late);
        if ('refused' in made) return 'green refuses the login';
        this.#link = made.link;
      }
      const link = this.#link;
      if (link === undefined || late.aborted) return this.#failed('it took too long');
      const failed = await takeOn(link, facts, isKept ? former : undefined, guards);
      if (failed !== undefined || late.aborted)
        return this.#failed(`green does not take ${failed ?? 'anything in its time'}`);
      this.#facts = facts;
      return undefined;
    } catch (error) {
      return this.#failed(describeError(error));
    } finally {
      late.removeEventListener('abort', destroy);
    }
  }

  /** For good. */
  end(): void {
    this.#ended.abort(new Error('the connection to green is not needed any more'));
    this.#drop();
  }

  #failed(why: string): string {
    this.#drop();
    return why;
  }

  #drop(): void {
    this.#link?.end();
    this.#link = undefined;
    this.#facts = undefined;
    this.#statements.clear();
  }
}
