import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { openMigration } from '../../src/app/open-migration.ts';
import { sleep } from '../../src/kernel/clock.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { runProgram } from '../../tools/servers/run-program.ts';
import { ownServer } from '../support/postgres.ts';
import { SakilaClients } from './sakila-clients.ts';

/** A real database that is kept beside the checkout; see its README there. */
const folder = resolve(import.meta.dirname, '../../../shared/data/sakila');
const isThere = existsSync(folder);
if (!isThere) process.stderr.write(`SKIPPED: the Sakila migration, because ${folder} is not there\n`);

test.skipIf(!isThere)(
  'Sakila moves from 15 to 18 under load: a cut, a rollback, a second cut, no failed query, no lost write',
  async () => {
    await using blue = await ownServer(15);
    await using green = await ownServer(18);
    const tools = await pgTools(15, 18);
    for (const file of ['postgres-sakila-schema.sql', 'postgres-sakila-insert-data-using-copy.sql']) {
      await runProgram(tools.psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', join(folder, file), blue.url]);
    }
    const here = await mkdtemp(join(tmpdir(), 'teal-sakila-'));
    const port = await freePort();
    const file = join(here, 'teal.yaml');
    await writeFile(
      file,
      `teal: 1\nname: sakila\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
        `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: trust }\n` +
        `cutover: { gates: [{ lag: 1s, for: 1s }, { verify: full }, { person: tester }] }\n`,
    );
    const events: string[] = [];
    await using migration = await openMigration({
      file,
      env: { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url },
      command: 'up',
      signal: AbortSignal.timeout(500_000),
      onEvent: (event) => events.push(event.kind === 'step failed' ? `${event.step} ${event.message}` : event.kind),
      tools,
    });
    try {
      const throughProxy = new URL(blue.url);
      throughProxy.port = String(port);
      const clients = await SakilaClients.start(throughProxy.href, 6);
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await sleep(1_500);
      expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      await sleep(1_500);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await sleep(1_500);
      const { verified } = await migration.verify();
      const books = await clients.stop();
      expect(books.failures).toEqual([]);
      expect(verified).toMatchObject({ equal: true });
      expect(books.payments.length).toBeGreaterThan(50);
      expect(await marksOf(green.url)).toEqual(books.payments.toSorted());
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    } finally {
      await migration.stopProcesses();
      await rm(here, { recursive: true, force: true });
    }
  },
);

/** What the clients were told is stored: each payment carries an amount that no other has. */
async function marksOf(url: string): Promise<readonly string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ first_name: string }>(
      `select first_name from public.actor where last_name = 'TEAL TEST'`,
    );
    return rows.map((row) => row.first_name).sort();
  } finally {
    await client.end();
  }
}
