import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../../src/kernel/clock.ts';
import { readIfThere } from '../../../tools/servers/postgres-cluster.ts';

/** The failpoints of all processes of one run: armed one at a time, while they run. */
export class Failpoints {
  readonly #list: string;
  readonly #ledger: string;

  constructor(folder: string) {
    this.#list = join(folder, 'failpoints.armed');
    this.#ledger = join(folder, 'failpoints.ledger');
  }

  get environment(): Readonly<Record<string, string>> {
    return { TEAL_FAILPOINTS: this.#ledger, TEAL_FAILPOINT_NAMES: `@${this.#list}` };
  }

  /** Names, `*` in them for anything: who meets one is killed, or waits for `go`. What was armed before is no more; who waits goes on waiting. */
  async arm(patterns: readonly string[], action: 'kill' | 'wait'): Promise<void> {
    await this.disarm();
    const suffix = action === 'wait' ? '=wait' : '';
    await writeFile(this.#list, patterns.map((pattern) => `${pattern}${suffix}`).join(','));
  }

  async disarm(): Promise<void> {
    await writeFile(this.#list, '');
    await rm(this.#ledger, { force: true });
  }

  /** The name that was met; undefined when `unless` comes first. TEAL-KERNEL-002 after the time. */
  async met(timeoutMs: number, unless: () => boolean): Promise<string | undefined> {
    const name = await waitFor({ what: 'a failpoint to be met', timeoutMs, everyMs: 4 }, async () => {
      const [first = ''] = ((await readIfThere(this.#ledger)) ?? '').split('\n');
      if (first !== '') return first;
      return unless() ? '' : undefined;
    });
    return name === '' ? undefined : name;
  }

  async go(name: string): Promise<void> {
    await appendFile(`${this.#ledger}.go`, `${name}\n`);
  }
}
