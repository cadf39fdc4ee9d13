import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { newToken, serveApi } from '../../src/app/serve-api.ts';
import type { JournalEvent } from '../../src/journal/events.ts';
import { openJournal, openJournalReader } from '../../src/journal/journal.ts';
import { runStarted } from '../../src/journal/test-support/events.ts';
import { buildConsole, consoleDist } from '../../tools/build-console.ts';
import { whyNoChromium } from '../../tools/servers/chromium.ts';
import { examine, openBrowser } from './browser.ts';

const none = await whyNoChromium();

beforeAll(() => {
  if (!existsSync(join(consoleDist, 'index.html'))) buildConsole();
});

const specOf = (name: string): string => `teal: 1
name: ${name}
stateDir: ./state-${name}
blue: { url: "postgres://127.0.0.1:1/${name}" }
green: { url: "postgres://127.0.0.1:2/${name}" }
cutover: { gates: [{ person: dba }] }
`;
const cut = { cut: 'e1a1', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 } as const;

test.skipIf(none !== undefined)(
  `several migrations are told on one page, and each is looked at and acted on by itself${none ?? ''}`,
  async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'teal-several-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const begun = async (name: string, ...events: readonly JournalEvent[]): Promise<string> => {
      const file = join(folder, `${name}.yaml`);
      await writeFile(file, specOf(name));
      const { stateDir } = loadSpec(file, {});
      await mkdir(stateDir, { recursive: true });
      using journal = openJournal(stateDir);
      journal.append(runStarted, ...events);
      return stateDir;
    };
    const shop = await begun('shop');
    const stock = await begun(
      'stock',
      { type: 'cutIntended', ...cut },
      { type: 'cutDecided', cut: 'e1a1', position: 'epoch 1' },
      { type: 'cutFinished', cut: 'e1a1', facts: { pauseMs: 5 } },
    );
    await writeFile(join(folder, 'wrong.yaml'), 'teal: 1\nname: wrong\nblue: {}\n');
    const token = newToken(loadSpec(join(folder, 'shop.yaml'), {}), 'ada', ['approve']);
    const options = { env: {}, listen: '127.0.0.1:0', names: [], log: () => undefined };
    const api = stack.use(await serveApi({ ...options, file: folder }));
    const browser = stack.use(await openBrowser());
    const { page } = browser;
    const callsIn = (stateDir: string): number => {
      using reader = openJournalReader(stateDir);
      reader.refresh();
      return reader.records().filter(({ event }) => event.type === 'callAccepted').length;
    };

    await page.goto(api.url);
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Migrations' }).waitFor();
    await page.getByRole('heading', { name: 'wrong.yaml' }).waitFor();
    await page.getByText('TEAL-SPEC-002').waitFor();
    expect(await page.getByRole('article').filter({ hasText: 'stock' }).locator('.side').textContent()).toBe('green');
    expect(await page.getByRole('article').filter({ hasText: 'shop' }).locator('.side').textContent()).toBe('blue');
    await page.getByText('Up to date').waitFor();
    await examine(page, 'migrations');

    await page.getByRole('link', { name: 'shop', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    expect(await page.locator('.brand-name').textContent()).toBe('shop');
    await page.locator('.brand-live', { hasText: 'blue' }).waitFor();
    expect(page.url()).toContain('#/of/shop/');
    await page.getByRole('navigation').getByRole('link', { name: 'Gates' }).click();
    await page.getByRole('button', { name: 'Say yes' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
    await page.getByText('ada said yes').waitFor();
    expect([callsIn(shop), callsIn(stock)]).toEqual([1, 0]);

    // Straight to the same page of the other one: nothing of the first is left on it.
    await page.evaluate(`location.hash = '#/of/stock/gates'`);
    await page.locator('.brand-name', { hasText: 'stock' }).waitFor();
    await page.locator('.brand-live', { hasText: 'green' }).waitFor();
    expect(await page.getByText('ada said yes').count()).toBe(0);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Gates' }).waitFor();
    await page.locator('.brand-name', { hasText: 'stock' }).waitFor();

    await page.getByRole('navigation').getByRole('link', { name: 'All migrations' }).click();
    await page.getByRole('link', { name: 'wrong.yaml' }).click();
    await page.getByText('Not connected.').waitFor();
    // It is mended while somebody looks.
    await begun('wrong');
    await page.getByRole('navigation').getByRole('link', { name: 'All migrations' }).click();
    await page.getByRole('link', { name: 'wrong', exact: true }).click();
    await page.locator('.brand-live', { hasText: 'blue' }).waitFor();

    await page.getByRole('navigation').getByRole('link', { name: 'All migrations' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Settings' }).click();
    await page.getByText('ada', { exact: true }).waitFor();
    expect(browser.complaints).toEqual([]);
  },
);
