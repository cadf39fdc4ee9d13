import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fillShop } from '../../demo/fill.ts';
import { connectCarrier } from '../../src/app/connect-carrier.ts';
import { selectedCatalog } from '../../src/app/kept-catalog.ts';
import { lookAt } from '../../src/app/look.ts';
import { PostgresPair } from '../../src/app/postgres-pair.ts';
import { memoryJournal } from '../../src/journal/journal.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { runStages, undoStages, type StagesRun } from '../../src/stages/lifecycle/stages.ts';
import { verifySamePosition } from '../../src/verify/same-position.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';

const rows = 20_000;

function runOf(): StagesRun {
  const journal = memoryJournal();
  journal.append({
    type: 'runStarted',
    migration: 'shop',
    run: 'r',
    command: 'up',
    teal: '0',
    pid: 1,
    host: 'h',
    specDigest: 'd',
  });
  return { journal, signal: new AbortController().signal, onEvent: () => undefined, onStage: () => undefined };
}

test('the shop arrives whole on an empty green, and an abort leaves nothing on either side', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  await fillShop(blue.url, rows);
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-pair-'));
  const parsed = parseSpec(`teal: 1\nname: shop\nblue: { url: "${blue.url}" }\ngreen: { url: "${green.url}" }\n`, {
    env: {},
    readText: () => undefined,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  const { spec } = parsed;
  const catalog = selectedCatalog((await lookAt('blue', blue.url)).catalog, spec.tables);
  const tools = await pgTools(blueMajor(), greenMajor());
  const before = { blue: await leftOf(blue.url), green: await leftOf(green.url) };
  try {
    await using pair = new PostgresPair({ spec, stateDir, catalog, leftOut: [], tools });
    const carrier = connectCarrier({ migration: 'shop', stateDir, urls: { blue: blue.url, green: green.url } });
    // The flow receives and applies nothing: the shop is quiet.
    const stages = pair.stages(carrier).filter((stage) => stage.id !== 'follow');
    const run = runOf();
    await runStages(stages, run);

    const { certificate } = await verifySamePosition({
      migration: 'shop',
      flow: 'forward',
      tables: pair.storedTables,
      live: pair.access.blue,
      other: pair.access.green,
      stopAt: async (position) => position,
      resume: async () => undefined,
      signal: run.signal,
    });
    expect(certificate.tables.filter((table) => table.outcome !== 'equal')).toEqual([]);
    expect(certificate.tables.reduce((sum, table) => sum + Number(table.rows?.green ?? 0), 0)).toBeGreaterThan(
      rows / 2,
    );
    expect((await pair.fences.green.probe()).fence).toBe('raised');
    expect((await pair.fences.blue.probe()).fence).toBe('installed');

    await undoStages(stages, run);
    expect({ blue: await leftOf(blue.url), green: await leftOf(green.url) }).toEqual(before);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});

/** Everything that a migration could leave behind, by name. */
async function leftOf(url: string): Promise<readonly string[]> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: found } = await client.query<{ what: string }>(`
      select 'slot ' || slot_name as what from pg_replication_slots
      union all select 'publication ' || pubname from pg_publication
      union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
      union all select 'role ' || rolname from pg_roles where rolname !~ '^pg_'
      union all select 'trigger ' || tgname || tgrelid::regclass::text from pg_trigger where not tgisinternal
      union all select 'identity ' || relname || relreplident::text from pg_class where relkind = 'r' and oid > 16384
      union all select 'table ' || relname from pg_class where relkind in ('r', 'p', 'S', 'v', 'm') and oid > 16384
      union all select 'session ' || application_name from pg_stat_activity where application_name like 'teal%' and application_name <> 'teal shop'
      order by 1`);
    return found.map(({ what }) => what);
  } finally {
    await client.end();
  }
}
