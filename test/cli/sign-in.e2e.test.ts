import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { migrationsSchema } from '../../src/server/page-schemas.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { CookieBrowser } from '../support/cookie-browser.ts';
import { startProvider } from '../support/oidc-provider.ts';
import { serving } from '../support/serving.ts';
import { runNode } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const specOf = (name: string): string => `teal: 1
name: ${name}
blue: { url: "postgres://127.0.0.1:1/${name}" }
green: { url: "postgres://127.0.0.1:2/${name}" }
`;

test('`teal serve` as a user starts it: two files, a provider, and a person who signs in', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'teal-sign-in-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  for (const name of ['shop', 'stock']) await writeFile(join(folder, `${name}.yaml`), specOf(name));
  const port = await freePort();
  const provider = stack.use(await startProvider({ redirectUri: `http://127.0.0.1:${port}/auth/callback` }));
  provider.accounts.set('u-ada', { name: 'Ada L', people: { teams: ['dba'] } });
  const { PATH = '', NODE_COMPILE_CACHE: compiled } = process.env;
  const env = {
    PATH,
    HOME: folder,
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
    TEAL_OIDC_SECRET: provider.clientSecret,
  };
  const files = ['-f', 'shop.yaml', '-f', 'stock.yaml'];
  const oidc = ['--oidc-issuer', provider.issuer, '--oidc-client-id', provider.clientId];
  const roles = ['--oidc-role', 'view=all', '--oidc-role', 'operate=dba', '--oidc-roles-claim', 'people.teams'];
  const options = [...files, ...oidc, ...roles, '--oidc-name-claim', 'name', '--oidc-session', '30m'];
  const api = stack.use(await serving({ folder, env }, `127.0.0.1:${port}`, ...options));

  const browser = new CookieBrowser();
  const picking = await browser.go(`${api.url}/auth/sign-in`);
  await browser.go(`${picking.url.href}/u-ada`);
  const caller = await browser.ask(`${api.url}/api/v1/caller`);
  expect(caller.json).toMatchObject({
    name: `Ada L via ${new URL(provider.issuer).host}`,
    roles: ['operate'],
    migrations: ['shop', 'stock'],
  });
  const { untilIso } = (caller.json as { readonly session: { readonly untilIso: string } }).session;
  expect(Date.parse(untilIso) - Date.now()).toBeLessThanOrEqual(30 * 60_000);
  const list = migrationsSchema.parse((await browser.ask(`${api.url}/api/v1/migrations`)).json);
  expect(list.migrations.map(({ name, begun, problem }) => [name, begun, problem])).toEqual([
    ['shop', false, undefined],
    ['stock', false, undefined],
  ]);

  const exit = once(api.child, 'exit');
  api.child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  expect(api.said()).toContain('"subject":"u-ada"');
  expect(api.said()).not.toContain(provider.clientSecret);

  const wrong = await runNode(folder, env, tealMain, 'serve', ...files, ...oidc);
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('TEAL-SERVER-036') as string]);
});
