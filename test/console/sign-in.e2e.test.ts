import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { serveApi } from '../../src/app/serve-api.ts';
import { openJournal, openJournalReader } from '../../src/journal/journal.ts';
import { runStarted } from '../../src/journal/test-support/events.ts';
import { buildConsole, consoleDist } from '../../tools/build-console.ts';
import { whyNoChromium } from '../../tools/servers/chromium.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { startProvider } from '../support/oidc-provider.ts';
import { examine, openBrowser } from './browser.ts';

const none = await whyNoChromium();

beforeAll(() => {
  if (!existsSync(join(consoleDist, 'index.html'))) buildConsole();
});

/** The systems are not asked: who may come in is the same whether they answer. */
const spec = `teal: 1
name: shop
blue: { url: "postgres://127.0.0.1:1/shop" }
green: { url: "postgres://127.0.0.1:2/shop" }
cutover: { gates: [{ person: dba }] }
`;

test.skipIf(none !== undefined)(
  `a person signs in at a provider of another site, says yes under an own name, signs out${none ?? ''}`,
  async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'teal-sign-in-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    await writeFile(file, spec);
    const { stateDir } = loadSpec(file, {});
    await mkdir(stateDir, { recursive: true });
    {
      using journal = openJournal(stateDir);
      journal.append(runStarted);
    }
    const port = await freePort();
    const provider = stack.use(await startProvider({ redirectUri: `http://127.0.0.1:${port}/auth/callback` }));
    provider.accounts.set('u-ada', { email: 'ada@example.org', email_verified: true, groups: ['leads'] });
    provider.accounts.set('u-eve', { email: 'eve@example.org', email_verified: true, groups: ['chess'] });
    const { issuer, clientId, clientSecret } = provider;
    const { host } = new URL(issuer);
    const api = stack.use(
      await serveApi({
        file,
        env: {},
        listen: `127.0.0.1:${port}`,
        names: [],
        log: () => undefined,
        oidc: { issuer, clientId, clientSecret, roles: ['approve=leads', 'cut=leads'] },
      }),
    );
    const browser = stack.use(await openBrowser());
    const { page } = browser;
    const wayIn = page.getByRole('link', { name: `Sign in with ${host}` });

    await page.goto(`${api.url}/#/gates`);
    await wayIn.waitFor();
    await examine(page, 'sign-in-provider');
    await wayIn.click();
    await page.getByRole('link', { name: 'u-ada' }).click();
    // Back at the page that was looked at.
    await page.getByRole('heading', { level: 1, name: 'Gates' }).waitFor();
    await page.getByRole('button', { name: 'Say yes' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
    const name = `ada@example.org via ${host}`;
    await page.getByText(`${name} said yes`).waitFor();
    {
      using reader = openJournalReader(stateDir);
      reader.refresh();
      const calls = reader.records().map(({ event }) => event);
      expect(calls).toContainEqual({
        type: 'callAccepted',
        by: name,
        role: 'approve',
        call: 'approve cutover.gates[0]',
      });
    }
    // No script can read what lets the browser in.
    expect(await page.evaluate('document.cookie')).toBe('');

    await page.reload();
    await page.getByText('Up to date').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Settings' }).click();
    await page.getByText(name, { exact: true }).waitFor();
    await examine(page, 'settings-signed-in');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
    expect((await page.context().cookies(api.url)).map(({ name: cookie }) => cookie)).toEqual([]);

    await page.context().clearCookies({ domain: 'localhost' });
    await wayIn.click();
    await page.getByRole('link', { name: 'u-eve' }).click();
    await page.getByRole('heading', { name: 'The person has no role here' }).waitFor();
    await examine(page, 'not-signed-in');
    await page.getByRole('link', { name: 'Back to the console' }).click();
    await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
    expect(browser.complaints).toEqual([]);
  },
);
