import { Client } from 'pg';
import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const soon = { timeoutMs: 120_000 };
const schema = `create table orders (id int primary key, weight float8, seen int);
  create table tickets (id serial primary key, order_id int references orders);
  insert into orders select n, n / 3.0, 0 from generate_series(1, 50) n`;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

/** Reads and writes by Teal's proxy for as long as it is not disposed of. Its failures are the test's. */
class Reader implements AsyncDisposable {
  readonly failures: unknown[] = [];
  tickets = 0;
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
        // Their numbers are given by blue, after the cut by green, and meanwhile by green to rows that are rolled back.
        await this.#client.query('insert into tickets (order_id) values ($1)', [id]);
        this.tickets += 1;
        await sleep(8);
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

test('before the cut green answers what clients read and tries what they write: a server that is set otherwise ends it, and once that is mended the watch begins anew', async () => {
  await using place = await tealPlace({
    schema,
    spec: 'shadow: { reads: 100%, writes: 100%, for: 2s, atLeast: 20 }\ncutover: { maxPause: 30s, gates: [{ person: dba }] }',
  });
  await place.query('green', 'alter system set extra_float_digits = -14');
  await place.query('green', 'select pg_reload_conf()');
  expect(oneLine((await place.teal('plan')).out)).toContain(
    'put 100% of what clients read on blue and 100% of their transactions that write there, to be rolled back, to green',
  );
  const first = place.teal('up');
  await using reader = await Reader.start(place);
  const failed = await first;
  expect(failed).toMatchObject({ code: 1 });
  expect(oneLine(failed.err)).toMatch(/TEAL-STAGES-150 .* select weight from orders where id = \? /);
  expect(oneLine((await place.teal('status')).out)).toContain('1 of them differ, in weight');

  await place.query('green', 'alter system reset extra_float_digits');
  await place.query('green', 'select pg_reload_conf()');
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  const { shadow, flows } = JSON.parse((await place.teal('status', '--json')).out);
  expect(shadow).toMatchObject({ share: 1, real: 0, shed: 0 });
  expect(shadow.equal).toBeGreaterThanOrEqual(20);
  expect(shadow.writes).toMatchObject({ share: 1, real: 0 });
  expect(shadow.writes.equal).toBeGreaterThanOrEqual(20);
  expect(shadow.writes.statements.map(({ equal }: { equal: number }) => equal > 0)).toEqual([true, true]);
  expect(flows.map(({ rogueTransactions }: { rogueTransactions: number }) => rogueTransactions)).toEqual([0, 0]);
  expect((await place.teal('report')).out).toContain('shadow:watch');
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  const { tickets } = reader;
  await waitFor({ what: 'tickets of green', ...soon }, () => reader.tickets > tickets + 20 || undefined);
  expect(reader.failures).toEqual([]);
});
