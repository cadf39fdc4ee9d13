import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CookieBrowser, type Visited } from '../../test/support/cookie-browser.ts';
import { makeCertificates } from '../../test/support/certificates.ts';
import { startProvider, type TestProvider, type TestProviderOptions } from '../../test/support/oidc-provider.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { openJournal, openJournalReader } from '../journal/journal.ts';
import { runStarted } from '../journal/test-support/events.ts';
import { problemSchema } from '../server/problems.ts';
import type { SignInOptions } from '../server/sign-in/settings.ts';
import { clientSecretOf } from './api-access.ts';
import { loadSpec } from './load-spec.ts';
import { newToken, serveApi, type ServeApiOptions, type ServedApi } from './serve-api.ts';
import { openApiAnswer } from './test-support/ask-api.ts';

const env = {
  PATH: process.env['PATH'] ?? '',
  BLUE_URL: 'postgres://127.0.0.1:1/shop',
  GREEN_URL: 'postgres://127.0.0.1:2/shop',
};
const spec = `teal: 1
name: shop
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
cutover: { gates: [{ person: dba }] }
`;
const gate = 'cutover.gates[0]';

let folder = '';
let file = '';
let stateDir = '';
let logged: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-sign-in-'));
  file = join(folder, 'teal.yaml');
  writeFileSync(file, spec);
  ({ stateDir } = loadSpec(file, env));
  mkdirSync(stateDir, { recursive: true });
  using journal = openJournal(stateDir);
  journal.append(runStarted);
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Place extends AsyncDisposable {
  readonly api: ServedApi;
  readonly provider: TestProvider;
  readonly browser: CookieBrowser;
}

interface Asked {
  readonly oidc?: Partial<SignInOptions>;
  readonly api?: Partial<ServeApiOptions>;
  readonly provider?: Partial<TestProviderOptions>;
}

/** An API that people sign in to by a real provider, and a browser. Ada is a leader, Bob looks, Eve is known and has no role. */
async function place(asked: Asked = {}): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const port = await freePort();
  const redirectUri = `${asked.api?.publicUrl ?? `http://127.0.0.1:${port}`}/auth/callback`;
  const provider = stack.use(await startProvider({ redirectUri, ...asked.provider }));
  provider.accounts.set('u-ada', { email: 'ada@example.org', email_verified: true, groups: ['leads', 'all'] });
  provider.accounts.set('u-bob', { email: 'bob@example.org', email_verified: true, groups: ['all'] });
  provider.accounts.set('u-eve', { email: 'eve@example.org', email_verified: true, groups: ['chess'] });
  const { issuer, clientId, clientSecret } = provider;
  const api = stack.use(
    await serveApi({
      file,
      env,
      listen: `127.0.0.1:${port}`,
      names: [],
      log: (event, facts) => logged.push(`${event} ${JSON.stringify(facts)}`),
      oidc: {
        issuer,
        clientId,
        clientSecret,
        roles: ['view=all', 'approve=leads', 'cut=leads'],
        ...asked.oidc,
      },
      ...asked.api,
    }),
  );
  const kept = stack.move();
  return { api, provider, browser: new CookieBrowser(), [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** As a person does: from the page of the console to the provider, picks who it is, and comes back. `meddle` changes where the provider sends the browser. */
async function signIn({ api, browser }: Place, sub: string, meddle: (at: URL) => URL = (at) => at): Promise<Visited> {
  const picking = await browser.go(`${api.url}/auth/sign-in`);
  expect(picking.text, picking.text).toContain('<h1>Sign in</h1>');
  const own = new URL(api.url).host;
  const back = await browser.go(`${picking.url.href}/${sub}`, (at) => at.host === own);
  return browser.go(meddle(back.url));
}

const sessionOf = (browser: CookieBrowser, host = '127.0.0.1'): string | undefined =>
  [...(browser.cookies.get(host) ?? [])].find(([name]) => name.includes('session'))?.[1];
const codeOf = (answer: Visited): string => problemSchema.parse(answer.json).code;
const codeOnPage = ({ text: page }: Visited): string | undefined => /TEAL-SERVER-\d{3}/.exec(page)?.[0];

describe('a person', () => {
  test('signs in at the provider, does what the groups are for under an own name, and signs out', async () => {
    await using here = await place();
    const { api, browser } = here;
    // Nobody is anybody where people can sign in.
    expect(codeOf(await browser.ask(`${api.url}/api/v1/caller`))).toBe('TEAL-SERVER-004');
    const ways = await browser.ask(`${api.url}/api/v1/sign-in`);
    expect(ways.json).toEqual({ provider: new URL(here.provider.issuer).host });

    const home = await signIn(here, 'u-ada');
    expect([home.status, home.url.href]).toEqual([home.status, `${api.url}/`]);
    const name = `ada@example.org via ${new URL(here.provider.issuer).host}`;
    const caller = await browser.ask(`${api.url}/api/v1/caller`);
    expect(caller.json).toMatchObject({ name, roles: ['view', 'approve', 'cut'], migration: 'shop' });
    expect((await browser.ask(`${api.url}/api/v1/migration`)).status).toBe(200);

    const yes = { method: 'POST', headers: { origin: api.url }, body: { gate, comment: 'after the release' } };
    expect((await browser.ask(`${api.url}/api/v1/approvals`, yes)).status).toBe(201);
    {
      using reader = openJournalReader(stateDir);
      reader.refresh();
      const events = reader.records().map(({ event }) => event);
      expect(events.slice(-2)).toEqual([
        { type: 'callAccepted', by: name, role: 'approve', call: `approve ${gate}` },
        { type: 'approvalGiven', by: name, for: gate, comment: 'after the release' },
      ]);
    }
    // `operate` is for nobody here.
    const verify = {
      method: 'POST',
      headers: { origin: api.url, 'idempotency-key': 'key-00001' },
      body: { command: 'verify' },
    };
    expect(codeOf(await browser.ask(`${api.url}/api/v1/commands`, verify))).toBe('TEAL-SERVER-005');

    const secret = sessionOf(browser) ?? '';
    const out = await browser.ask(`${api.url}/api/v1/sign-out`, { method: 'POST', headers: { origin: api.url } });
    expect([out.status, out.json, sessionOf(browser)]).toEqual([200, { ended: true }, undefined]);
    // Whoever has kept the cookie has nothing.
    const stale = await browser.ask(`${api.url}/api/v1/caller`, {
      headers: { cookie: `${cookieName(api)}=${secret}` },
    });
    expect([stale.status, codeOf(stale)]).toEqual([401, 'TEAL-SERVER-030']);
    const said = logged.join('\n');
    expect(said).toContain('"subject":"u-ada"');
    for (const hidden of [secret, here.provider.clientSecret]) expect(said).not.toContain(hidden);
  });

  test('whose groups are told at the userinfo endpoint alone has the same roles', async () => {
    await using here = await place({ provider: { isTokenWhole: false } });
    await signIn(here, 'u-bob');
    const caller = await here.browser.ask(`${here.api.url}/api/v1/caller`);
    expect(caller.json).toMatchObject({
      name: expect.stringContaining('bob@example.org via ') as string,
      roles: ['view'],
    });
    const yes = { method: 'POST', headers: { origin: here.api.url }, body: { gate } };
    expect(codeOf(await here.browser.ask(`${here.api.url}/api/v1/approvals`, yes))).toBe('TEAL-SERVER-005');
  });

  test('over TLS has a cookie that no other host and no plain connection can set', async () => {
    await using made = await makeCertificates();
    const [tlsCert, tlsKey] = [join(folder, 's.crt'), join(folder, 's.key')];
    writeFileSync(tlsCert, made.server.certificate);
    writeFileSync(tlsKey, made.server.key, { mode: 0o600 });
    const port = await freePort();
    const publicUrl = `https://127.0.0.1:${port}`;
    await using here = await place({ api: { listen: `0.0.0.0:${port}`, publicUrl, tlsCert, tlsKey } });
    const browser = new CookieBrowser(readFileSync(made.authorityFile, 'utf8'));
    const begun = await browser.ask(`${publicUrl}/auth/sign-in`);
    expect(begun.headers['set-cookie']?.[0]).toMatch(
      /^__Host-teal-sign-in-[0-9a-f]{8}=[\w-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const secured = { ...here, api: { ...here.api, url: publicUrl }, browser };
    await signIn(secured, 'u-ada');
    expect((await browser.ask(`${publicUrl}/api/v1/caller`)).status).toBe(200);
    expect([...(browser.cookies.get('127.0.0.1') ?? []).keys()]).toEqual([cookieName({ url: publicUrl }, '__Host-')]);
  });

  test('whose session is over is told so, and what is followed ends with it', async () => {
    await using here = await place();
    await signIn(here, 'u-ada');
    const { api, browser } = here;
    const cookie = `${cookieName(api)}=${sessionOf(browser)}`;
    const stream = await openApiAnswer(api.url, { path: '/api/v1/events', headers: { cookie } });
    const heard = text(stream);
    await browser.ask(`${api.url}/api/v1/sign-out`, { method: 'POST', headers: { origin: api.url } });
    expect(await heard).toContain('retry: 2000');
    const after = await browser.ask(`${api.url}/api/v1/caller`, { headers: { cookie } });
    expect([after.status, codeOf(after)]).toEqual([401, 'TEAL-SERVER-030']);
  });

  test('has what a token has not: and a token goes on beside it', async () => {
    const token = newToken(loadSpec(file, env), 'prometheus', ['view']);
    await using here = await place();
    await signIn(here, 'u-ada');
    const { api, browser } = here;
    const asked = await browser.ask(`${api.url}/api/v1/caller`, { token });
    expect(asked.json).toMatchObject({ name: 'prometheus', roles: ['view'] });
    // A wrong token is not made good by a session.
    expect(codeOf(await browser.ask(`${api.url}/api/v1/caller`, { token: 'teal_none' }))).toBe('TEAL-SERVER-004');
    const out = await browser.ask(`${api.url}/api/v1/sign-out`, { method: 'POST', token });
    expect(out.json).toEqual({ ended: false });
  });
});

/** The name of the cookie of a session, as the address of the console makes it. */
function cookieName({ url }: Pick<ServedApi, 'url'>, prefix = ''): string {
  return `${prefix}teal-session-${createHash('sha256').update(new URL(url).href).digest('hex').slice(0, 8)}`;
}

describe('nobody is signed in', () => {
  const refused = async (here: Place, answer: Visited, code: string): Promise<void> => {
    expect(codeOnPage(answer), answer.text).toBe(code);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(sessionOf(here.browser)).toBeUndefined();
    expect((await here.browser.ask(`${here.api.url}/api/v1/caller`)).status).toBe(401);
    expect(logged.join('\n')).toContain(`"code":"${code}"`);
  };
  const withIn =
    (name: string, value: string | undefined) =>
    (at: URL): URL => {
      const next = new URL(at);
      if (value === undefined) next.searchParams.delete(name);
      else next.searchParams.set(name, value);
      return next;
    };

  test.each([
    ['another state', 'TEAL-SERVER-033', withIn('state', 'another')],
    ['no state', 'TEAL-SERVER-033', withIn('state', undefined)],
    ['a code that the provider has not given', 'TEAL-SERVER-032', withIn('code', 'another')],
    ['the name of another issuer', 'TEAL-SERVER-034', withIn('iss', 'https://evil.example')],
  ])('with %s', async (_, code, meddle) => {
    await using here = await place();
    await refused(here, await signIn(here, 'u-ada', meddle), code);
  });

  test('in a browser that has begun nothing: a link with a code of somebody else', async () => {
    await using here = await place();
    const own = new URL(here.api.url).host;
    const picking = await here.browser.go(`${here.api.url}/auth/sign-in`);
    const back = await here.browser.go(`${picking.url.href}/u-ada`, (at) => at.host === own);
    const victim = { ...here, browser: new CookieBrowser() };
    await refused(victim, await victim.browser.go(back.url), 'TEAL-SERVER-033');
    // And a code is good once.
    await here.browser.go(back.url);
    expect(codeOnPage(await here.browser.go(back.url))).toBe('TEAL-SERVER-033');
  });

  test('whom the provider does not let', async () => {
    await using here = await place();
    await refused(here, await signIn(here, 'nobody'), 'TEAL-SERVER-032');
    expect(logged.join('\n')).toContain('access_denied');
  });

  test('who has no role here, and the log says what the provider said', async () => {
    await using here = await place();
    await refused(here, await signIn(here, 'u-eve'), 'TEAL-SERVER-035');
    expect(logged.join('\n')).toContain('(u-eve) is known as: chess');
  });

  test('where the secret of the client is wrong', async () => {
    await using here = await place({ oidc: { clientSecret: 'another' } });
    await refused(here, await signIn(here, 'u-ada'), 'TEAL-SERVER-032');
    expect(logged.join('\n')).toContain('invalid_client');
  });

  const seconds = (): number => Math.floor(Date.now() / 1_000);
  test.each<[string, Record<string, () => unknown>]>([
    ['of another sign-in', { nonce: () => 'another' }],
    ['without what it was asked for', { nonce: () => undefined }],
    ['for another application', { aud: () => 'another' }],
    ['of another issuer', { iss: () => 'https://evil.example' }],
    ['whose time is over', { exp: () => seconds() - 90 }],
    ['of a time to come', { iat: () => seconds() + 90, nbf: () => seconds() + 90 }],
    ['of nobody', { sub: () => undefined }],
  ])('by a token %s', async (_, lies) => {
    await using here = await place();
    here.provider.lie = (claims) => ({
      ...claims,
      ...Object.fromEntries(Object.entries(lies).map(([name, make]) => [name, make()])),
    });
    await refused(here, await signIn(here, 'u-ada'), 'TEAL-SERVER-034');
  });

  test('by a token that another key has signed', async () => {
    await using here = await place();
    here.provider.forges = true;
    await refused(here, await signIn(here, 'u-ada'), 'TEAL-SERVER-034');
  });

  test('where the provider does not answer; who is signed in stays so, and tokens go on', async () => {
    const token = newToken(loadSpec(file, env), 'ops', ['view']);
    await using here = await place();
    await signIn(here, 'u-ada');
    const other = { ...here, browser: new CookieBrowser() };
    const picking = await other.browser.go(`${here.api.url}/auth/sign-in`);
    const own = new URL(here.api.url).host;
    const back = await other.browser.go(`${picking.url.href}/u-bob`, (at) => at.host === own);
    await here.provider.stop();
    await refused(other, await other.browser.go(back.url), 'TEAL-SERVER-031');
    expect((await here.browser.ask(`${here.api.url}/api/v1/caller`)).status).toBe(200);
    expect((await other.browser.ask(`${here.api.url}/api/v1/caller`, { token })).status).toBe(200);
  });
});

test('clocks may be a minute apart', async () => {
  await using here = await place();
  here.provider.lie = (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1_000) - 30 });
  await signIn(here, 'u-ada');
  expect((await here.browser.ask(`${here.api.url}/api/v1/caller`)).status).toBe(200);
});

test('the API is served without its provider, says so, and takes people once it answers', async () => {
  const port = await freePort();
  await using here = await place({ oidc: { issuer: `http://localhost:${port}` } });
  await expect.poll(() => logged.join('\n')).toContain('nobody can sign in');
  const begun = await here.browser.go(`${here.api.url}/auth/sign-in`);
  expect([begun.status, codeOnPage(begun)]).toEqual([503, 'TEAL-SERVER-031']);
  await using late = await startProvider({ redirectUri: `${here.api.url}/auth/callback`, port });
  late.accounts.set('u-bob', { email: 'bob@example.org', groups: ['all'] });
  await signIn({ ...here, provider: late }, 'u-bob');
  expect((await here.browser.ask(`${here.api.url}/api/v1/caller`)).json).toMatchObject({ roles: ['view'] });
});

test('a session is over after its time, whatever is done in it', async () => {
  await using here = await place({ oidc: { sessionMs: 90 * 60_000 } });
  await signIn(here, 'u-ada');
  const codeNow = async (): Promise<string | number> => {
    const answer = await here.browser.ask(`${here.api.url}/api/v1/caller`);
    return answer.status === 200 ? 200 : codeOf(answer);
  };
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const began = Date.now();
    for (const minutes of [50, 89]) {
      vi.setSystemTime(began + minutes * 60_000);
      expect(await codeNow()).toBe(200);
    }
    vi.setSystemTime(began + 90 * 60_000);
    expect(await codeNow()).toBe('TEAL-SERVER-030');
  } finally {
    vi.useRealTimers();
  }
});

test('one that calls itself by another name is not the one that was asked for', async () => {
  await using here = await place({ oidc: {} });
  const { port } = new URL(here.provider.issuer);
  await using other = await place({ oidc: { issuer: `http://127.0.0.1:${port}` } });
  const begun = await other.browser.go(`${other.api.url}/auth/sign-in`);
  expect([begun.status, codeOnPage(begun)]).toEqual([503, 'TEAL-SERVER-031']);
});

describe('a page of another site', () => {
  test('can do nothing with the session of whoever looks at it', async () => {
    await using here = await place();
    await signIn(here, 'u-ada');
    const { api, browser } = here;
    const yes = async (headers: Record<string, string>): Promise<string | number> => {
      const answer = await browser.ask(`${api.url}/api/v1/approvals`, { method: 'POST', body: { gate }, headers });
      return answer.status < 300 ? answer.status : codeOf(answer);
    };
    expect(await yes({ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })).toBe('TEAL-SERVER-006');
    expect(await yes({ origin: 'https://evil.example' })).toBe('TEAL-SERVER-006');
    expect(await yes({ origin: 'null' })).toBe('TEAL-SERVER-006');
    expect(await yes({ origin: `http://127.0.0.1:1`, 'sec-fetch-site': 'same-site' })).toBe('TEAL-SERVER-006');
    // One that says nothing is no browser's: a session is for browsers.
    expect(await yes({ 'sec-fetch-site': 'none' })).toBe('TEAL-SERVER-006');
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { host: 'evil.example' }]) {
      expect(codeOf(await browser.ask(`${api.url}/api/v1/migration`, { headers }))).toBe('TEAL-SERVER-006');
      expect(codeOf(await browser.ask(`${api.url}/auth/sign-in`, { headers }))).toBe('TEAL-SERVER-006');
    }
    const framed = await browser.ask(`${api.url}/auth/callback?code=1&state=1`, {
      headers: { 'sec-fetch-dest': 'iframe' },
    });
    expect(codeOnPage(framed)).toBe('TEAL-SERVER-006');
    expect(await yes({ origin: api.url })).toBe(201);
  });

  test('cannot have the provider asked on and on', async () => {
    await using here = await place();
    const tries = Array.from({ length: 40 }, async () =>
      here.browser.ask(`${here.api.url}/auth/callback?code=1&state=1`),
    );
    const codes = new Set((await Promise.all(tries)).map(codeOnPage));
    expect(codes).toEqual(new Set(['TEAL-SERVER-033', 'TEAL-SERVER-007']));
  });
});

test('a program that asks with an old token does not lock out who signs in from there', async () => {
  await using here = await place();
  const { api, browser } = here;
  const tries = Array.from({ length: 40 }, async () => browser.ask(`${api.url}/api/v1/caller`, { token: 'teal_old' }));
  expect((await Promise.all(tries)).map(codeOf)).toContain('TEAL-SERVER-007');
  await signIn(here, 'u-ada');
  expect((await browser.ask(`${api.url}/api/v1/caller`)).status).toBe(200);
});

test('what cannot be kept apart from others is not served', async () => {
  const oidc = { issuer: 'https://login.example.org', clientId: 'teal', roles: ['view=all'] };
  const serve = async (more: Partial<ServeApiOptions>): Promise<ServedApi> =>
    serveApi({ file, env, listen: '127.0.0.1:7480', names: [], log: () => undefined, oidc, ...more });
  await expect(serve({ listen: '0.0.0.0:7480' })).rejects.toThrow(/TEAL-SERVER-036.*--public-url/);
  await expect(serve({ listen: '[::]:7480' })).rejects.toThrow(/TEAL-SERVER-036.*--public-url/);
  await expect(serve({ listen: '127.0.0.1:0' })).rejects.toThrow(/TEAL-SERVER-036.*--public-url/);
  await expect(serve({ listen: '10.0.0.7:7480' })).rejects.toThrow(/TEAL-SERVER-036.*neither https/);
  await expect(serve({ publicUrl: 'teal.example.org' })).rejects.toThrow(/TEAL-SERVER-036.*is not a URL/);
  expect(() => clientSecretOf(join(folder, 'none'), {})).toThrow(/TEAL-SERVER-036/);
  writeFileSync(join(folder, 'secret'), 'of a file\n');
  expect(clientSecretOf(join(folder, 'secret'), { TEAL_OIDC_SECRET: 'of the environment' })).toBe('of a file');
  expect(clientSecretOf(undefined, { TEAL_OIDC_SECRET: 'of the environment' })).toBe('of the environment');
});
