import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { newToken } from '../../src/app/serve-api.ts';
import { askApi } from '../../src/app/test-support/ask-api.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { examine, openBrowser } from '../console/browser.ts';
import { whyNoChromium } from '../../tools/servers/chromium.ts';
import { serving } from '../support/serving.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const none = await whyNoChromium();
const soon = { timeoutMs: 120_000 };
const schema = `create table orders (id int primary key, customer int, note text);
  insert into orders select n, n % 2000, repeat('x', 100) from generate_series(1, 60000) n;
  create index of_customer on orders (customer)`;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

/** One of two clients that read by Teal's proxy, of which one writes now and then, until it is disposed of. */
class Reader implements AsyncDisposable {
  failure: unknown;
  readonly #client: Client;
  readonly #writes: boolean;
  readonly #working: Promise<void>;
  #ended = false;

  constructor(client: Client, writes: boolean) {
    this.#client = client;
    this.#writes = writes;
    this.#working = this.#work();
  }

  static async start({ blue, port }: TealPlace, writes: boolean): Promise<Reader> {
    const url = new URL(blue.url);
    url.port = String(port);
    const client = new Client({ connectionString: url.href });
    await client.connect();
    return new Reader(client, writes);
  }

  async #work(): Promise<void> {
    try {
      for (let round = 1; !this.#ended; round += 1) {
        const { rows } = await this.#client.query('select id from orders where customer = $1', [round % 2_000]);
        if (rows.length !== 30) throw new Error(`${rows.length} rows`);
        if (this.#writes && round % 100 === 0)
          await this.#client.query("update orders set note = 'seen' where id = $1", [round]);
        await sleep(10);
      }
    } catch (error) {
      this.failure = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#working;
    await this.#client.end();
  }
}

test('before the cut green answers reads: an index that is missing there ends it by itself, and once it is made the step is held, paused, and held again', async () => {
  const gates = 'cutover: { maxPause: 30s, gates: [{ person: dba }] }';
  await using place = await tealPlace({ schema, spec: gates });
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  await using reader = await Reader.start(place, false);
  await using writer = await Reader.start(place, true);
  expect((await place.teal('canary', 'pause')).err).toContain('TEAL-STAGES-163');

  await writeFile(place.file, `${await readFile(place.file, 'utf8')}canary: { reads: 100%, hold: 3s, atLeast: 20 }\n`);
  await place.query('green', 'drop index of_customer');
  expect(oneLine((await place.teal('plan')).out)).toContain('has green answer what 100% of sessions read');
  const caught = await place.teal('up');
  expect(caught).toMatchObject({ code: 1 });
  expect(oneLine(caught.err)).toMatch(
    /TEAL-STAGES-160 .*green is slower: p50 .* p = .*: select id from orders where customer = \?/,
  );
  expect(oneLine((await place.teal('status')).out)).toMatch(
    /canary every read goes to blue, \d+ reads answered by green/,
  );

  await place.query('green', 'create index of_customer on orders (customer)');
  expect(await place.teal('canary', 'pause')).toMatchObject({ code: 0 });
  const second = place.teal('up');
  const canary = async (): Promise<{ readonly share: number; readonly paused: boolean; readonly reads: number }> =>
    JSON.parse((await place.teal('status', '--json')).out).canary;
  const waiting = { what: 'the stage to wait', ...soon };
  await waitFor(waiting, async () => {
    const progress = await readFile(join(place.folder, '.teal', 'shop', 'progress.json'), 'utf8').catch(() => '');
    return progress.includes('paused before 100%') || undefined;
  });
  expect(await canary()).toMatchObject({ share: 0, paused: true });
  expect(await place.teal('canary', 'resume')).toMatchObject({ code: 0 });
  expect(await second).toMatchObject({ code: 4 });
  const held = await canary();
  expect(held).toMatchObject({ share: 0, paused: false, errors: 0 });
  expect(held.reads).toBeGreaterThanOrEqual(20);
  expect((await place.teal('report')).out).toContain('canary:100%');
  const loaded = loadSpec(place.file, place.env);
  {
    await using api = await serving(place);
    const token = newToken(loaded, 'vera', ['view']);
    const told = await askApi(api.url, { path: '/api/v1/canary', token });
    expect(told.json).toMatchObject({ asked: true, found: { share: 0, paused: false, reads: held.reads } });
    const metrics = await askApi(api.url, { path: '/metrics', token });
    expect(metrics.text).toContain(`teal_canary_reads_total{outcome="green"} ${held.reads}`);
    if (none === undefined) {
      await using browser = await openBrowser();
      const { page } = browser;
      await page.goto(api.url);
      await page.getByLabel('Token').fill(token);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Canary' }).click();
      await page.getByText('select id from orders where customer = ?').waitFor();
      await examine(page, 'canary');
      expect(browser.complaints).toEqual([]);
    }
  }
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  expect([reader.failure, writer.failure]).toEqual([undefined, undefined]);
});
