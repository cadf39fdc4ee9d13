import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { openMigration } from '../../src/app/open-migration.ts';
import { readSupervisor } from '../../src/app/supervision.ts';
import type { Thing } from '../../src/app/wanted.ts';
import { carrierPaths } from '../../src/carriers/embedded/config.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const schema = 'create table item (id int primary key, what text not null); insert into item values (1, $$first$$)';

type Process = Exclude<Thing, 'cut' | 'tenants' | 'soak' | 'anomalies'>;

async function pidOf(place: TealPlace, thing: Process | 'supervisor'): Promise<number> {
  const stateDir = stateOf(place);
  if (thing === 'supervisor') return readSupervisor(stateDir)?.pid ?? 0;
  const file = thing === 'proxy' ? join(stateDir, 'proxy', 'pid') : carrierPaths(stateDir, thing).pid;
  return Number(await readFile(file, 'utf8'));
}

function stateOf(place: TealPlace): string {
  return join(place.folder, '.teal', 'shop');
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function killed(place: TealPlace, thing: Process | 'supervisor'): Promise<number> {
  const pid = await pidOf(place, thing);
  process.kill(pid, 'SIGKILL');
  await waitFor({ what: `${thing} to be gone`, timeoutMs: 60_000 }, () => (lives(pid) ? undefined : true));
  return pid;
}

async function startedAgain(place: TealPlace, thing: Process, after: number): Promise<void> {
  await waitFor({ what: `${thing} to be started again`, timeoutMs: 60_000 }, async () => {
    const pid = await pidOf(place, thing).catch(() => after);
    return pid !== after && lives(pid) ? true : undefined;
  });
}

/** Through the proxy, as a client does it that tries again when its connection was lost. */
async function insert(place: TealPlace, id: number): Promise<void> {
  const url = new URL(place.blue.url);
  url.port = String(place.port);
  await waitFor({ what: 'the proxy to serve', timeoutMs: 60_000, everyMs: 100 }, async () => {
    const client = new Client({ connectionString: url.href });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('insert into item values ($1, $2)', [id, `row ${id}`]);
      return true;
    } catch {
      return undefined;
    } finally {
      await client.end();
    }
  });
}

async function arrived(place: TealPlace, id: number): Promise<void> {
  await waitFor({ what: `row ${id} on green`, timeoutMs: 60_000 }, async () => {
    const rows = await place.query('green', `select from item where id = ${id}`);
    return rows.length === 1 ? true : undefined;
  });
}

test('what is killed while no command runs is started again, and all of it ends with the migration', async () => {
  await using place = await tealPlace({ schema });
  const up = await place.teal('up');
  expect([up.code, up.err]).toEqual([4, expect.any(String)]);
  const seen = new Set<number>();
  const remember = async (): Promise<void> => {
    for (const thing of ['forward', 'reverse', 'proxy', 'supervisor'] as const) seen.add(await pidOf(place, thing));
  };
  await remember();
  let id = 10;
  for (const thing of ['forward', 'reverse', 'proxy'] as const) {
    const before = await killed(place, thing);
    await startedAgain(place, thing, before);
    id += 1;
    await insert(place, id);
    await arrived(place, id);
  }
  await remember();
  const status = await place.teal('status', '--json');
  expect(JSON.parse(status.out)).toMatchObject({
    supervisor: {
      pid: await pidOf(place, 'supervisor'),
      lives: true,
      things: { forward: { restarts: 1 }, reverse: { restarts: 1 }, proxy: { restarts: 1 } },
    },
  });
  expect((await place.teal('status')).out).toMatch(/supervisor process \d+; restarts: .*forward 1/);

  // Without a supervisor nothing is started again; the next command brings both back.
  const first = await killed(place, 'supervisor');
  expect((await place.teal('status')).out).toContain(`process ${first} is gone; the next command starts it`);
  await killed(place, 'forward');
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await remember();
  expect(await pidOf(place, 'supervisor')).not.toBe(first);
  await insert(place, 20);
  await startedAgain(place, 'reverse', await killed(place, 'reverse'));
  expect(await place.teal('rollback')).toMatchObject({ code: 0 });
  expect(await place.query('blue', 'select id from item order by id')).toEqual(
    [1, 11, 12, 13, 20].map((each) => ({ id: String(each) })),
  );
  await remember();
  const proxy = await pidOf(place, 'proxy');
  expect((await place.teal('abort', '--yes')).code).toBe(0);
  // Clients are still on the proxy; everything else has ended, the supervisor too.
  await waitFor({ what: 'all but the proxy to end', timeoutMs: 60_000 }, () =>
    [...seen].every((pid) => pid === proxy || !lives(pid)) ? true : undefined,
  );
  expect(lives(proxy)).toBe(true);
  expect(readSupervisor(stateOf(place))).toBeUndefined();
  await insert(place, 30);
  process.kill(proxy);
});

test('stopProcesses leaves nothing running', async () => {
  await using place = await tealPlace({ schema });
  expect((await place.teal('up')).code).toBe(4);
  const pids = await Promise.all(
    (['forward', 'reverse', 'proxy', 'supervisor'] as const).map(async (thing) => pidOf(place, thing)),
  );
  {
    await using migration = await openMigration({
      file: place.file,
      env: place.env,
      command: 'status',
      signal: AbortSignal.timeout(60_000),
      onEvent: () => undefined,
      tools: { binDir: place.env['TEAL_PG_BIN'] ?? '' } as never,
    });
    await migration.stopProcesses();
  }
  await waitFor({ what: 'the processes to end', timeoutMs: 60_000 }, () => (pids.some(lives) ? undefined : true));
});
