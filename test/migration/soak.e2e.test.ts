import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { readStatus } from '../../src/app/status.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { queryUrl, tealPlace, type TealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';

const patienceMs = 60_000;

/** Clients whose statement is slow on green alone. */
async function startReaders(
  url: string,
  greenPort: number,
): Promise<{ readonly count: number; stop(): Promise<readonly string[]> }> {
  const over = new AbortController();
  const failures: string[] = [];
  let count = 0;
  const sql = `select pg_sleep(case current_setting('port') when '${greenPort}' then 0.7 else 0.002 end)`;
  const clients = Array.from({ length: 32 }, () => new Client({ connectionString: url }));
  const reading = clients.map(async (client) => {
    client.on('error', (error) => failures.push(describeError(error)));
    await client.connect();
    while (!over.signal.aborted) {
      await client.query(sql).catch((error: unknown) => failures.push(describeError(error)));
      count += 1;
    }
    await client.end();
  });
  return {
    get count() {
      return count;
    },
    async stop() {
      over.abort();
      await Promise.all(reading);
      return failures;
    },
  };
}

/** The backup of the runbook is whole: it can be restored, and holds what was written before it. */
async function restored({ green, folder, env, query }: TealPlace): Promise<void> {
  await query('green', 'create database restored');
  const to = new URL(green.url);
  to.pathname = '/restored';
  const tool = join(env['TEAL_PG_BIN'] ?? '', 'pg_restore');
  const run = spawnSync(
    tool,
    ['--exit-on-error', '--no-owner', '--no-privileges', '-d', to.href, join(folder, 'blue.dump')],
    {
      encoding: 'utf8',
    },
  );
  expect([run.status, run.stderr]).toEqual([0, '']);
  const [row] = await queryUrl(to.href, 'select count(*) as n from written');
  expect(Number(row?.['n'])).toBeGreaterThan(0);
}

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
  const backup = (file: string): string =>
    `cutover: { gates: [{ person: dba }], backup: { command: ["sh", "-c", "echo at it; exec $TEAL_PG_BIN/pg_dump -Fc -f ${file} -d $BLUE_URL"] } }`;
  const gates = backup('absent/blue.dump');
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
  // A backup that cannot be made: there is no cut.
  const refused = await place.teal('cutover');
  expect([refused.code, refused.out]).toEqual([
    3,
    expect.stringMatching(/has `sh` made a backup\?\s+no:\s+it\s+ended\s+with\s+1/),
  ]);
  expect(statusOf(place).live).toBe('blue');
  await writeFile(place.file, (await readFile(place.file, 'utf8')).replace(gates, backup('blue.dump')));
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  expect(await readFile(join(place.folder, '.teal/shop/backup/log'), 'utf8')).toContain('at it\n');
  await restored(place);
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
  using reader = openJournalReader(join(place.folder, '.teal', 'shop'));
  expect(reader.refresh().rollbacks.at(-1)).toMatchObject({ by: 'soak.health', reason: /status 503, expected 200/ });

  // What clients meet at the proxy is reason enough: green is slow for some of them.
  status = 200;
  const figures = 'soak: { every: 500ms, failures: 2, rollBackOn: [{ errorRate: 1% }, { p99: 2x }] }';
  await writeFile(place.file, (await readFile(place.file, 'utf8')).replace(soak('rollBack'), figures));
  const readers = await startReaders(through.href, place.green.port);
  await waitFor({ what: 'blue to be measured', timeoutMs: patienceMs }, () => (readers.count > 300 ? true : undefined));
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await waitFor({ what: 'blue to be live again', timeoutMs: patienceMs }, () =>
    statusOf(place).live === 'blue' && statusOf(place).controller === undefined ? true : undefined,
  );
  expect(reader.refresh().rollbacks.at(-1)).toMatchObject({
    by: 'soak.rollBackOn',
    reason: expect.stringMatching(/p99 at most 2 times .* no, \d+ times in a row/),
  });
  await writeOn();
  expect(await readers.stop()).toEqual([]);
  const books = await writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(place.blue.url)).toEqual(books.acknowledged);
  expect((await place.teal('report')).out).toContain('rolled back by soak.health');
});
