import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { controlPath } from '../../src/app/control-path.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const schema = `create table customer (id int primary key, name text);
  insert into customer select n, 'name ' || n from generate_series(1, 200) n;
  create table visit (at int, what text);
  insert into visit select n, 'seen' from generate_series(1, 50) n;
  create table quiet (a int); alter table quiet replica identity nothing;
  create role clerk login; alter role clerk set work_mem = '8MB'; grant select on customer to clerk`;

/** Everything on a server that Teal could have made or changed, one line each. */
const traces = `
  select 'slot ' || slot_name as what from pg_replication_slots
  union all select 'publication ' || pubname from pg_publication
  union all select 'origin ' || roname from pg_replication_origin
  union all select 'event trigger ' || evtname from pg_event_trigger
  union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass from pg_trigger
  union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_(toast|temp)'
  union all select 'function ' || oid::regprocedure from pg_proc where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  union all select 'table ' || oid::regclass || ' with identity ' || relreplident::text from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'S') and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
  union all select 'role ' || rolname from pg_roles
  union all select 'setting ' || setrole::regrole || setdatabase || setconfig::text from pg_db_role_setting
  union all select 'setting of the server ' || name || sourcefile from pg_settings where sourcefile like '%auto.conf'
  union all select 'prepared ' || gid from pg_prepared_xacts
  union all select 'advisory lock' from pg_locks where locktype = 'advisory'
  union all select 'session ' || application_name from pg_stat_activity where application_name like 'teal%'
  order by 1`;

async function tracesOn(place: TealPlace, side: 'blue' | 'green'): Promise<readonly string[]> {
  return (await place.query(side, traces)).map(({ what }) => what ?? '');
}

/** Processes of this machine that were started for the place, by what they run. */
async function processesOf(place: TealPlace): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(async (pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(place.folder)).map((line) => /[a-z]+-main/.exec(line)?.[0] ?? line);
}

async function nothingRuns(place: TealPlace): Promise<void> {
  await waitFor({ what: 'every process to end', timeoutMs: 60_000 }, async () =>
    (await processesOf(place)).length === 0 ? true : undefined,
  );
}

async function socketsOf(place: TealPlace): Promise<readonly string[]> {
  const inState = await readdir(join(place.folder, '.teal'), { recursive: true, withFileTypes: true });
  const names = await readdir(tmpdir());
  const proxy = controlPath(join(place.folder, '.teal', 'shop'), 'proxy');
  return [
    ...inState.filter((each) => each.isSocket()).map(({ name }) => name),
    ...(existsSync(proxy) ? [proxy] : []),
    ...names
      .filter((name) => name.includes(place.folder.slice(tmpdir().length + 1)))
      .filter((name) => name.endsWith('.sock')),
  ];
}

test('abort leaves nothing of Teal, on either side and on this machine', async () => {
  await using place = await tealPlace({ schema });
  const before = { blue: await tracesOn(place, 'blue'), green: await tracesOn(place, 'green') };
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  expect(await tracesOn(place, 'green')).not.toEqual(before.green);
  expect(await processesOf(place)).toContain('carrier-main');
  const aborted = await place.teal('abort', '--yes');
  expect(aborted).toMatchObject({ code: 0 });
  // Clients are on the proxy: it ends when somebody says so.
  expect(aborted.out).toContain('`teal abort --stop-proxy`');
  // The supervisor lets its lock go, which the command waits for, a moment before its process has ended.
  await expect.poll(async () => processesOf(place), { timeout: 60_000 }).toEqual(['proxy-main']);
  expect(await place.teal('abort', '--yes', '--stop-proxy')).toMatchObject({ code: 0 });
  await nothingRuns(place);
  expect(await tracesOn(place, 'blue')).toEqual(before.blue);
  expect(await tracesOn(place, 'green')).toEqual(before.green);
  expect(await socketsOf(place)).toEqual([]);
});

test('finalise leaves nothing of Teal but a closed blue, and the identities as they were', async () => {
  await using place = await tealPlace({ schema });
  const before = { blue: await tracesOn(place, 'blue'), green: await tracesOn(place, 'green') };
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  expect(await place.teal('finalise', '--yes', '--early')).toMatchObject({ code: 0 });
  // Every command has an answer after the end, and what the last one said to type can be typed.
  expect(await place.teal('up')).toMatchObject({ code: 0, out: expect.stringContaining('green is live') });
  expect(await place.teal('rollback')).toMatchObject({ code: 3, out: expect.stringContaining('has ended') });
  expect(await place.teal('verify')).toMatchObject({ code: 1, err: expect.stringContaining('TEAL-APP-004') });
  expect((await place.teal('status')).out).toContain('green is live (finalised)');
  expect(await place.teal('finalise', '--yes', '--stop-proxy')).toMatchObject({ code: 0 });
  await nothingRuns(place);
  const added = async (side: 'blue' | 'green'): Promise<readonly string[]> =>
    (await tracesOn(place, side)).filter((what) => !before[side].includes(what));
  const tables = (traces: readonly string[]): readonly string[] => traces.filter((what) => what.startsWith('table'));
  expect(tables(await tracesOn(place, 'blue'))).toEqual(tables(before.blue));
  expect(tables(await tracesOn(place, 'green'))).toEqual(tables(before.blue));
  expect(await added('blue')).toEqual([
    'function teal.fence()',
    'schema teal',
    'trigger teal_fence on customer',
    'trigger teal_fence on quiet',
    'trigger teal_fence on visit',
  ]);
  expect((await added('green')).filter((what) => !before.blue.includes(what))).toEqual([]);
  await expect(place.query('blue', "insert into customer values (0, 'late')")).rejects.toThrow(
    /fenced: public.customer takes no writes here/,
  );
  expect(await socketsOf(place)).toEqual([]);
});
