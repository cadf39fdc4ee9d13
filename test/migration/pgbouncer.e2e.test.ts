import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openJournalReader } from '../../src/journal/journal.ts';
import type { MigrationState } from '../../src/journal/state.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { startPgBouncer, whyNoPgBouncer } from '../../tools/servers/pgbouncer.ts';
import { runNode, tealPlace, type Ran, type TealPlace } from '../support/teal-place.ts';
import { KeyedWriters } from './keyed-writers.ts';
import { tealMain } from '../support/program.ts';

const patienceMs = 60_000;

function stateOf(place: TealPlace): MigrationState {
  using reader = openJournalReader(join(place.folder, '.teal', 'shop'));
  return reader.refresh();
}

/** The command, killed where the failpoint is. */
async function killedAt(place: TealPlace, command: string, failpoint: string): Promise<Ran> {
  const env = { ...place.env, TEAL_FAILPOINTS: join(place.folder, 'ledger'), TEAL_FAILPOINT_NAMES: failpoint };
  const ran = await runNode(place.folder, env, tealMain, command);
  expect((await readFile(env.TEAL_FAILPOINTS, 'utf8')).split('\n')).toContain(failpoint);
  return ran;
}

const why = await whyNoPgBouncer('newer');

test.skipIf(why !== undefined)(
  `clients of a PgBouncer in transaction mode go over and back, also when the command is killed while they wait${why ?? ''}`,
  async () => {
    await using place = await tealPlace();
    await KeyedWriters.createTables(place.blue.url);
    await using bouncer = await startPgBouncer({
      release: 'newer',
      mode: 'transaction',
      databases: [`postgres = host=127.0.0.1 port=${place.blue.port} pool_size=20`],
      settings: { server_login_retry: 1 },
    });
    const traffic = `traffic: { router: pgbouncer, admin: "${bouncer.adminUrl}", database: postgres, config: "${bouncer.config}" }`;
    await writeFile(place.file, (await readFile(place.file, 'utf8')).replace(/^traffic:.*$/m, traffic));
    expect((await place.teal('plan')).out.replace(/\s+/g, ' ')).toContain('of clients: none fails');
    expect(await place.teal('up')).toMatchObject({ code: 4 });
    const writers = await KeyedWriters.start(bouncer.url, 4);
    const goOn = async (): Promise<void> => {
      const { count } = writers;
      await waitFor({ what: 'clients to go on', timeoutMs: patienceMs }, () =>
        writers.count > count ? true : undefined,
      );
    };
    const ended = async (phase: MigrationState['life']['phase']): Promise<void> => {
      await waitFor({ what: 'the recovery to end', timeoutMs: patienceMs }, () =>
        stateOf(place).life.phase === phase ? true : undefined,
      );
    };
    // Paused, and nothing else: PgBouncer itself would hold its clients for ever.
    expect((await killedAt(place, 'cutover', 'step:cut:e1a1:hold:acted')).code).toBe(-1);
    await goOn();
    await ended('blue');
    // Decided, and PgBouncer still leads to blue.
    expect((await killedAt(place, 'cutover', 'step:cut:e1a2:decide:acted')).code).toBe(-1);
    await ended('green');
    await goOn();
    expect(await readFile(bouncer.config, 'utf8')).toContain(`port=${place.green.port} pool_size=20`);
    await expect(place.query('blue', "insert into written values (77, 1, '')")).rejects.toMatchObject({
      code: '25006',
    });
    expect(await place.teal('rollback')).toMatchObject({ code: 0 });
    await goOn();
    await expect(place.query('green', "insert into written values (77, 1, '')")).rejects.toMatchObject({
      code: '25006',
    });
    expect(await place.teal('cutover')).toMatchObject({ code: 0 });
    await goOn();
    const books = await writers.stop();
    expect(books.failures).toEqual([]);
    expect(await KeyedWriters.rowsOf(place.green.url)).toEqual(books.acknowledged);
    const { cuts } = stateOf(place);
    expect(cuts.map(({ cut, end }) => [cut, end?.how])).toEqual([
      ['e1a1', 'aborted'],
      ['e1a2', 'finished'],
      ['e2a1', 'finished'],
      ['e3a1', 'finished'],
    ]);
    const finalised = await place.teal('finalise', '--early', '--yes');
    expect(finalised.out + finalised.err).not.toContain('--stop-proxy');
    expect(finalised).toMatchObject({ code: 0 });
  },
);
