import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sleep } from '../../../src/kernel/clock.ts';
import { must } from '../../../src/kernel/assert.ts';
import type { Isolation } from '../../../src/testing/checker/history.ts';
import { postgresDialect } from '../dialects/postgres.ts';
import { DriverError, type Answer, type DriverConnection, type OpenDriver } from './driver.ts';
import type { Statement } from '../statement.ts';

/** A program in the driver's language, and how it is started. */
export interface BridgeProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly pipelines: OpenDriver['pipelines'];
}

/** What the program is told as its last argument, as JSON. */
export interface BridgeOptions {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Connections of the pool, at most. */
  readonly size: number;
}

/** One line of JSON each, on standard input; `on` is the connection, whose requests are done one after another. */
type Request =
  | { readonly do: 'borrow' | 'commit' | 'rollback' | 'heard' | 'give' | 'drop' }
  | { readonly do: 'begin'; readonly isolation: Isolation }
  | { readonly do: 'run'; readonly statements: readonly Statement[]; readonly commit: boolean }
  | { readonly do: 'copy'; readonly sql: string; readonly text: string }
  | { readonly do: 'listen'; readonly channel: string };

/** One line of JSON for each request, on standard output. `error`: SQLSTATE; `lost`: a word for what became of the connection. */
interface Reply {
  readonly id: number;
  readonly answers?: readonly Answer[];
  readonly error?: string;
  readonly lost?: string;
}

const endLimitMs = 5_000;

/** Starts the program; its standard error is this process's. A program that ends by itself rejects all that was asked of it: that is no answer of the database. */
export function openBridge(bridge: BridgeProgram, url: string, size: number): OpenDriver {
  const link = new BridgeLink(bridge, optionsOf(url, size));
  const free: number[] = [];
  let numbers = 0;
  return {
    pipelines: bridge.pipelines,
    async borrow() {
      const on = free.pop() ?? (numbers += 1);
      const connection = new BridgeConnection(link, on, () => free.push(on));
      try {
        await link.ask(on, { do: 'borrow' });
      } catch (error) {
        await connection.destroy();
        throw error;
      }
      return connection;
    },
    [Symbol.asyncDispose]: async () => link.end(),
  };
}

function optionsOf(url: string, size: number): BridgeOptions {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    url,
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    size,
  };
}

class BridgeLink {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly Answer[]>>();
  #asked = 0;
  #gone: Error | undefined;

  constructor({ program, args, env = {} }: BridgeProgram, options: BridgeOptions) {
    this.#child = spawn(program, [...args, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.#child.once('error', (error) => this.#end(error));
    this.#child.once('close', (code) => this.#end(new Error(`${program} ended with ${code ?? 'a signal'}`)));
    // The next request tells what became of it.
    this.#child.stdin?.on('error', () => undefined);
    createInterface(must(this.#child.stdout, 'output')).on('line', (line) => this.#hear(JSON.parse(line) as Reply));
  }

  async ask(on: number, request: Request): Promise<readonly Answer[]> {
    if (this.#gone !== undefined) throw this.#gone;
    this.#asked += 1;
    const answer = Promise.withResolvers<readonly Answer[]>();
    this.#waiting.set(this.#asked, answer);
    this.#child.stdin?.write(`${JSON.stringify({ id: this.#asked, on, ...request })}\n`);
    return answer.promise;
  }

  /** The end of its input is the program's end; one that does not see it is killed. */
  async end(): Promise<void> {
    if (this.#gone !== undefined) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await Promise.race([closed, sleep(endLimitMs)]);
    this.#child.kill('SIGKILL');
    await closed;
  }

  #hear({ id, answers = [], error, lost }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new DriverError(error, true));
    else if (lost !== undefined) waiting?.reject(new DriverError(lost, false));
    else waiting?.resolve(answers);
  }

  #end(error: Error): void {
    this.#gone ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#gone);
    this.#waiting.clear();
  }
}

class BridgeConnection implements DriverConnection {
  readonly dialect = postgresDialect;
  readonly #link: BridgeLink;
  readonly #on: number;
  /** The program keeps a worker for each number: numbers are used again. */
  readonly #free: () => void;

  constructor(link: BridgeLink, on: number, free: () => void) {
    this.#link = link;
    this.#on = on;
    this.#free = free;
  }

  async begin(isolation: Isolation): Promise<void> {
    await this.#ask({ do: 'begin', isolation });
  }

  async run(statements: readonly Statement[], end?: 'commit'): Promise<readonly Answer[]> {
    return this.#ask({ do: 'run', statements, commit: end === 'commit' });
  }

  async commit(): Promise<void> {
    await this.#ask({ do: 'commit' });
  }

  async rollback(): Promise<void> {
    await this.#ask({ do: 'rollback' });
  }

  async copyIn(sql: string, text: string): Promise<void> {
    await this.#ask({ do: 'copy', sql, text });
  }

  async listen(channel: string): Promise<void> {
    await this.#ask({ do: 'listen', channel });
  }

  async heard(): Promise<readonly string[]> {
    const [answer] = await this.#ask({ do: 'heard' });
    return must(answer, 'what was heard').rows.map(([payload]) => payload ?? '');
  }

  async release(): Promise<void> {
    await this.#ask({ do: 'give' });
    this.#free();
  }

  async destroy(): Promise<void> {
    await this.#ask({ do: 'drop' }).catch(() => undefined);
    this.#free();
  }

  async #ask(request: Request): Promise<readonly Answer[]> {
    return this.#link.ask(this.#on, request);
  }
}
