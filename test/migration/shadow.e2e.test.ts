import { Client } from 'pg';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const soon = { timeoutMs: 120_000 };
const schema = `create table orders (id int primary key, weight float8, seen int);
  insert into orders select n, n / 3.0, 0 from generate_series(1, 50) n`;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

/** Reads by Teal's proxy for as long as it is not disposed of. Its failures are the test's. */
class Reader implements AsyncDisposable {
  readonly failures: unknown[] = [];
  readonly #client: Client;
  readonly #reading: Promise<void>;
  #ended = false;

  constructor(client: Client) {
    this.#client = client;
    this.#reading = this.#read();
  }

  static async start(place: TealPlace): Promise<Reader> {
    const client = await waitFor({ what: 'the proxy to take clients', ...soon }, async () => {
      const url = new URL(place.blue.url);
      url.port = String(place.port);
      const candidate = new Client({ connectionString: url.href });
      return candidate.connect().then(
        () => candidate,
        () => undefined,
      );
    });
    return new Reader(client);
  }

  async #read(): Promise<void> {
    for (let id = 1; !this.#ended; id = (id % 50) + 1) {
      try {
        await this.#client.query('select weight from orders where id = $1', [id]);
        await this.#client.query('update orders set seen = seen + 1 where id = $1', [id]);
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#reading;
    await this.#client.end();
  }
}

test('before the cut green answers what clients read: a server that is set otherwise ends it, and once that is mended the watch begins anew', async () => {
  await using place = await tealPlace({
    schema,
    spec: 'shadow: { reads: 100%, for: 2s, atLeast: 20 }\ncutover: { maxPause: 30s, gates: [{ person: dba }] }',
  });
  await place.query('green', 'alter system set extra_float_digits = -14');
  await place.query('green', 'select pg_reload_conf()');
  expect(oneLine((await place.teal('plan')).out)).toContain('put 100% of what clients read on blue to green');
  const first = place.teal('up');
  await using reader = await Reader.start(place);
  const failed = await first;
  expect(failed).toMatchObject({ code: 1 });
  expect(oneLine(failed.err)).toMatch(/TEAL-STAGES-150 .* select weight from orders where id = \? /);
  expect(oneLine((await place.teal('status')).out)).toContain('1 of them differ, in weight');

  await place.query('green', 'alter system reset extra_float_digits');
  await place.query('green', 'select pg_reload_conf()');
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  const { shadow } = JSON.parse((await place.teal('status', '--json')).out);
  expect(shadow).toMatchObject({ share: 1, real: 0, shed: 0 });
  expect(shadow.equal).toBeGreaterThanOrEqual(20);
  expect((await place.teal('report')).out).toContain('shadow:watch');
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  expect(reader.failures).toEqual([]);
});
