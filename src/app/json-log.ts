import { nowMs } from '../kernel/clock.ts';
import { redact } from '../kernel/redact.ts';

/**
 * The log of a process whose log is its standard error: one JSON object a line, in the fields of pino, which the proxy and the API log with and which would cost those that are started by the dozen a quarter of
 * their start. `migration` is the same in every log of a migration, and the label of its metrics and its traces.
 */
export class JsonLog {
  readonly #base: Readonly<Record<string, string | number>>;
  #migration: string | undefined;

  constructor(process: string, pid: number, migration?: string) {
    this.#base = { pid, process };
    this.#migration = migration;
  }

  /** Which migration it is, once that was read. */
  of(migration: string): void {
    this.#migration = migration;
  }

  /** No row's value, no secret: it goes through `redact` all the same. */
  readonly info = (message: string): void => this.#write(30, message);

  readonly error = (message: string): void => this.#write(50, message);

  #write(level: number, message: string): void {
    process.stderr.write(`${this.line(level, message, nowMs())}\n`);
  }

  line(level: number, message: string, time: number): string {
    const migration = this.#migration === undefined ? {} : { migration: this.#migration };
    return JSON.stringify({ level, time, ...this.#base, ...migration, msg: redact(message) });
  }
}
