import { monotonicMs, sleep } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import { schemaSql } from '../journal/postgres/schema.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { folderName, journalAddress, type JournalAddress } from './journal-place.ts';

const lookEveryMs = 2_000;
const lookLimitMs = 10_000;

/** Whether a migration is still carried from a state folder, for the processes beside it. It looks on a session of its own, and nothing stands still meanwhile. */
export class HomeWatch implements AsyncDisposable {
  readonly #session: KeptSession;
  readonly #sql: string;
  readonly #migration: string;
  readonly #folder: string;
  readonly #log: (text: string) => void;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #hasMoved = false;
  #isAway = false;

  constructor({ href, schema }: JournalAddress, migration: string, folder: string, log: (text: string) => void) {
    this.#session = new KeptSession({ url: href, applicationName: `teal home ${migration}` });
    this.#sql = `select home from ${schemaSql(schema)}.leader where migration = $1`;
    this.#migration = migration;
    this.#folder = folder;
    this.#log = log;
  }

  /** True once another folder's controller has moved the migration on, as it was seen at most two seconds ago. A server that does not answer has told nothing: what runs goes on. */
  async hasMoved(): Promise<boolean> {
    if (monotonicMs() < this.#lookedMs + lookEveryMs) return this.#hasMoved;
    this.#lookedMs = monotonicMs();
    try {
      const { rows } = await this.#session.use(
        async (connection) => connection.query(this.#sql, [this.#migration]),
        AbortSignal.timeout(lookLimitMs),
      );
      this.#tell(false);
      const home = rows[0]?.['home'];
      this.#hasMoved = typeof home === 'string' && home !== this.#folder;
    } catch (error) {
      this.#tell(true, isTealError(error) ? error.message : 'no answer in time');
    }
    return this.#hasMoved;
  }

  /** Resolves when it has moved, or when the signal aborts: then with false. */
  async moved(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.hasMoved()) return true;
      await sleep(lookEveryMs, signal).catch(() => undefined);
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  #tell(isAway: boolean, why = ''): void {
    if (isAway !== this.#isAway) this.#log(isAway ? `the journal cannot be read: ${why}` : 'the journal can be read');
    this.#isAway = isAway;
  }
}

/** Undefined where the journal is in files: nobody else can carry. */
export function homeWatch(
  migration: string,
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
  log: (text: string) => void,
): HomeWatch | undefined {
  const address = journalAddress(env);
  if (address === undefined) return undefined;
  return new HomeWatch(address, migration, folderName(stateDir, address.name), log);
}
