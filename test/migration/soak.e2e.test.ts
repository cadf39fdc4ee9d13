import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readStatus } from '../../src/app/status.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';

const patienceMs = 60_000;

function statusOf({ file, env }: TealPlace): ReturnType<typeof readStatus> {
  return readStatus(loadSpec(file, env));
}

test('green that fails its checks is left by itself, under load: no query fails, no write is lost, and the report says why', async () => {
  let status = 200;
  await using health = createServer((_, response) => response.writeHead(status).end());
  health.listen(0, '127.0.0.1');
  await once(health, 'listening');
  const { port } = health.address() as AddressInfo;
  const soak = (onFailure: string): string =>
    `soak: { every: 500ms, failures: 2, onFailure: ${onFailure}, health: [{ http: "http://127.0.0.1:${port}/health" }, { sql: "select 1", equals: 1 }] }`;
  const gates = 'cutover: { gates: [{ person: dba }] }';
  await using place = await tealPlace({ spec: `${gates}\n${soak('tell')}` });
  await KeyedWriters.createTables(place.blue.url);
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  const through = new URL(place.blue.url);
  through.port = String(place.port);
  const writers = await KeyedWriters.start(through.href, 4);
  const writeOn = async (): Promise<void> => {
    const { count } = writers;
    await waitFor({ what: 'clients to go on', timeoutMs: patienceMs }, () =>
      writers.count > count ? true : undefined,
    );
  };
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await waitFor({ what: 'green to be asked', timeoutMs: patienceMs }, () =>
    statusOf(place).soak?.health?.checks.every(({ answer }) => answer === 'yes') === true ? true : undefined,
  );

  // A first night: it is only told.
  status = 503;
  await waitFor({ what: 'the note', timeoutMs: patienceMs }, () => statusOf(place).soak?.health?.wouldSinceIso);
  expect((await place.teal('status')).out).toMatch(/would have been rolled\s+back at/);
  expect(statusOf(place).live).toBe('green');
  await writeOn();

  // By the file as it is from the next start of the watch on.
  status = 200;
  await writeFile(place.file, (await readFile(place.file, 'utf8')).replace(soak('tell'), soak('rollBack')));
  expect(await place.teal('rollback')).toMatchObject({ code: 0 });
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await writeOn();
  status = 503;
  await waitFor({ what: 'blue to be live again', timeoutMs: patienceMs }, () =>
    statusOf(place).live === 'blue' && statusOf(place).controller === undefined ? true : undefined,
  );
  await writeOn();
  const books = await writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(place.blue.url)).toEqual(books.acknowledged);
  using reader = openJournalReader(join(place.folder, '.teal', 'shop'));
  expect(reader.refresh().rollbacks.at(-1)).toMatchObject({ by: 'soak.health', reason: /status 503, expected 200/ });
  expect((await place.teal('report')).out).toContain('rolled back by soak.health');
});
