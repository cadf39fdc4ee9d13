import { describeError } from '../../../kernel/errors.ts';
import { encodeQuery } from '../../../wire/postgres/frontend.ts';
import type { BackendLink } from '../backend-link.ts';
import type { BackendLogin, ConnectResult } from '../connector.ts';
import { writeState } from '../session-state.ts';
import { isSameSession } from '../shadow/reader-link.ts';
import type { SessionFacts } from '../shadow/sample.ts';

export interface GreenLinkOptions {
  readonly connect: (login: BackendLogin, signal: AbortSignal) => Promise<ConnectResult>;
  readonly limitMs: number;
}

/** After the session's own settings: whatever it says, nothing is written here, and the connection stays. */
const guard = 'set default_transaction_read_only = on; set idle_session_timeout = 0';

/** One session's own connection to green, with the session's login, state and prepared statements, on which nothing can be written. */
export class GreenLink {
  readonly #options: GreenLinkOptions;
  readonly #ended = new AbortController();
  #link: BackendLink | undefined;
  /** Whose state it has. */
  #facts: SessionFacts | undefined;
  /** Parse messages by name, of the statements that it has. */
  readonly #statements = new Map<string, Buffer>();

  constructor(options: GreenLinkOptions) {
    this.#options = options;
  }

  /** The connection, where it has this state. */
  ready(facts: SessionFacts): BackendLink | undefined {
    const link = this.#link;
    return link === undefined || link.closed || this.#facts !== facts ? undefined : link;
  }

  statement(name: string): Buffer | undefined {
    return this.#statements.get(name);
  }

  /** Undefined: it has none of this name, or nobody knows. */
  note(name: string, parse: Buffer | undefined): void {
    if (parse === undefined) this.#statements.delete(name);
    else this.#statements.set(name, parse);
  }

  /** Makes it ready for this state. Returns why it could not be; what has failed is made anew the next time. Nobody asks meanwhile. */
  async make(facts: SessionFacts): Promise<string | undefined> {
    if (this.ready(facts) !== undefined) return undefined;
    const former = this.#facts;
    if (former !== undefined && this.#link?.closed === false && isSameSession(former, facts)) {
      this.#facts = facts;
      return undefined;
    }
    this.#drop();
    const late = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(this.#options.limitMs)]);
    let link: BackendLink | undefined;
    const destroy = (): void => link?.destroy();
    late.addEventListener('abort', destroy, { once: true });
    try {
      const made = await this.#options.connect(facts.login, late);
      if ('refused' in made) return 'green refuses the login';
      link = made.link;
      const failed = await writeState(link, facts.state, facts.shown, false);
      if (failed !== undefined) return this.#refused(link, failed);
      const guarded = await link.ask(encodeQuery(guard));
      if (guarded.error !== undefined) return this.#refused(link, `its guards (${guarded.error.code})`);
      if (late.aborted) return this.#refused(link, 'anything in its time');
      [this.#link, this.#facts] = [link, facts];
      return undefined;
    } catch (error) {
      link?.destroy();
      return describeError(error);
    } finally {
      late.removeEventListener('abort', destroy);
    }
  }

  /** For good. */
  end(): void {
    this.#ended.abort(new Error('the connection to green is not needed any more'));
    this.#drop();
  }

  #refused(link: BackendLink, what: string): string {
    link.end();
    return `green does not take ${what}`;
  }

  #drop(): void {
    this.#link?.end();
    this.#link = undefined;
    this.#facts = undefined;
    this.#statements.clear();
  }
}
