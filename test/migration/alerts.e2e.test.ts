import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startAlertmanager, whyNoAlertmanager } from '../../tools/servers/alertmanager.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { newToken, serveApi } from '../../src/app/serve-api.ts';
import { readStatus, type Status } from '../../src/app/status.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace } from '../support/teal-place.ts';

const patienceMs = 60_000;
const why = await whyNoAlertmanager();

test.skipIf(why !== undefined)(
  `an alert of Alertmanager that fires on green makes blue live again by itself${why ?? ''}`,
  async () => {
    await using place = await tealPlace({
      schema: 'create table orders (id int primary key)',
      spec: `cutover: { gates: [{ person: dba }, { alert: GreenErrors }] }
soak: { every: 500ms, failures: 2, health: [{ alert: GreenErrors, labels: { side: green } }] }`,
    });
    expect(await place.teal('up')).toMatchObject({ code: 4 });
    const loaded = loadSpec(place.file, place.env);
    const status = (): Status => readStatus(loaded);
    const token = newToken(loaded, 'alertmanager', ['alert']);
    const at = { file: place.file, env: place.env, listen: '127.0.0.1:0', names: [], log: () => undefined };
    await using api = await serveApi(at);
    await using alertmanager = await startAlertmanager({ webhook: `${api.url}/api/v1/alerts`, token });
    // As a gate it cannot tell until its source is heard: the cut waits for that.
    const cutting = place.teal('cutover');
    await waitFor({ what: 'the gate to be asked', timeoutMs: patienceMs }, () =>
      status().gates.some(({ evidence }) => evidence.includes('has never told anything')) ? true : undefined,
    );
    await alertmanager.post({ alertname: 'Watchdog' });
    expect(await cutting).toMatchObject({ code: 0 });
    expect(status().live).toBe('green');
    await waitFor({ what: 'green to be well', timeoutMs: patienceMs }, () =>
      status().soak?.health?.checks[0]?.answer === 'yes' ? true : undefined,
    );
    await alertmanager.post({ alertname: 'GreenErrors', side: 'blue' });
    await alertmanager.post({ alertname: 'GreenErrors', side: 'green' });
    await waitFor({ what: 'blue to be live again', timeoutMs: patienceMs }, () =>
      status().live === 'blue' && status().controller === undefined ? true : undefined,
    );
    using reader = openJournalReader(join(place.folder, '.teal', 'shop'));
    expect(reader.refresh().rollbacks.at(-1)).toMatchObject({
      by: 'soak.health',
      reason: expect.stringMatching(
        /^does the alert GreenErrors\{side="green"\} of Alertmanager not fire\? not yet, 2 times in a row: it fires since /,
      ),
    });
    expect((await place.teal('status')).out).not.toContain('stale');
  },
);
