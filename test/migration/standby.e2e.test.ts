import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { postgresPlace } from '../../src/app/journal-place.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { proveChain } from '../../src/journal/prove-chain.ts';
import type { MigrationState } from '../../src/journal/state.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../support/postgres.ts';
import { endProcesses, processesNaming, runNode, tealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { heard, patienceMs, relay, standby, start } from './relay.ts';
import { tealMain } from '../support/program.ts';

test('a leader that is killed in any stage: the one that waits takes over within seconds, and nothing is lost', async () => {
  await using database = await testDatabase(greenMajor());
  await using place = await tealPlace({ spec: 'cutover: { gates: [{ verify: full }, { person: dba }] }' });
  await KeyedWriters.createTables(place.blue.url);
  const ledger = join(place.folder, 'ledger');
  const names = [
    'step:prepare:schema:acted',
    'step:copy:rows:acted',
    'step:follow:foreign-keys:journalled',
    'step:follow:deploy-reverse:before',
    'step:follow:deploy-reverse:journalled',
    // In the middle of the comparison that a gate asks for: the flow stands still for it.
    'verify.hold.stopped',
    'step:cut:e1a1:fence:acted',
    'step:cut:e1a2:decide:acted',
    'step:cut:e2a1:decide:acted',
  ];
  const env = { ...place.env, TEAL_JOURNAL: database.url };
  const failing = { ...env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  const at = postgresPlace(database.url, 'shop', place.folder);
  const first = start(place.folder, failing, 'up');
  await heard(first, 'opened');
  const through = new URL(place.blue.url);
  through.port = String(place.port);
  const writers = await KeyedWriters.start(through.href, 4);
  // At six places of the way, the last of them while it compares.
  expect(await relay(place.folder, failing, first)).toEqual({ code: 4, takeOvers: 6 });

  const cutting = start(place.folder, failing, 'cutover');
  await heard(cutting, 'opened');
  expect(await relay(place.folder, failing, cutting)).toMatchObject({ code: 0 });
  expect(stateAt(at).life).toEqual({ phase: 'green' });

  const back = start(place.folder, failing, 'rollback');
  await heard(back, 'opened');
  expect(await relay(place.folder, failing, back)).toMatchObject({ code: 0 });
  expect(stateAt(at)).toMatchObject({ life: { phase: 'back' }, rollbacks: [{ cut: 'e2a1' }] });

  const books = await writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(place.blue.url)).toEqual(books.acknowledged);
  expect((await readFile(ledger, 'utf8')).trim().split('\n').toSorted()).toEqual(names.toSorted());
  const teal = async (...args: readonly string[]): ReturnType<typeof runNode> =>
    runNode(place.folder, env, tealMain, ...args);
  expect(await teal('verify')).toMatchObject({ code: 0 });
  expect(await teal('report', '--verify')).toMatchObject({ code: 0 });
  expect(proveChain(at)).toMatchObject({ unbroken: true });
  // Without the address there would be a second journal.
  expect((await place.teal('status')).err).toContain('TEAL-APP-040');
  expect(await place.teal('status', '--journal', database.url)).toMatchObject({ code: 0 });
});

function stateAt(at: ReturnType<typeof postgresPlace>): MigrationState {
  using reader = openJournalReader(at);
  return reader.refresh();
}

test('another machine takes over in the middle of the copy, and back again: flows move, and both sides end equal', async () => {
  await using database = await testDatabase(greenMajor());
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  await KeyedWriters.createTables(blue.url);
  const tools = await pgTools(blueMajor(), greenMajor());
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
  const machine = async (name: string, router: string): Promise<{ folder: string; env: Record<string, string> }> => {
    const folder = await mkdtemp(join(tmpdir(), `teal-${name}-`));
    const lines = [
      'teal: 1',
      'name: shop',
      'blue: { url: "${BLUE_URL}" }',
      'green: { url: "${GREEN_URL}" }',
      `traffic: ${router}`,
      'cutover: { gates: [{ person: dba }] }',
    ];
    await writeFile(join(folder, 'teal.yaml'), `${lines.join('\n')}\n`);
    const env = {
      PATH,
      NODE_COMPILE_CACHE,
      HOME: folder,
      NO_COLOR: '1',
      TEAL_PG_BIN: tools.binDir,
      TEAL_JOURNAL: database.url,
      BLUE_URL: blue.url,
      GREEN_URL: green.url,
    };
    return { folder, env };
  };
  const [one, two] = [await machine('one', '{ router: none }'), await machine('two', '{ router: none }')];
  const at = postgresPlace(database.url, 'shop', two.folder);
  try {
    const writers = await KeyedWriters.start(blue.url, 2);
    const ledger = join(one.folder, 'ledger');
    // It stands still in the middle of the copy, while the flow receives; and the server takes its session for dead.
    const failpoint = 'step:copy:rows:acted';
    const failing = { ...one.env, TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: `${failpoint}=wait` };
    const first = start(one.folder, failing, 'up');
    await heard(first, 'opened');
    const second = await standby(two.folder, two.env);
    await waitFor(
      { what: 'the copy', timeoutMs: patienceMs },
      async () => (await readFile(ledger, 'utf8').catch(() => '')).includes(failpoint) || undefined,
    );
    await database.query('select pg_terminate_backend(backend) from teal_journal.leader');
    await heard(second, 'opened');
    await appendFile(`${ledger}.go`, `${failpoint}\n`);
    expect(await first.ended).toBe(1);
    expect(JSON.stringify(first.events)).toContain('TEAL-JOURNAL-020');
    expect(await second.ended, JSON.stringify(second.events.slice(-5))).toBe(4);
    await endedBeside(one.folder);
    const caught = writers.count;
    await waitFor({ what: 'more writes', timeoutMs: patienceMs }, () => writers.count > caught + 50 || undefined);

    // Back on the first machine, whose spool is an old one.
    const again = start(one.folder, one.env, 'up');
    expect(await again.ended, JSON.stringify(again.events.slice(-5))).toBe(4);
    await endedBeside(two.folder);
    const books = await writers.stop();
    expect(books.failures).toEqual([]);
    const cut = start(one.folder, one.env, 'cutover');
    expect(await cut.ended, JSON.stringify(cut.events.slice(-5))).toBe(0);
    expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
    const teal = async (...args: readonly string[]): ReturnType<typeof runNode> =>
      runNode(one.folder, one.env, tealMain, ...args);
    expect(await teal('verify')).toMatchObject({ code: 0 });
    expect(proveChain(at)).toMatchObject({ unbroken: true });

    // Where clients are on a proxy here, nobody can hold them from there.
    const three = await machine('three', `{ listen: "127.0.0.1:${await freePort()}", clientAuth: trust }`);
    try {
      const refused = await runNode(three.folder, three.env, tealMain, 'rollback');
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('TEAL-APP-041') });
      const taken = start(three.folder, three.env, 'up', '--take-proxy');
      expect(await taken.ended, JSON.stringify(taken.events.slice(-5))).toBe(0);
    } finally {
      await endProcesses(three.folder);
      await rm(three.folder, { recursive: true, force: true });
    }
  } finally {
    for (const { folder } of [one, two]) {
      await endProcesses(folder);
      await rm(folder, { recursive: true, force: true });
    }
  }
});

/** The processes of a folder have seen that another one carries. */
async function endedBeside(folder: string): Promise<void> {
  await waitFor({ what: `what ran in ${folder} to end`, timeoutMs: patienceMs }, async () => {
    const alive = processesNaming(folder);
    return alive.length === 0 || undefined;
  });
}
