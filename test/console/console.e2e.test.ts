import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client } from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { keepMinute } from '../../src/app/watch/kept-minutes.ts';
import { newToken } from '../../src/app/serve-api.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { askApi } from '../../src/app/test-support/ask-api.ts';
import { readConsole, pack } from '../../src/server/console.ts';
import { nowMs, sleep, waitFor } from '../../src/kernel/clock.ts';
import { minuteMs } from '../../src/observe/vitals/history.ts';
import { buildConsole, consoleDist } from '../../tools/build-console.ts';
import { whyNoChromium } from '../../tools/servers/chromium.ts';
import { serving } from '../support/serving.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';
import { examine, openBrowser, picture } from './browser.ts';

const none = await whyNoChromium();

beforeAll(() => {
  if (!existsSync(join(consoleDist, 'index.html'))) buildConsole();
});

test('the console is one page that takes less than 200 kB on its way', async () => {
  const { page, assets } = readConsole(consoleDist) ?? { page: '', assets: new Map<string, Buffer>() };
  const sizes = await Promise.all([...assets.values()].map(async (asset) => (await pack(asset)).length));
  expect(page).toContain('<script type="module"');
  expect(page).not.toMatch(/https?:|<style|style=|<script(?![^>]*src=)/);
  expect(sizes.reduce((sum, size) => sum + size, page.length)).toBeLessThan(200_000);
});

const schema = `create table customer (id int generated always as identity primary key, name text not null, city text);
  insert into customer (name, city) select 'name ' || n, 'city ' || n % 40 from generate_series(1, 20000) n;
  create table invoice (id int primary key, customer int references customer, cents int not null, paid boolean);
  insert into invoice select n, n % 20000 + 1, n * 7, n % 3 = 0 from generate_series(1, 120000) n;
  create table visit (at timestamptz default now(), what text)`;

/** Reads and writes by Teal's proxy for as long as it is not disposed of. */
async function client({ blue, port }: TealPlace): Promise<AsyncDisposable & { readonly failures: readonly unknown[] }> {
  const url = new URL(blue.url);
  url.port = String(port);
  const session = await waitFor({ what: 'the proxy to take clients', timeoutMs: 120_000 }, async () => {
    const candidate = new Client({ connectionString: url.href });
    return candidate.connect().then(
      () => candidate,
      () => undefined,
    );
  });
  const failures: unknown[] = [];
  const ended = new AbortController();
  const work = (async () => {
    for (let id = 1; !ended.signal.aborted; id = (id % 2_000) + 1) {
      await session.query('select name, city from customer where id = $1', [id]);
      await session.query('update invoice set cents = cents + 1 where id = $1', [id]);
      await sleep(20);
    }
  })().catch((error: unknown) => failures.push(error));
  return {
    failures,
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await work;
      await session.end();
    },
  };
}

/** As a stray session with the right to would, without its being seen as one. */
const spoil = `set session_replication_role = replica;
  select pg_replication_origin_create('spoiler'); select pg_replication_origin_session_setup('spoiler');
  update customer set city = 'CITY' where id between 100 and 130; delete from invoice where id between 90001 and 90007`;

/** As after three hours in which green grew: what is watched goes on from what was seen. */
async function grown({ folder }: TealPlace): Promise<void> {
  const now = Math.floor(nowMs() / minuteMs) * minuteMs;
  for (let back = 180; back > 0; back--) {
    const values = { 'live.lockWaits': 0, 'green.databaseBytes': 9e10 - back * 1e8 };
    await keepMinute(join(folder, '.teal', 'shop'), { atMs: now - back * minuteMs, values });
  }
}

test.skipIf(none !== undefined)(
  `a migration is begun, watched, approved, cut over, compared and rolled back from the page${none ?? ''}`,
  async () => {
    await using place = await tealPlace({
      schema,
      spec: 'shadow: { reads: 100%, for: 2s, atLeast: 20 }\ncutover: { gates: [{ lag: 5s }, { verify: full }, { person: dba }] }\nanomalies: { every: 1s, disk: { green: 100GB } }',
    });
    await grown(place);
    const loaded = loadSpec(place.file, place.env);
    const [viewer, boss] = [newToken(loaded, 'vera', ['view']), newToken(loaded, 'ada', ['operate', 'approve', 'cut'])];
    await using browser = await openBrowser();
    const { page } = browser;
    let port = 0;
    {
      await using api = await serving(place);
      port = Number(new URL(api.url).port);
      expect((await askApi(api.url, { path: '/' })).headers['content-security-policy']).toContain("script-src 'self'");

      await page.goto(api.url);
      await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
      await examine(page, 'sign-in');
      await page.getByLabel('Token').fill(viewer);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Nothing was begun yet' }).waitFor();
      expect(await page.getByRole('button', { name: 'Run the migration' }).isDisabled()).toBe(true);

      await go('Settings');
      await page.getByLabel('Token').fill(boss);
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.getByText('ada', { exact: true }).waitFor();
      await go('Plan');
      await page.getByRole('heading', { name: 'Cut over' }).waitFor();
      await examine(page, 'plan');

      await go('Overview');
      await page.getByRole('button', { name: 'Run the migration' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Run' }).click();
      await page.getByText('running', { exact: true }).waitFor();
      await using clients = await client(place);
      await page.getByRole('heading', { name: 'It waits for dba' }).waitFor({ timeout: 240_000 });
      await page.getByText('Nothing is out of the usual.').waitFor();
      await page.getByText('Disk of the database of green full').waitFor();
      await examine(page, 'waiting');

      await go('Gates');
      await page.getByRole('button', { name: 'Say yes' }).click();
      await page.getByLabel('A word about it').fill('after the release');
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
      await page.getByText('ada said yes').waitFor();
      await examine(page, 'gates');

      await go('Overview');
      await page.getByRole('button', { name: 'Cut over' }).click();
      const cut = page.getByRole('dialog');
      const confirm = cut.getByRole('button', { name: 'Cut over' });
      expect(await confirm.isDisabled()).toBe(true);
      await cut.getByLabel('Type shop').fill('shop');
      await picture(page, 'cutover');
      await confirm.click();
      await page.getByRole('heading', { name: 'Green is live' }).waitFor({ timeout: 180_000 });
      await examine(page, 'green');

      await place.query('blue', spoil);
      await go('Differences');
      await page.getByRole('button', { name: 'Compare both sides' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Compare' }).click();
      await page.getByText(/2 tables .*were not equal/).waitFor({ timeout: 180_000 });
      await page.getByRole('heading', { name: 'Rows are missing on blue' }).waitFor();
      await page.getByText('city (31)').waitFor();
      // All rows of one table and twenty of the other are shown with what repairs them: run by hand as it is, it does.
      await page.getByText('SQL for blue that repairs 20 of 31 rows of public.customer').click();
      await examine(page, 'differences');
      const shown = await page.locator('.repair code').filter({ hasText: 'begin;' }).allTextContents();
      expect(shown).toHaveLength(2);
      for (const sql of shown) await place.query('blue', sql);
      const again = JSON.parse((await place.teal('verify', '--json')).out) as { tables: Record<string, unknown>[] };
      expect(again.tables.filter(({ outcome }) => outcome !== 'equal')).toMatchObject([
        { table: 'public.customer', different: 11, missing: { blue: 0, green: 0 }, repair: { on: 'blue', of: 11 } },
      ]);
      await go('Tables');
      await page.getByText('differs').first().waitFor();
      await examine(page, 'tables');
      await go('Shadow');
      await page.getByText('none has another answer on green').waitFor();
      await examine(page, 'shadow');
      await go('Canary');
      await page.getByText('The file asks for none').waitFor();
      expect(await place.teal('verify', '--fix')).toMatchObject({ code: 0 });

      await go('Overview');
      await page.getByRole('button', { name: 'Roll back' }).click();
      await page.getByLabel('Why').fill('p99 doubled');
      await page.getByLabel('Type shop').fill('shop');
      await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
      await page.locator('.brand-live', { hasText: 'blue' }).waitFor({ timeout: 180_000 });
      await page.getByRole('heading', { name: 'It waits for dba' }).waitFor({ timeout: 180_000 });
      await go('Journal');
      await page.getByText('ada rolled back: p99 doubled').waitFor();
      await examine(page, 'journal');
      await go('Settings');
      await examine(page, 'settings');
      await go('Overview');
      expect(clients.failures).toEqual([]);
      const exit = once(api.child, 'exit');
      api.child.kill('SIGKILL');
      await exit;
    }

    // Nobody tells anything any more: nothing passes for how it is now, and nothing can be asked for.
    await page.getByText(/No word since/).waitFor();
    expect(await page.getByRole('button', { name: 'Say yes' }).isDisabled()).toBe(true);
    await picture(page, 'silent');
    await using _again = await serving(place, `127.0.0.1:${port}`);
    await page.getByText('Up to date').waitFor();
    expect(await page.getByText(/No word since/).count()).toBe(0);
    expect(browser.complaints).toEqual([]);

    async function go(name: string): Promise<void> {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
    }
  },
);
