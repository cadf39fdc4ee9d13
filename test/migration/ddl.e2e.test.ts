import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { isTealError, type TealError } from '../../src/kernel/errors.ts';
import type { Flow, FlowStatus } from '../../src/ports/carrier.ts';
import type { Migration } from '../../src/app/migration.ts';
import { runProgram } from '../../tools/servers/run-program.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { Life } from '../support/whole-life.ts';
import { KeyedWriters } from './keyed-writers.ts';

test.each(['event triggers', 'comparisons alone'] as const)(
  'DDL in every part of a migration, noticed by %s: the flow waits, cuts are refused or given up, no client sees it',
  async (how) => {
    await using blue = await ownServer(blueMajor());
    await using green = await ownServer(greenMajor());
    const tools = await pgTools(blueMajor(), greenMajor());
    const on = async (server: { readonly url: string }, sql: string): Promise<string> =>
      runProgram(tools.psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql, server.url]);
    await KeyedWriters.createTables(blue.url);
    await on(blue, 'create table dropped_later (id int primary key, extra text)');
    await using life = await Life.begin({
      name: 'ddl',
      blueUrl: blue.url,
      greenUrl: green.url,
      tools,
      gates: '[{ person: tester }]',
    });
    const { migration } = life;
    const writers = await KeyedWriters.start(life.proxyUrl, 4);
    expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
    expect(await teals(on, blue)).toEqual('teal_ddl_drop\nteal_ddl_end\nteal_ddl_rewrite');
    expect(await teals(on, green)).toEqual('teal_ddl_drop\nteal_ddl_end\nteal_ddl_rewrite');
    if (how === 'comparisons alone') {
      await on(
        blue,
        'drop event trigger teal_ddl_end; drop event trigger teal_ddl_drop; drop event trigger teal_ddl_rewrite',
      );
      await on(
        green,
        'drop event trigger teal_ddl_end; drop event trigger teal_ddl_drop; drop event trigger teal_ddl_rewrite',
      );
    }

    // Under writes: stops, tells, goes on.
    await on(blue, `set lock_timeout = '5s'; alter table written add column extra text default 'e'`);
    expect((await waits(migration, 'forward')).now).toMatchObject({
      reason: expect.stringContaining(how === 'event triggers' ? 'public.written.extra' : 'no column extra'),
    });
    await on(green, `alter table written add column extra text default 'e'`);
    await runs(migration, 'forward');

    // What a cut does not do.
    await on(blue, 'create table late (id int primary key)');
    expect((await refused(migration)).message).toContain('rows of public.late do not move');
    await on(
      blue,
      'drop table late; alter table dropped_later drop column extra; create index late_index on written (note)',
    );
    const differs = await refused(migration);
    expect(differs.facts['differences']).toEqual([
      'column public.dropped_later.extra (text) is on green alone',
      'index public.late_index is only on blue',
    ]);
    expect(differs.message).toContain(`--accept-schema ${String(differs.facts['digest'])}`);
    await on(green, 'alter table dropped_later drop column extra');
    const accepted = String((await refused(migration)).facts['digest']);
    expect(accepted).not.toBe(differs.facts['digest']);
    await migration.acceptSchema(accepted);

    // Between hold and fence: given up, and nobody notices.
    for (const sql of [
      `create or replace function note() returns trigger language plpgsql as $$ begin return new; end $$`,
      'alter table loose add column meanwhile int',
      `create or replace view sums as select writer, count(*) as n, max(seq) as last from written group by writer`,
    ]) {
      const error = await interrupted(migration, async () => on(blue, sql));
      expect(error.code).toBe('TEAL-SYSTEMS-502');
      await on(green, sql);
      await runs(migration, 'forward');
    }
    expect(migration.state.cuts.map(({ end }) => (end.how === 'aborted' ? end.code : end.how))).toEqual(
      Array.from({ length: 3 }, () => 'TEAL-SYSTEMS-502'),
    );
    expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });

    // The other way round.
    await on(green, `set lock_timeout = '5s'; alter table written add column later int`);
    await waits(migration, 'reverse');
    await expect(migration.rollback('a test')).rejects.toMatchObject({ code: 'TEAL-STAGES-107' });
    await on(blue, 'alter table written add column later int');
    await runs(migration, 'reverse');
    await on(green, 'create type unused as enum ($$a$$)');
    await expect(migration.rollback('a test')).rejects.toMatchObject({ code: 'TEAL-STAGES-108' });
    await on(blue, 'create type unused as enum ($$a$$)');
    // The index that was accepted is on blue alone: no client of green misses it.
    expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
    await on(green, 'create index late_index on written (note)');
    expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
    await sleep(500);
    const books = await writers.stop();
    expect(books.failures).toEqual([]);
    expect(await KeyedWriters.rowsOf(green.url)).toEqual(books.acknowledged);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done' });
    expect(await teals(on, blue)).toBe('');
    expect(await teals(on, green)).toBe('');
    expect(await on(blue, `select proname from pg_proc where pronamespace = 'teal'::regnamespace`)).toBe('fence\n');
  },
);

test('DDL before the snapshot and while rows are copied: found, told, and nothing left by an abort', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  const tools = await pgTools(blueMajor(), greenMajor());
  const on = async (server: { readonly url: string }, sql: string): Promise<string> =>
    runProgram(tools.psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql, server.url]);
  await KeyedWriters.createTables(blue.url);
  const differences: (readonly string[])[] = [];
  let changed: Promise<unknown> | undefined;
  await using life = await Life.begin({
    name: 'ddlcopy',
    blueUrl: blue.url,
    greenUrl: green.url,
    tools,
    gates: '[{ person: tester }]',
    onEvent: (event) => {
      // Green's tables are made; the snapshot is not.
      if (event.kind === 'step done' && event.step === 'prepare:fence-green') {
        changed ??= on(blue, 'alter table written add column early text');
      }
      if (event.kind === 'schema') differences.push(event.differences);
    },
  });
  const { migration } = life;
  await expect(migration.up()).rejects.toMatchObject({
    code: 'TEAL-STAGES-121',
    message: expect.stringContaining('green has no column public.written.early (text)'),
  });
  await changed;
  await on(green, 'alter table written add column early text');
  expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
  expect(await migration.abort('a test')).toMatchObject({ outcome: 'done' });
  expect(await teals(on, blue)).toBe('');
  expect(await teals(on, green)).toBe('');
});

type On = (server: { readonly url: string }, sql: string) => Promise<string>;

async function teals(on: On, server: { readonly url: string }): Promise<string> {
  return (await on(server, `select evtname from pg_event_trigger where evtname like 'teal%' order by 1`)).trim();
}

async function waits(migration: Migration, flow: Flow): Promise<FlowStatus> {
  return waitFor({ what: `the ${flow} flow to stop`, timeoutMs: 60_000 }, async () => {
    const status = await migration.carrier.status(flow);
    return status.now.state === 'waiting' ? status : undefined;
  });
}

async function runs(migration: Migration, flow: Flow): Promise<void> {
  await waitFor({ what: `the ${flow} flow to go on`, timeoutMs: 60_000 }, async () => {
    const status = await migration.carrier.status(flow);
    return (status.now.state === 'running' && (status.lagMs ?? Infinity) < 1_000) || undefined;
  });
}

async function refused(migration: Migration): Promise<TealError> {
  const error: unknown = await migration.cutover().catch((thrown: unknown) => thrown);
  if (!isTealError(error, 'TEAL-STAGES-108'))
    throw new Error('the cut was not refused for its schemas', { cause: error });
  return error;
}

/** A cut in which something is done between the hold and the fence. */
async function interrupted(migration: Migration, work: () => Promise<unknown>): Promise<TealError> {
  const { router } = migration;
  const hold = router.hold.bind(router);
  router.hold = async (request) => {
    const held = await hold(request);
    await work();
    return held;
  };
  try {
    const error: unknown = await migration.cutover().catch((thrown: unknown) => thrown);
    if (!isTealError(error)) throw new Error('the cut was not given up', { cause: error });
    return error;
  } finally {
    router.hold = hold;
  }
}
