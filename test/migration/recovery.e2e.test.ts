import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { wanted } from '../../src/app/wanted.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import type { MigrationState } from '../../src/journal/state.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { runNode, tealPlace, type Ran, type TealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { tealMain } from '../support/program.ts';

/** Clients are not to wait for longer, also on a machine that does other things. */
const patienceMs = 20_000;

interface Prepared extends AsyncDisposable {
  readonly place: TealPlace;
  readonly writers: KeyedWriters;
  readonly ledger: string;
}

/** A migration that waits for its cut, with clients on the proxy. Names are those of failpoints, of the supervisor and so of its recoveries too. */
async function prepared(...names: readonly string[]): Promise<Prepared> {
  await using stack = new AsyncDisposableStack();
  let writers: KeyedWriters | undefined;
  // After the proxy: where clients wait for ever they would not stop before it.
  stack.defer(async () => void (await writers?.stop()));
  const place = stack.use(await tealPlace());
  await KeyedWriters.createTables(place.blue.url);
  const ledger = join(place.folder, 'ledger');
  expect(await tealWith(place, ledger, names, 'up')).toMatchObject({ code: 4 });
  const through = new URL(place.blue.url);
  through.port = String(place.port);
  writers = await KeyedWriters.start(through.href, 4);
  const kept = stack.move();
  return { place, writers, ledger, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

async function tealWith(place: TealPlace, ledger: string, names: readonly string[], command: string): Promise<Ran> {
  const failpoints = { TEAL_FAILPOINTS: ledger, TEAL_FAILPOINT_NAMES: names.join(',') };
  const env = names.length === 0 ? place.env : { ...place.env, ...failpoints };
  return runNode(place.folder, env, tealMain, command);
}

/** The cut, by a controller that is killed there. Clients wait when it is. */
async function killedAt({ place, ledger, writers }: Prepared, name: string): Promise<void> {
  expect((await tealWith(place, ledger, [name], 'cutover')).code).toBe(-1);
  expect((await readFile(ledger, 'utf8')).split('\n')).toContain(name);
  const { count } = writers;
  await waitFor({ what: 'clients to go on', timeoutMs: patienceMs }, () => (writers.count > count ? true : undefined));
}

function stateOf(place: TealPlace): MigrationState {
  using reader = openJournalReader(join(place.folder, '.teal', 'shop'));
  return reader.refresh();
}

/** The last record of a recovery comes after clients have gone on. */
async function recovered(place: TealPlace, phase: MigrationState['life']['phase']): Promise<void> {
  await waitFor({ what: 'the recovery to end', timeoutMs: patienceMs }, () =>
    stateOf(place).life.phase === phase ? true : undefined,
  );
  await waitFor({ what: 'the mark to go', timeoutMs: patienceMs }, async () =>
    (await wanted(join(place.folder, '.teal', 'shop'))).has('cut') ? undefined : true,
  );
  expect(stateOf(place).run).toMatchObject({ command: 'recover' });
}

/** Nothing failed, and the side holds exactly what clients were told. */
async function endsRight({ place, writers }: Prepared, side: 'blue' | 'green'): Promise<void> {
  const books = await writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(place[side].url)).toEqual(books.acknowledged);
}

test('a cut whose controller is killed between fence and decision is taken back with no further command', async () => {
  await using it = await prepared();
  await killedAt(it, 'step:cut:e1a1:fence:journalled');
  await recovered(it.place, 'blue');
  expect(stateOf(it.place).cuts).toMatchObject([{ cut: 'e1a1', end: { how: 'aborted', code: 'TEAL-STAGES-105' } }]);
  expect(await it.place.teal('cutover')).toMatchObject({ code: 0 });
  await endsRight(it, 'green');
});

test('a cut whose controller is killed at the decision is finished with no further command', async () => {
  await using it = await prepared();
  await killedAt(it, 'step:cut:e1a1:decide:acted');
  await recovered(it.place, 'green');
  expect(stateOf(it.place).cuts).toMatchObject([{ cut: 'e1a1', end: { how: 'finished' } }]);
  expect(await it.place.teal('rollback')).toMatchObject({ code: 0 });
  await endsRight(it, 'blue');
});

test('a rollback whose command is killed at the decision: the same command afterwards says that it is done, and who wanted it', async () => {
  await using it = await prepared();
  expect(await it.place.teal('cutover')).toMatchObject({ code: 0 });
  const place = 'step:cut:e2a1:decide:acted';
  expect((await tealWith(it.place, it.ledger, [place], 'rollback')).code).toBe(-1);
  await recovered(it.place, 'back');
  expect(await it.place.teal('rollback')).toMatchObject({ code: 0 });
  expect(stateOf(it.place).rollbacks).toMatchObject([{ cut: 'e2a1' }]);
  // There is nothing more to go back from.
  expect(await it.place.teal('rollback')).not.toMatchObject({ code: 0 });
  await endsRight(it, 'blue');
});

test('a recovery that is killed itself is started again', async () => {
  await using it = await prepared('undo:cut:e1a1:fence:before');
  await killedAt(it, 'step:cut:e1a1:fence:journalled');
  await recovered(it.place, 'blue');
  expect((await readFile(it.ledger, 'utf8')).split('\n')).toContain('undo:cut:e1a1:fence:before');
  await endsRight(it, 'blue');
});

test('a command that comes while a recovery runs waits for its end', async () => {
  const place = 'undo:cut:e1a1:fence:before';
  await using it = await prepared(`${place}=wait`);
  expect((await tealWith(it.place, it.ledger, ['step:cut:e1a1:fence:journalled'], 'cutover')).code).toBe(-1);
  await waitFor({ what: 'the recovery to begin', timeoutMs: patienceMs }, async () =>
    (await readFile(it.ledger, 'utf8')).includes(place) ? true : undefined,
  );
  const [{ controller }, command] = [
    JSON.parse((await it.place.teal('status', '--json')).out) as { controller: { pid: number } },
    it.place.teal('cutover'),
  ];
  expect(controller.pid).toBe(stateOf(it.place).run?.pid);
  const ended = await Promise.race([command, sleep(4_000)]);
  expect(ended).toBeUndefined();
  await appendFile(`${it.ledger}.go`, `${place}\n`);
  expect(await command).toMatchObject({ code: 0 });
  expect(stateOf(it.place).run).toMatchObject({ command: 'cutover' });
  await endsRight(it, 'green');
});

test("a write behind Teal's back after the last look: the next comparison tells it, and its repair settles it for every later cut", async () => {
  const name = 'step:cut:e1a1:last-look:journalled';
  await using it = await prepared();
  const cutting = tealWith(it.place, it.ledger, [`${name}=wait`], 'cutover');
  await waitFor({ what: 'the last look', timeoutMs: patienceMs }, async () =>
    (await readFile(it.ledger, 'utf8').catch(() => '')).includes(name) ? true : undefined,
  );
  const stray = 'insert into written (writer, seq) values (99, 1)';
  await it.place.query('green', `set session_replication_role = replica; ${stray}`);
  await appendFile(`${it.ledger}.go`, `${name}\n`);
  expect(await cutting).toMatchObject({ code: 0 });
  // Green is live, and what was written there is its own; blue has not got it.
  expect((await it.place.teal('verify', '--fix')).out).toContain("1 rows of blue were made equal to green's.");
  expect(await it.place.teal('rollback')).toMatchObject({ code: 0 });
  expect(await it.place.teal('cutover')).toMatchObject({ code: 0 });
  const books = await it.writers.stop();
  expect(books.failures).toEqual([]);
  expect(await KeyedWriters.rowsOf(it.place.green.url)).toEqual([...books.acknowledged, '99-1'].sort());
});
