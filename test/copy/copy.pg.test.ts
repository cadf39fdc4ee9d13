import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import type { Table } from '../../src/model/catalog.ts';
import { copyTables, missingOf } from '../../src/sync/copy.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { ensureHolders, liveHolders } from '../../src/systems/postgres/holder.ts';
import { discardSnapshot, heldSource, openSnapshot, probeSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { blueMajor, greenMajor } from '../support/postgres.ts';
import { allRowsOf, digestOf, holderCommand, makeSides, type Sides } from './sides.ts';

const schema = `
  create schema "odd ""schema""";
  create type mood as enum ('sad', 'it''s "fine"');
  create domain positive as int check (value > 0);
  create type pair as (a int, b text);
  create table big (id bigint primary key, v text, n numeric, at timestamptz);
  create table "odd ""schema"""."Table with "" quote" ("a ""b" int, "select" text);
  create table moods (id int generated always as identity, m mood, p positive, ms mood[], pr pair, doubled int generated always as (id * 2) stored);
  create table parted (k int, v text) partition by range (k);
  create table parted_1 partition of parted for values from (0) to (100);
  create table parted_2 partition of parted for values from (100) to (200);
  create table parent (a int); create table child (b int) inherits (parent);
  create table keyless (a int, b text);
  create table wide (id int primary key, doc text, bytes bytea, r regclass, c money, tr int4range, j jsonb, x xml, f float8);
  create table nothing ();
  create table empty (a int);
`;

const rows = `
  insert into big select i, repeat(md5(i::text), 1 + i % 3), i / 7.0, 'epoch'::timestamptz + i * interval '1 second' from generate_series(1, 60000) i;
  delete from big where id % 5 = 0; update big set v = 'moved' where id % 11 = 0;
  insert into "odd ""schema"""."Table with "" quote" values (1, E'tab\\there\\\\N'), (2, null), (3, '');
  insert into moods (m, p, ms, pr) values ('sad', 1, '{sad,"it''s \\"fine\\""}', (1, 'x')), (null, null, null, null);
  insert into parted select i, i::text from generate_series(0, 199) i;
  insert into parent values (1), (2); insert into child values (3, 4);
  insert into keyless values (1, 'x'), (1, 'x'), (null, null), (null, null);
  insert into wide select i, repeat(md5(i::text), 2000), decode(md5(i::text), 'hex'), 'wide'::regclass, 12.34, '[1,5)', '{"a": [1, null]}',
    '<a>b</a>', case i % 4 when 0 then 'NaN' when 1 then '-Infinity' when 2 then 0.1 + 0.2 else '-0' end::float8 from generate_series(1, 50) i;
  insert into nothing default values; insert into nothing default values;
`;

async function filledSides(): Promise<Sides> {
  const sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query(schema);
  await sides.blue.query(rows);
  await sides.green.query(schema);
  return sides;
}

/** Small ranges, so that little data makes many. */
const smallRanges = { minRangeBytes: 64 << 10, maxRangeBytes: 256 << 10 };

test('copies every kind of table exactly as the snapshot shows it, and a second run copies nothing', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const before = await allRowsOf(sides.blue, tables);
  const opened = await openSnapshot(sides.snapshotOptions(tables), sides.signal);
  await sides.blue.query(
    `insert into big values (-1, 'later', 0, now()); update big set v = 'later' where id < 100; delete from keyless`,
  );

  const finished: string[] = [];
  const options = {
    source: heldSource(sides.snapshotOptions(tables), opened),
    target: postgresCopyTarget(sides.green.url),
    tables,
    epoch: 1,
    signal: sides.signal,
    ...smallRanges,
  };
  const shares: number[] = [];
  const report = await copyTables({
    ...options,
    onTableDone: (table) => finished.push(table.name),
    progress: ({ share }) => shares.push(share),
  });

  const after = await allRowsOf(sides.green, tables);
  expect(after).toEqual(before);
  expect(finished.sort()).toEqual(tables.map((table) => table.name).sort());
  expect(report.ranges).toBeGreaterThan(tables.length + 10);
  expect(report.rows).toBe(BigInt(Object.values(before).flat().length));
  expect(shares.at(-1)).toBe(1);

  const again = await copyTables(options);
  expect(again).toMatchObject({ ranges: 0, bytes: 0, rows: report.rows });
  expect(missingOf(tables, await options.target.done(tables))).toEqual([]);
});

test('a copier that is killed at many moments leaves nothing twice and nothing out', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const opened = await openSnapshot(sides.snapshotOptions(tables), sides.signal);
  const before = await digestOf(sides.blue, tables);
  await sides.blue.query(`update big set v = 'after the snapshot'`);
  const program = resolve(import.meta.dirname, 'copy-process.ts');
  let kills = 0;
  for (let lifeMs = 0; ; lifeMs += 25) {
    const child = spawn(process.execPath, [program, sides.stateDir, opened.snapshot, '1'], {
      env: { ...process.env, BLUE: sides.blue.url, GREEN: sides.green.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const writing = waitFor({ what: 'the copier to write', timeoutMs: 60_000, everyMs: 5 }, async () => {
      if (child.exitCode !== null) return true;
      const [row] = await sides.green.query(
        `select from pg_stat_activity where application_name = 'teal copy writer' and datname = current_database()`,
      );
      return row === undefined ? undefined : true;
    });
    await writing;
    await sleep(lifeMs);
    child.kill('SIGKILL');
    const [code] = await exited;
    if (code === 0) break;
    kills += 1;
    expect((await liveHolders(sides.snapshotOptions(tables), opened)).length).toBe(2);
  }
  expect(kills).toBeGreaterThan(3);
  expect(await digestOf(sides.green, tables)).toEqual(before);
  const [chunks] = await sides.green.query('select sum(rows)::text as rows from teal.chunk');
  expect(chunks?.['rows']).toBe(String(48000 + 3 + 2 + 200 + 3 + 4 + 50 + 2));
});

test('one holder may die; when both do, the copy stops loudly, and a new epoch brings what is not complete', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  const opened = await openSnapshot(options, sides.signal);
  const [first, second] = await liveHolders(options, opened);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await waitFor({ what: 'the holder to be gone', timeoutMs: 60_000 }, async () =>
    (await liveHolders(options, opened)).length === 1 ? true : undefined,
  );
  await sides.blue.query(`update big set v = 'after'`);
  const restored = await ensureHolders(options, opened, sides.signal);
  expect(new Set(restored.map((record) => record.pid)).size).toBe(2);
  const copyOptions = { target: postgresCopyTarget(sides.green.url), tables, signal: sides.signal, ...smallRanges };
  const stop = new AbortController();
  const half = copyTables({
    ...copyOptions,
    source: heldSource(options, opened),
    epoch: 1,
    signal: stop.signal,
    onTableDone: () => stop.abort(new Error('enough')),
  });
  await expect(half).rejects.toThrow('enough');

  for (const holder of restored) process.kill(holder.pid, 'SIGKILL');
  await waitFor({ what: 'both holders to be gone', timeoutMs: 60_000 }, async () =>
    (await liveHolders(options)).length === 0 ? true : undefined,
  );
  expect((await probeSnapshot(options)).state).toBe('partly');
  const lost = copyTables({ ...copyOptions, source: heldSource(options, opened), epoch: 1 });
  await expect(lost).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-203'));
  expect(second).toBeDefined();

  const anew = sides.snapshotOptions(tables, 2);
  const reopened = await openSnapshot(anew, sides.signal);
  expect(reopened.replacedSlot).toBe(true);
  const before = await digestOf(sides.blue, tables);
  const done = await copyOptions.target.done(tables);
  const sameEpoch = copyTables({ ...copyOptions, source: heldSource(anew, reopened), epoch: 1 });
  await expect(sameEpoch).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-202'));
  const complete = tables.filter((table) => !missingOf(tables, done).includes(table));
  const kept = await digestOf(sides.green, complete);
  await copyTables({ ...copyOptions, source: heldSource(anew, reopened), epoch: 2 });
  expect(complete.length).toBeGreaterThan(0);
  expect(await digestOf(sides.green, tables)).toEqual({ ...before, ...kept });
});

test('a table that is to be rewritten waits until the snapshot is let go', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  await openSnapshot(options, sides.signal);
  await sides.blue.query(`set lock_timeout = '200ms'`);
  await expect(sides.blue.query(`alter table keyless alter a type bigint`)).rejects.toThrow('lock timeout');
  await expect(sides.blue.query(`truncate parted_1`)).rejects.toThrow('lock timeout');
  await discardSnapshot(options, sides.signal);
  await sides.blue.query(`alter table keyless alter a type bigint`);
  expect(await probeSnapshot(options)).toEqual({ state: 'not done' });
});

test('holders that take long to come up keep nobody waiting who empties a table again and again', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const slowly = 'data:text/javascript,Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)';
  const [program, ...args] = holderCommand;
  const options = { ...sides.snapshotOptions(tables), command: [program ?? '', '--import', slowly, ...args] };
  const emptier = await sides.blue.connect();
  const stop = new AbortController();
  const emptying = (async () => {
    while (!stop.signal.aborted) {
      await emptier.query('truncate parted_1');
      await sleep(300);
    }
  })();
  const opened = await openSnapshot(options, sides.signal);
  expect(await liveHolders(options, opened)).toHaveLength(2);
  stop.abort();
  await discardSnapshot(options, sides.signal);
  await emptying;
  await emptier.end();
});

test('holders end when nobody renews their lease, and a copy that runs renews it', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const options = { ...sides.snapshotOptions(tables), leaseMs: 1_500 };
  const opened = await openSnapshot(options, sides.signal);
  const copy = { target: postgresCopyTarget(sides.green.url), tables, epoch: 1, signal: sides.signal, ...smallRanges };
  const source = heldSource(options, opened);
  const began = Date.now();
  // Twice the lease with a range now and then: the renewals alone keep the holders.
  while (Date.now() - began < 3_000) {
    await using reader = await source.open(sides.signal);
    for await (const span of reader.read({ table: tables[0] as Table, from: 0 }, 'text').spans) void span;
    await sleep(200);
  }
  expect((await liveHolders(options, opened)).length).toBe(2);
  await waitFor({ what: 'the leases to end', timeoutMs: 60_000 }, async () =>
    (await liveHolders(options)).length === 0 ? true : undefined,
  );
  await expect(copyTables({ ...copy, source })).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-203'));
});

test('rows that Teal did not bring to the target stop the copy before it begins', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  const opened = await openSnapshot(options, sides.signal);
  await sides.green.query(`insert into keyless values (7, 'mine')`);
  const copy = copyTables({
    source: heldSource(options, opened),
    target: postgresCopyTarget(sides.green.url),
    tables,
    epoch: 1,
    signal: sides.signal,
  });
  await expect(copy).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-201'));
  expect(await sides.green.query('select a from keyless')).toEqual([{ a: '7' }]);
});

test('sessions that the servers end are opened again, and triggers that swallow rows are found out', async () => {
  await using sides = await filledSides();
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  const opened = await openSnapshot(options, sides.signal);
  const terminate = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'teal copy %er'`;
  let ended = 0;
  const report = await copyTables({
    source: heldSource(options, opened),
    target: postgresCopyTarget(sides.green.url),
    tables,
    epoch: 1,
    signal: sides.signal,
    ...smallRanges,
    onTableDone: () => {
      ended += 1;
      void (ended % 2 === 0 ? sides.blue : sides.green).query(terminate);
    },
  });
  expect(report.retries).toBeGreaterThan(0);
  expect(await digestOf(sides.green, tables)).toEqual(await digestOf(sides.blue, tables));

  await sides.green.query(`
    truncate keyless; delete from teal.chunk where rel = ${tables.find((table) => table.name === 'keyless')?.oid ?? 0};
    create function swallow() returns trigger language plpgsql as 'begin if new.a is null then return null; end if; return new; end';
    create trigger swallow before insert on keyless for each row execute function swallow();
    alter table keyless enable always trigger swallow`);
  const copy = copyTables({
    source: heldSource(options, opened),
    target: postgresCopyTarget(sides.green.url),
    tables,
    epoch: 1,
    signal: sides.signal,
  });
  await expect(copy).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-205'));
  expect(await sides.green.query('select from keyless')).toEqual([]);
});
