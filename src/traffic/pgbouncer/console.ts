import { Client } from 'pg';
import { TealError } from '../../kernel/errors.ts';
import { KeptSession, type Session } from '../../kernel/kept-session.ts';

/** Rows of a SHOW, every value as PgBouncer writes it. */
export type ConsoleRow = Readonly<Record<string, string | null>>;

const connectTimeoutMs = 5_000;

/** One session on PgBouncer's admin console (manual, "Admin console"): it speaks the simple protocol alone. */
export class Console implements Session {
  readonly #client: Client;
  readonly #ended = new AbortController();

  private constructor(client: Client) {
    this.#client = client;
    // Without a listener a session that dies while it is idle would end the whole process.
    client.on('error', (error) => this.#ended.abort(error));
    client.on('end', () => this.#ended.abort(new Error('the session has ended')));
  }

  /** TEAL-TRAFFIC-014. */
  static async open(url: string, signal: AbortSignal | undefined): Promise<Console> {
    const client = new Client({
      connectionString: withLibpqModes(url),
      connectionTimeoutMillis: connectTimeoutMs,
      types: { getTypeParser: () => (value: string | Buffer) => value.toString() },
    });
    const console = new Console(client);
    const abandon = (): void => console.abandon();
    signal?.addEventListener('abort', abandon, { once: true });
    try {
      await client.connect();
      return console;
    } catch (error) {
      signal?.throwIfAborted();
      throw failed(error);
    } finally {
      signal?.removeEventListener('abort', abandon);
    }
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** TEAL-TRAFFIC-014 when it does not answer, or refuses. */
  async say(command: string): Promise<readonly ConsoleRow[]> {
    try {
      const { rows } = await this.#client.query<ConsoleRow>(command);
      return rows;
    } catch (error) {
      throw failed(error);
    }
  }

  abandon(): void {
    this.#ended.abort(new Error('the session was abandoned'));
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

export function keptConsole(url: string): KeptSession<Console> {
  return new KeptSession(async (signal) => Console.open(url, signal));
}

/** A name as a word of the console. */
export function consoleName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `sslmode` as libpq and PgBouncer read it. */
function withLibpqModes(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw new TealError('TEAL-TRAFFIC-014', 'the address of its console is not a postgres:// URL');
  if (url.searchParams.has('sslmode') && !url.searchParams.has('uselibpqcompat')) {
    url.searchParams.set('uselibpqcompat', 'true');
  }
  return url.href;
}

/** What PgBouncer says itself names commands, databases and states, never rows. */
function failed(error: unknown): TealError {
  const why = error instanceof Error ? error.message : String(error);
  return new TealError('TEAL-TRAFFIC-014', `the admin console of PgBouncer: ${why}`, {}, error);
}
