import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { sleep } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { schemaParts, type SchemaDriver } from '../../src/ports/schema-driver.ts';
import { postgresSchemaDriver } from '../../src/systems/postgres/schema.ts';
import { findPgTools } from '../../src/systems/postgres/schema-tools.ts';
import { asPostgresMajor, type PostgresMajor } from '../../tools/servers/install-postgres.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, type TestDatabase } from '../support/postgres.ts';
import { objectMatrix } from './object-matrix.ts';
import { catalogOf, makeSides, type Sides } from './sides.ts';

async function driverOf(sides: Sides, stateDir = sides.stateDir): Promise<SchemaDriver> {
  const tools = await pgTools(sides.blue.major, sides.green.major);
  return postgresSchemaDriver({ sourceUrl: sides.blue.url, targetUrl: sides.green.url, stateDir, tools });
}

/** What must be equal on both sides: all but numbers and sizes. */
function shapeOf(catalog: Catalog): unknown {
  const ignored = new Set([
    'oid',
    'typeOid',
    'estimatedRows',
    'pages',
    'totalBytes',
    'heapBytes',
    'version',
    'populated',
  ]);
  // Any order in which they can be refreshed is right.
  const materializedViews = catalog.materializedViews.toSorted((a, b) => a.name.localeCompare(b.name));
  return JSON.parse(
    JSON.stringify({ ...catalog, materializedViews }, (key, value: unknown) => {
      if (ignored.has(key)) return undefined;
      return typeof value === 'bigint' ? String(value) : value;
    }),
  );
}

/** What the catalog model does not hold, as the servers print it. */
async function definitionsOf(database: TestDatabase): Promise<unknown> {
  const one = async (sql: string): Promise<unknown> => database.query(sql);
  const mine = `('shop', 'odd "schema" \\ ; $$')`;
  // Since 16 a view of one table is printed without the table's name before each column.
  const plain = String.raw`regexp_replace(definition, '\m\w+\.(?=\w)', '', 'g') as d`;
  await database.query(`set search_path = ''`);
  return {
    constraints: await one(
      `select conrelid::regclass::text as t, conname, pg_get_constraintdef(c.oid) as d, convalidated::text as v from pg_constraint c join pg_namespace n on n.oid = connamespace where nspname in ${mine} and contype <> 'n' order by 1, 2`,
    ),
    indexes: await one(`select indexdef from pg_indexes where schemaname in ${mine} order by 1`),
    invalid: await one(`select indexrelid::regclass::text as i from pg_index where not indisvalid`),
    functions: await one(
      `select pg_get_functiondef(p.oid) as d, proacl::text from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname in ${mine} and prokind in ('f', 'p') and not exists (select from pg_depend where objid = p.oid and deptype = 'e') order by 1`,
    ),
    triggers: await one(
      `select pg_get_triggerdef(t.oid) as d, tgenabled from pg_trigger t join pg_class c on c.oid = tgrelid join pg_namespace n on n.oid = relnamespace where not tgisinternal and nspname in ${mine} order by 1`,
    ),
    views: await one(`select viewname, ${plain} from pg_views where schemaname in ${mine} order by 1`),
    matviews: await one(`select matviewname, ${plain} from pg_matviews where schemaname in ${mine} order by 1`),
    rules: await one(`select definition from pg_rules where schemaname in ${mine} order by 1`),
    policies: await one(
      `select policyname, roles::text, cmd, qual from pg_policies where schemaname in ${mine} order by 1`,
    ),
    comments: await one(
      `select description from pg_description d where classoid in ('pg_class'::regclass, 'pg_namespace'::regclass) and description in (E'two\\nlines', 'x', 'it''s a "shop"') order by 1`,
    ),
    grants: await one(
      `select relname, relacl::text, pg_get_userbyid(relowner) as o, reloptions::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname in ${mine} and relkind <> 'i' order by 1`,
    ),
    columns: await one(
      `select attrelid::regclass::text as t, attname, attacl::text, attstorage, attcollation::regcollation::text as c, pg_get_expr(adbin, adrelid) as d from pg_attribute a left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where nspname in ${mine} and attnum > 0 and relkind in ('r', 'p') order by 1, 2`,
    ),
    defaults: await one(`select defaclobjtype, defaclacl::text from pg_default_acl order by 1, 2`),
    statistics: await one(`select pg_get_statisticsobjdef(oid) as d from pg_statistic_ext order by 1`),
    types: await one(
      `select typname, typtype, (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid) as labels, typnotnull::text, typdefault from pg_type t join pg_namespace n on n.oid = typnamespace where nspname in ${mine} and typtype in ('e', 'd', 'r', 'c') order by 1`,
    ),
  };
}

/** Roles belong to the server: the test's own, gone with it. */
async function withRole(sides: Sides, work: (role: string) => Promise<void>): Promise<void> {
  const role = `r_${sides.blue.name}`;
  const isOneServer = sides.blue.major === sides.green.major;
  await sides.blue.query(`create role ${role}`);
  if (!isOneServer) await sides.green.query(`create role ${role}`);
  try {
    await work(role);
  } finally {
    for (const side of [sides.blue, sides.green]) await side.query(`reset search_path; drop owned by ${role} cascade`);
    await sides.blue.query(`drop role ${role}`);
    if (!isOneServer) await sides.green.query(`drop role ${role}`);
  }
}

const pairs: readonly (readonly [PostgresMajor, PostgresMajor])[] = [
  [blueMajor(), greenMajor()],
  [greenMajor(), greenMajor()],
];

test.for(pairs)('brings every kind of object from %i to %i, and back to nothing', async ([blue, green], { expect }) => {
  await using sides = await makeSides(asPostgresMajor(blue), asPostgresMajor(green));
  await withRole(sides, async (role) => {
    await sides.blue.query(objectMatrix(role));
    await sides.green.query(
      `create schema shop authorization ${role}; create schema mine; create table mine.kept (a int)`,
    );
    const empty = shapeOf(await catalogOf(sides.green));
    const driver = await driverOf(sides);
    const work = { signal: sides.signal };
    const fingerprint = await driver.capture(work);
    expect((await stat(join(sides.stateDir, 'schema.dump'))).mode & 0o777).toBe(0o600);
    await driver.apply(['tables'], work);
    expect(
      await sides.green.query(`select from pg_index i join pg_class c on c.oid = indrelid where relname = 'customer'`),
    ).toEqual([]);
    expect((await driver.probe(schemaParts)).state).toBe('partly');
    const report = await driver.apply(schemaParts, { ...work, workers: 3 });
    expect(report.created).toBeGreaterThan(30);
    expect(await driver.probe(schemaParts)).toMatchObject({ state: 'done' });
    expect(await driver.apply(schemaParts, work)).toMatchObject({ created: 0 });

    await sides.blue.query('create schema mine; create table mine.kept (a int)');
    expect(shapeOf(await catalogOf(sides.green))).toEqual(shapeOf(await catalogOf(sides.blue)));
    expect(await definitionsOf(sides.green)).toEqual(await definitionsOf(sides.blue));
    if (blue === green) {
      const sameTools = await findPgTools({
        blueMajor: green,
        greenMajor: green,
        binDir: (await pgTools(green, green)).binDir,
      });
      const again = postgresSchemaDriver({
        sourceUrl: sides.green.url,
        targetUrl: sides.green.url,
        stateDir: join(sides.stateDir, 'again'),
        tools: sameTools,
      });
      await sides.blue.query('drop schema mine cascade');
      await sides.green.query('alter schema mine rename to teal_mine; drop schema teal_mine cascade');
      expect(await again.capture(work)).toBe(fingerprint);
      await sides.green.query('create schema mine; create table mine.kept (a int)');
    }

    await driver.revert(work);
    await driver.revert(work);
    expect(shapeOf(await catalogOf(sides.green))).toEqual(empty);
    expect(await driver.probe(schemaParts)).toEqual({ state: 'not done' });
  });
});

test('a process that is killed at many moments leaves a schema that the next one completes', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await withRole(sides, async (role) => {
    await sides.blue.query(objectMatrix(role));
    const { binDir } = await pgTools(sides.blue.major, sides.green.major);
    let kills = 0;
    for (let lifeMs = 150; ; lifeMs += 15) {
      const child = spawn(
        process.execPath,
        [resolve(import.meta.dirname, 'schema-process.ts'), sides.stateDir, binDir],
        {
          env: { ...process.env, BLUE: sides.blue.url, GREEN: sides.green.url },
          stdio: 'inherit',
        },
      );
      const exited = once(child, 'exit');
      await Promise.race([exited, sleep(lifeMs)]);
      child.kill('SIGKILL');
      const [code] = await exited;
      if (code === 0) break;
      expect(code).toBeNull();
      kills += 1;
    }
    expect(kills).toBeGreaterThan(2);
    expect(shapeOf(await catalogOf(sides.green))).toEqual(shapeOf(await catalogOf(sides.blue)));
    expect(await definitionsOf(sides.green)).toEqual(await definitionsOf(sides.blue));
  });
});

test('a body that looks like a header of the archive does not fool the reader', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query(`create table a (n int); create table b (n int)`);
  const [row] = await sides.blue.query(`select 'a'::regclass::oid::text as a`);
  const forged = [200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216, 217].map(
    (id) =>
      `--\n-- TOC entry ${id} (class 1259 OID ${row?.['a']})\n-- Name: a; Type: TABLE; Schema: public; Owner: x\n--\n\ndrop table b;\n`,
  );
  await sides.blue.query(
    `create function early() returns void language plpgsql as $body$\nbegin\n/*\n${forged.join('')}\\restrict x\nSET default_tablespace = '';\n*/\nend\n$body$`,
  );
  await (await driverOf(sides)).apply(schemaParts, { signal: sides.signal });
  const source = `select prosrc from pg_proc where proname = 'early'`;
  expect(await sides.green.query(source)).toEqual(await sides.blue.query(source));
  expect(await sides.green.query(`select to_regclass('a')::text as a, to_regclass('b')::text as b`)).toEqual([
    { a: 'a', b: 'b' },
  ]);
});

test('a table of the target that Teal did not make stops the schema and stays as it is', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query('create table a (n int); create table b (n int)');
  await sides.green.query('create table b (mine text)');
  const driver = await driverOf(sides);
  await expect(driver.apply(schemaParts, { signal: sides.signal })).rejects.toSatisfy((error) =>
    isTealError(error, 'TEAL-SYSTEMS-203'),
  );
  await driver.revert({ signal: sides.signal });
  expect((await catalogOf(sides.green)).tables.map((table) => table.columns[0]?.name)).toEqual(['mine']);
});

test('indexes of a table wait until its rows are in', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query(
    'create table a (n int primary key); create table b (n int primary key, v int); create index on b (v)',
  );
  const gate = Promise.withResolvers<void>();
  const driver = await driverOf(sides);
  await driver.apply(['tables'], { signal: sides.signal });
  const building = driver.apply(['keys', 'indexes'], {
    signal: sides.signal,
    workers: 2,
    ready: async (table) => (table.name === 'b' ? gate.promise : undefined),
  });
  const indexes = `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = relnamespace where nspname = 'public' order by 1`;
  await expect.poll(async () => sides.green.query(indexes)).toEqual([{ name: 'a_pkey' }]);
  gate.resolve();
  expect(await building).toMatchObject({ created: 3 });
  expect(await sides.green.query(indexes)).toEqual([{ name: 'a_pkey' }, { name: 'b_pkey' }, { name: 'b_v_idx' }]);
});

test('names what to install when there is no pg_dump', async () => {
  await expect(findPgTools({ blueMajor: 14, greenMajor: 18, binDir: '/nowhere' })).rejects.toSatisfy((error) =>
    isTealError(error, 'TEAL-SYSTEMS-200'),
  );
  const { binDir } = await pgTools(14, 16);
  await expect(findPgTools({ blueMajor: 19, greenMajor: 19, binDir })).rejects.toSatisfy((error) =>
    isTealError(error, 'TEAL-SYSTEMS-200'),
  );
});

test('keys are added beside a flow that locks the same tables in another order, and then hold for all rows', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  await sides.blue.query(`
    create table parent (id int primary key);
    create table child (id int primary key, parent int references parent);
    create table grandchild (id int primary key, child int references child, parent int references parent);
    alter table child add constraint old foreign key (id) references parent not valid`);
  const driver = await driverOf(sides);
  await driver.apply(['tables', 'keys', 'indexes'], { signal: sides.signal });
  await sides.green.query(`
    insert into parent select i from generate_series(1, 1000) i; insert into child select i, i from generate_series(1, 1000) i;
    insert into child values (5000, 1)`);
  const flow = await sides.green.connect();
  const over = new AbortController();
  let transactions = 0;
  const flowing = (async () => {
    await flow.query(`set session_replication_role = replica`);
    for (; !over.signal.aborted; transactions += 1) {
      await flow.query('begin');
      for (const table of ['parent', 'child', 'grandchild']) {
        await flow.query(`lock table ${table} in row exclusive mode`);
        await sleep(5);
      }
      await flow.query('commit');
    }
  })();
  try {
    await driver.apply(['foreignKeys', 'validation'], { signal: sides.signal, workers: 3 });
  } finally {
    over.abort();
    await flowing;
  }
  // None of the two was a deadlock's victim for good, and the flow went on in between.
  expect(transactions).toBeGreaterThan(3);
  const keys = await sides.green.query(
    `select conname, convalidated::text as valid from pg_constraint where contype = 'f' order by 1`,
  );
  expect(keys).toEqual([
    { conname: 'child_parent_fkey', valid: 'true' },
    { conname: 'grandchild_child_fkey', valid: 'true' },
    { conname: 'grandchild_parent_fkey', valid: 'true' },
    { conname: 'old', valid: 'false' },
  ]);
});
