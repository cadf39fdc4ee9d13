import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { must } from '../../src/kernel/assert.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { holderFile, holderNumbers, readHolderRecord } from '../../src/systems/postgres/holder-file.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { migrationController } from '../support/program.ts';

test('controller and both holders lost in the middle of the copy: the next `up` takes a new snapshot, and nothing is lost', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  const here = await mkdtemp(join(tmpdir(), 'teal-lost-'));
  const port = await freePort();
  const file = join(here, 'teal.yaml');
  await writeFile(
    file,
    `teal: 1\nname: lost\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
      `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: trust }\ncutover: { gates: [{ person: tester }] }\n`,
  );
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { ...process.env, BLUE_URL: blue.url, GREEN_URL: green.url, TEAL_PG_BIN: tools.binDir };
  await KeyedWriters.createTables(blue.url);
  const open = { file, env, command: 'up', signal: AbortSignal.timeout(300_000), onEvent: () => undefined, tools };
  try {
    await (await openMigration(open))[Symbol.asyncDispose]();
    const direct = new URL(blue.url);
    direct.port = String(port);
    const writers = await KeyedWriters.start(direct.href, 4);
    const ledger = join(here, 'ledger');
    const controlled = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: 'step:copy:rows:before' };
    const { stateDir } = loadSpec(file, env);

    expect(await run(file, controlled)).toBe('SIGKILL');
    for (const number of holderNumbers) {
      process.kill(must(await readHolderRecord(holderFile(stateDir, number)), 'a holder').pid, 'SIGKILL');
    }
    expect(await run(file, controlled)).toBe(0);
    const books = await writers.stop();

    expect(books.failures).toEqual([]);
    await using session = await connect({ url: green.url, applicationName: 'test' });
    const { rows } = await session.query('select max(epoch)::text as epoch, count(*)::text as runs from teal.copy_run');
    expect(rows).toEqual([{ epoch: '2', runs: '1' }]);
    await using migration = await openMigration(open);
    expect(migration.live).toBe('green');
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
    const keys = await session.query(`select convalidated::text as valid from pg_constraint where contype = 'f'`);
    expect(keys.rows).toEqual([{ valid: 'true' }]);
  } finally {
    const migration = await openMigration(open);
    await migration.stopProcesses();
    await migration[Symbol.asyncDispose]();
    await rm(here, { recursive: true, force: true });
  }
});

/** One controller to its end: its exit code, or the signal that ended it. */
async function run(file: string, env: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn(process.execPath, [migrationController, file, 'cutover'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [err, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (code !== 0 && signal === null) throw new Error(err.slice(-2_000));
  return signal ?? code;
}
