import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { problemSchema } from '../server/problems.ts';
import { healthOf } from './gates-of.ts';
import { keepAlerts, readAlerts } from './kept-alerts.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { newToken, serveApi, type ServedApi } from './serve-api.ts';
import { watchSoak } from './soak-watch.ts';
import { askApi, type ApiAnswer } from './test-support/ask-api.ts';

const env = { PATH: process.env['PATH'] ?? '' };
const path = '/api/v1/alerts';
const specOf = (name: string): string => `teal: 1
name: ${name}
stateDir: ./state-${name}
blue: { url: "postgres://127.0.0.1:1/${name}" }
green: { url: "postgres://127.0.0.1:2/${name}" }
soak: { every: 500ms, failures: 2, health: [{ alert: GreenErrors }] }
`;

let folder = '';
let logged: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-alerts-'));
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function loadedOf(name: string): LoadedSpec {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, specOf(name));
  return loadSpec(file, env);
}

async function served(...files: readonly string[]): Promise<ServedApi> {
  const log = (event: string, facts: Readonly<Record<string, unknown>>): number =>
    logged.push(`${event} ${JSON.stringify(facts)}`);
  return serveApi({ file: files, env, listen: '127.0.0.1:0', names: [], log });
}

const group = (status: 'firing' | 'resolved', ...names: readonly string[]): unknown => ({
  version: '4',
  status,
  alerts: names.map((alertname) => ({
    status,
    labels: { alertname, customer: 'planted' },
    annotations: { summary: 'planted' },
    startsAt: '2026-11-30T02:00:00Z',
    endsAt: '0001-01-01T00:00:00Z',
  })),
});
const codeOf = (answer: ApiAnswer): string => problemSchema.parse(answer.json).code;

test('a token for alerts tells of alerts, and does nothing else', async () => {
  const loaded = loadedOf('shop');
  const [alert, reader, both] = [
    newToken(loaded, 'alertmanager', ['alert']),
    newToken(loaded, 'ada', ['view', 'operate', 'approve', 'cut']),
    newToken(loaded, 'bob', ['alert', 'view']),
  ];
  await using api = await served(loaded.file);
  const tell = async (token: string | undefined, body = group('firing', 'GreenErrors')): Promise<ApiAnswer> =>
    askApi(api.url, { method: 'POST', path, body, ...(token === undefined ? {} : { token }) });
  expect(codeOf(await tell(undefined))).toBe('TEAL-SERVER-004');
  expect(codeOf(await tell(reader))).toBe('TEAL-SERVER-005');
  expect(readAlerts(loaded.stateDir).alerts).toEqual([]);
  expect((await tell(alert)).json).toEqual({ taken: 1 });
  for (const read of ['/api/v1/migration', '/api/v1/caller', '/api/v1/journal', '/metrics', path, '/none']) {
    expect([read, codeOf(await askApi(api.url, { path: read, token: alert }))]).toEqual([read, 'TEAL-SERVER-005']);
  }
  for (const act of ['/api/v1/commands', '/api/v1/approvals', '/api/v1/migrations/shop/commands']) {
    const answer = await askApi(api.url, { method: 'POST', path: act, token: alert, body: {} });
    expect([act, codeOf(answer)]).toEqual([act, 'TEAL-SERVER-005']);
  }
  expect((await askApi(api.url, { path: '/api/v1/caller', token: both })).status).toBe(200);
  expect((await tell(both)).status).toBe(200);
});

test('what is told is kept, privately and without values of labels, and logged only when it changes', async () => {
  const loaded = loadedOf('shop');
  const token = newToken(loaded, 'alertmanager', ['alert']);
  await using api = await served(loaded.file);
  const tell = async (body: unknown): Promise<number> =>
    (await askApi(api.url, { method: 'POST', path, token, body })).status;
  const notices = Array.from({ length: 8 }, async (_, n) => tell(group('firing', `A${n}`, 'Watchdog')));
  expect(await Promise.all(notices)).toEqual(Array.from({ length: 8 }, () => 200));
  expect(readAlerts(loaded.stateDir).alerts).toHaveLength(9);
  const many = Array.from({ length: 300 }, (_, n) => `alert-with-a-long-name-${n}`);
  expect(await tell(group('resolved', ...many))).toBe(200);
  const file = join(loaded.stateDir, 'alerts.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8') + logged.join('\n')).not.toContain('planted');
  const lines = (): number => logged.filter((line) => line.startsWith('alerts ')).length;
  const before = lines();
  await tell(group('firing', 'Watchdog'));
  expect(lines()).toBe(before);
  await tell({ source: 'datadog', alert: '1234', transition: 'Triggered', scope: 'env:prod' });
  expect(lines()).toBe(before + 1);
  expect(readAlerts(loaded.stateDir).heard).toHaveProperty('datadog');
});

test('what is no notice, or too long, is refused', async () => {
  const loaded = loadedOf('shop');
  const token = newToken(loaded, 'alertmanager', ['alert']);
  await using api = await served(loaded.file);
  for (const body of [{}, '{"version":', { version: '1', alerts: [] }, { source: 'datadog' }]) {
    const answer = await askApi(api.url, { method: 'POST', path, token, body });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'TEAL-SERVER-008']);
  }
  const large = await askApi(api.url, { method: 'POST', path, token, body: group('firing', 'x'.repeat(1 << 20)) });
  expect([large.status, codeOf(large)]).toEqual([413, 'TEAL-SERVER-011']);
});

test('of several migrations each has its own alerts', async () => {
  const [shop, stock] = [loadedOf('shop'), loadedOf('stock')];
  const token = newToken(shop, 'alertmanager', ['alert']);
  await using api = await served(shop.file, stock.file);
  const tell = async (at: string): Promise<ApiAnswer> =>
    askApi(api.url, { method: 'POST', path: at, token, body: group('firing', 'GreenErrors') });
  expect(codeOf(await tell(path))).toBe('TEAL-SERVER-040');
  expect((await tell('/api/v1/migrations/stock/alerts')).status).toBe(200);
  expect([shop, stock].map(({ stateDir }) => readAlerts(stateDir).alerts.length)).toEqual([0, 1]);
});

test('what cannot be kept is told again by whoever has told it, and a file that is none is no yes', async () => {
  const loaded = loadedOf('shop');
  const token = newToken(loaded, 'alertmanager', ['alert']);
  writeFileSync(join(loaded.stateDir, 'alerts.json'), '{"version": 2}');
  await using api = await served(loaded.file);
  const answer = await askApi(api.url, { method: 'POST', path, token, body: group('firing', 'GreenErrors') });
  expect([answer.status, codeOf(answer)]).toEqual([503, 'TEAL-SERVER-060']);
  const [gate] = healthOf(loaded.spec, { folder, stateDir: loaded.stateDir, ask: async () => null });
  expect(await gate?.ask(new AbortController().signal)).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/^TEAL-GATES-040/),
  });
});

test('an alert that fires while green soaks leads back, and its end in time does not', async () => {
  const { spec, stateDir } = loadedOf('shop');
  const gates = healthOf(spec, { folder, stateDir, ask: async () => null });
  const told = async (name: string, state: 'firing' | 'resolved'): Promise<void> => {
    const alerts = [{ name, labels: {}, state }];
    await keepAlerts(stateDir, { source: 'alertmanager', leftOut: 0, alerts });
  };
  const rounds = [
    async () => undefined,
    async () => told('Watchdog', 'firing'),
    async () => told('GreenErrors', 'firing'),
    async () => told('GreenErrors', 'resolved'),
    async () => told('GreenErrors', 'firing'),
    async () => undefined,
  ];
  const reasons: string[] = [];
  const answers: string[] = [];
  await watchSoak(
    {
      gates,
      rule: { ...spec.soak, everyMs: 0 },
      soaking: async () => {
        const next = rounds.shift();
        await next?.();
        return next === undefined ? undefined : 'e1a1';
      },
      isWanted: async () => true,
      tell: async ({ checks }) => void answers.push(checks[0]?.answer ?? ''),
      note: async () => undefined,
      rollBack: async (reason) => void reasons.push(`${rounds.length} left: ${reason}`),
      log: () => undefined,
    },
    new AbortController().signal,
  );
  expect(answers).toEqual(['cannot tell', 'yes', 'not yet', 'yes', 'not yet', 'not yet']);
  expect(reasons).toEqual([
    expect.stringMatching(
      /^0 left: does the alert GreenErrors of Alertmanager not fire\? not yet, 2 times in a row: it fires since /,
    ),
  ]);
});
