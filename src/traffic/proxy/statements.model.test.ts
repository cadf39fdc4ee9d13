import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { status } from '../../wire/postgres/backend.ts';
import { frame, zeroTerminated } from '../../wire/postgres/body.ts';
import {
  encodeBind,
  encodeParse,
  encodeQuery,
  encodeSync,
  frontend,
  namedStatement,
  readParse,
} from '../../wire/postgres/frontend.ts';
import { ClientMessages } from './client-messages.ts';
import { CustomSettings } from './custom-settings.ts';
import { Statements } from './statements.ts';
import { Units } from './units.ts';

const wrong = 'no sql';
const names = ['', 'a', 'b'] as const;
type Name = (typeof names)[number];

type Answer =
  | { readonly kind: 'parsed' | 'closed' | 'error' | 'ready' | 'complete' }
  /** Of a Bind: the text that it would run. */
  | { readonly kind: 'bound'; readonly sql: string };

/** What a server does with prepared statements (manual, "Extended Query"; tcop/postgres.c): a name is given once, an error skips to the next Sync, a simple query takes the unnamed one. */
class Server {
  readonly #known = new Map<string, string>();
  #skips = false;

  has(name: string): boolean {
    return this.#known.has(name);
  }

  get skips(): boolean {
    return this.#skips;
  }

  take(message: Buffer): readonly Answer[] {
    const type = message[0];
    if (type === frontend.sync) {
      this.#skips = false;
      return [{ kind: 'ready' }];
    }
    if (this.#skips) return [];
    if (type === frontend.query) {
      if (message.toString('latin1', 5).startsWith('discard all')) this.#known.clear();
      this.#known.delete('');
      return [{ kind: 'complete' }, { kind: 'ready' }];
    }
    if (type === frontend.parse) return this.#parse(message);
    const name = namedStatement(message) ?? '';
    if (type === frontend.close) {
      this.#known.delete(name);
      return [{ kind: 'closed' }];
    }
    const sql = this.#known.get(name);
    return sql === undefined ? this.#fails() : [{ kind: 'bound', sql }];
  }

  /** A simple query of the proxy's own. */
  asked(): void {
    this.#known.delete('');
  }

  #parse(message: Buffer): readonly Answer[] {
    const { name, query } = readParse(message);
    if (name === '') this.#known.delete('');
    if (query === wrong || this.#known.has(name)) return this.#fails();
    this.#known.set(name, query);
    return [{ kind: 'parsed' }];
  }

  #fails(): readonly Answer[] {
    this.#skips = true;
    return [{ kind: 'error' }];
  }
}

/** A client's session as the proxy keeps it; `answered` is what the client has seen of its Binds, in order. */
class Proxied {
  readonly statements = new Statements();
  readonly #units = new Units();
  readonly #messages: ClientMessages;
  #server = new Server();
  #inserted: Buffer[] = [];
  readonly #back: Answer[] = [];
  readonly seen: string[] = [];
  injected = 0;

  constructor() {
    const { statements } = this;
    const units = this.#units;
    const insert = (bytes: Buffer): void => void this.#inserted.push(bytes);
    this.#messages = new ClientMessages({ units, statements, settings: new CustomSettings(), insert });
  }

  send(message: Buffer): void {
    const passes = this.#messages.see(message, 0, message.length, message.length);
    for (const each of [...this.#inserted, ...(passes ? [message] : [])]) this.#back.push(...this.#server.take(each));
    this.injected += this.#inserted.length;
    this.#inserted = [];
  }

  /** The next answer arrives. False when there is none. */
  hear(): boolean {
    const answer = this.#back.shift();
    if (answer === undefined) return false;
    const tell = (text: string): void => void this.seen.push(text);
    switch (answer.kind) {
      case 'parsed': {
        const parse = this.#units.parsed();
        if (parse !== undefined) this.statements.parsed(parse, this.#messages.backend);
        if (parse?.injected !== true) tell('parsed');
        break;
      }
      case 'closed': {
        const close = this.#units.closed();
        if (close?.injected === true) break;
        if (close?.name !== undefined) this.statements.closed(close.name);
        tell('closed');
        break;
      }
      case 'error':
        this.#units.failed();
        tell('error');
        break;
      case 'complete':
        this.#units.commandCompleted();
        break;
      case 'ready':
        for (const parse of this.#units.ready(status.idle)) this.statements.failed(parse);
        tell('ready');
        break;
      case 'bound':
        tell(answer.sql);
    }
    return true;
  }

  discarded(): void {
    this.statements.clear();
  }

  /** The session goes to another server, if it stands at a boundary. */
  move(): boolean {
    if (!this.#units.atBoundary) return false;
    this.#messages.nextBackend(undefined);
    this.statements.newBackend();
    this.#units.restart();
    this.#server = new Server();
    return true;
  }

  /** The proxy asks the server something of its own. */
  ask(): void {
    if (!this.#units.atBoundary) return;
    this.#server.asked();
    this.statements.unnamedLost();
  }
}

type Move =
  | { readonly do: 'parse'; readonly name: Name; readonly sql: string }
  | { readonly do: 'bind' | 'close'; readonly name: Name }
  | { readonly do: 'sync' | 'query' | 'discard' | 'hear' | 'move' | 'settle' | 'ask' };

const name = fc.constantFrom<Name>(...names);
const stories: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('parse' as const), name, sql: fc.constantFrom('1', '2', '3', wrong) }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('bind' as const), name }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), name }) },
    { weight: 4, arbitrary: fc.constant({ do: 'sync' } as const) },
    { weight: 8, arbitrary: fc.constant({ do: 'hear' } as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Move>(
        { do: 'query' },
        { do: 'discard' },
        { do: 'move' },
        { do: 'settle' },
        { do: 'ask' },
      ),
    },
  ),
  { maxLength: 60, size: 'max' },
);

const textOf: Readonly<Record<Exclude<Answer['kind'], 'bound'>, string | undefined>> = {
  parsed: 'parsed',
  closed: 'closed',
  error: 'error',
  ready: 'ready',
  complete: undefined,
};

/** Plays it against the proxy, and against one server that the client never leaves; answers what each has told the client. */
function play(story: readonly Move[]): {
  readonly wanted: readonly string[];
  readonly proxied: Proxied;
  readonly moved: number;
} {
  const alone = new Server();
  const proxied = new Proxied();
  const wanted: string[] = [];
  let moved = 0;
  let synced = true;
  /** The unnamed statement is the one that the client has sent last: that one was not skipped. */
  let unnamed = false;
  const send = (message: Buffer): void => {
    for (const answer of alone.take(message)) {
      const text = answer.kind === 'bound' ? answer.sql : textOf[answer.kind];
      if (text !== undefined) wanted.push(text);
    }
    proxied.send(message);
  };
  const hearAll = (): void => {
    while (proxied.hear());
  };
  for (const move of story) {
    switch (move.do) {
      case 'parse':
        // To give a name twice is the client's own mistake, and so is to use one that it has not.
        if (move.name !== '' && alone.has(move.name)) break;
        if (move.name === '') unnamed = !alone.skips;
        send(encodeParse(move.name, move.sql));
        synced = false;
        break;
      case 'bind':
        if (!alone.has(move.name) || (move.name === '' && !unnamed)) break;
        send(encodeBind(move.name, []));
        synced = false;
        break;
      case 'close':
        // One that gives a statement up waits first for what it has sent: behind an error of its own nobody could tell which it has.
        if (!synced) send(encodeSync());
        hearAll();
        send(frame('C', Buffer.from('S'), zeroTerminated(move.name)));
        synced = false;
        break;
      case 'sync':
        send(encodeSync());
        synced = true;
        break;
      case 'query':
        if (synced) send(encodeQuery('select 1'));
        break;
      case 'discard':
        // A driver that does this waits for it.
        if (!synced) break;
        hearAll();
        send(encodeQuery('discard all'));
        hearAll();
        proxied.discarded();
        break;
      case 'hear':
        proxied.hear();
        break;
      case 'settle':
        if (!synced) send(encodeSync());
        synced = true;
        hearAll();
        if (proxied.move()) moved += 1;
        break;
      case 'move':
        if (proxied.move()) moved += 1;
        break;
      case 'ask':
        proxied.ask();
    }
  }
  if (!synced) send(encodeSync());
  hearAll();
  return { wanted, proxied, moved };
}

describe('prepared statements beside a model of the servers', () => {
  test('a session that changes its server at boundaries hears what it would hear from one that it never leaves', () => {
    let moves = 0;
    let injected = 0;
    fc.assert(
      fc.property(stories, (story) => {
        const { wanted, proxied, moved } = play(story);
        expect(proxied.seen).toEqual(wanted);
        moves += moved;
        injected += proxied.injected;
      }),
      { numRuns: 5_000 },
    );
    expect(moves).toBeGreaterThan(2_000);
    expect(injected).toBeGreaterThan(500);
  });
});
