import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkAlertmanagerConfig, startAlertmanager, whyNoAlertmanager } from '../../tools/servers/alertmanager.ts';
import type { GateAnswer } from '../ports/gate.ts';
import { healthOf } from './gates-of.ts';
import { loadSpec } from './load-spec.ts';
import { newToken, serveApi } from './serve-api.ts';

const spec = `teal: 1
name: shop
blue: { url: "postgres://127.0.0.1:1/shop" }
green: { url: "postgres://127.0.0.1:2/shop" }
soak: { health: [{ alert: GreenErrors, labels: { team: shop }, staleAfter: 10s }] }
`;
const env = { PATH: process.env['PATH'] ?? '' };
const why = await whyNoAlertmanager();

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-alerts-'));
  writeFileSync(join(folder, 'teal.yaml'), spec);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(why !== undefined)(
  `Alertmanager itself tells what fires, what does not any more, and then nothing${why ?? ''}`,
  async () => {
    const file = join(folder, 'teal.yaml');
    const loaded = loadSpec(file, env);
    const token = newToken(loaded, 'alertmanager', ['alert']);
    const logged: string[] = [];
    const log = (event: string, facts: Readonly<Record<string, unknown>>): number =>
      logged.push(`${event} ${JSON.stringify(facts)}`);
    await using api = await serveApi({ file, env, listen: '127.0.0.1:0', names: [], log });
    const [gate] = healthOf(loaded.spec, { folder, stateDir: loaded.stateDir, ask: async () => null });
    const asked = async (): Promise<GateAnswer | undefined> => gate?.ask(new AbortController().signal);
    const becomes = async (answer: Partial<GateAnswer>): Promise<void> =>
      expect.poll(asked, { timeout: 30_000, interval: 100 }).toMatchObject(answer);

    expect(await asked()).toEqual({ answer: 'cannot tell', evidence: 'Alertmanager has never told anything here' });
    {
      await using alertmanager = await startAlertmanager({ webhook: `${api.url}/api/v1/alerts`, token });
      await alertmanager.post({ alertname: 'Watchdog' });
      await becomes({ answer: 'yes', evidence: expect.stringMatching(/^it was never told/) });
      await alertmanager.post({ alertname: 'GreenErrors', team: 'stock' });
      await alertmanager.post({ alertname: 'GreenErrors', team: 'shop', pod: 'a' });
      await becomes({ answer: 'not yet', evidence: expect.stringMatching(/^it fires since/) });
      await alertmanager.post({ alertname: 'GreenErrors', team: 'shop', pod: 'a' }, new Date(Date.now() - 1));
      await becomes({ answer: 'yes', evidence: expect.stringMatching(/^resolved at/) });
      expect(await alertmanager.log()).not.toMatch(/level=(warn|error).*notify/);
    }
    await becomes({ answer: 'cannot tell', evidence: expect.stringMatching(/^the last word of Alertmanager is of/) });
    expect(logged.filter((line) => line.startsWith('alerts '))[0]).toBe(
      'alerts {"by":"alertmanager","source":"alertmanager","changed":1,"leftOut":0}',
    );
  },
);

test.skipIf(why !== undefined)(`the page has a configuration that Alertmanager takes${why ?? ''}`, async () => {
  const page = readFileSync('docs/guide/gates.md', 'utf8');
  const [, shown = ''] = /^```yaml\n(route:\n.*?)^```/ms.exec(page) ?? [];
  const file = join(folder, 'alertmanager.yml');
  // The first route of a whole configuration is the one for everything else.
  writeFileSync(file, shown.replace('route:\n', 'route:\n  receiver: teal\n'));
  expect(await checkAlertmanagerConfig(file)).toMatch(/SUCCESS/);
});
