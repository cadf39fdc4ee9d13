import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assess, blockersOf, type Assessment } from '../../src/stages/assess/assess.ts';
import type { SideView } from '../../src/stages/assess/finding.ts';
import { renderAssessment } from '../../src/stages/assess/render.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { createIntrospector } from '../../src/systems/postgres/inspect/introspector.ts';
import { blueMajor, greenMajor, onDatabase, testDatabase, testServer, type TestDatabase } from '../support/postgres.ts';
import { richSchema } from '../../src/systems/postgres/inspect/test-support/rich-schema.ts';

async function look(url: string): Promise<SideView> {
  await using connection = await connect({ url, applicationName: 'teal-assess' });
  const introspector = createIntrospector(connection);
  return {
    identity: await introspector.identify(),
    catalog: await introspector.describe(),
    facts: await introspector.facts(),
  };
}

async function assessUrls(blue: string, green: string): Promise<Assessment> {
  return assess(await look(blue), await look(green));
}

function codes(findings: Assessment['findings']): readonly string[] {
  return [...new Set(findings.map(({ code }) => code))].sort();
}

describe('assessment of real servers', () => {
  test('a plain database can be moved', async () => {
    await using blue = await testDatabase(blueMajor());
    await using green = await testDatabase(greenMajor());
    await blue.query('create table t (id int primary key); insert into t select generate_series(1, 1000)');
    expect(blockersOf(await assessUrls(blue.url, green.url))).toEqual([]);
  });

  test('finds every trap of a rich schema', async () => {
    await using blue = await testDatabase(blueMajor());
    await using green = await testDatabase(greenMajor());
    await blue.query(richSchema);
    await blue.query(
      "insert into app.cache values ('k', 'v'); select lo_create(0); select setval('app.order_id_seq', 9223372036854775000)",
    );
    await green.query('create table leftover (a int); insert into leftover values (1)');
    const assessment = await assessUrls(blue.url, green.url);
    expect(codes(blockersOf(assessment))).toEqual([
      'ASSESS-GREEN-NOT-EMPTY',
      'ASSESS-LARGE-OBJECTS',
      'ASSESS-TRIGGER-ALWAYS',
    ]);
    expect(codes(assessment.findings)).toEqual(
      expect.arrayContaining([
        'ASSESS-DEFERRABLE',
        'ASSESS-EXCLUSION',
        'ASSESS-IDENTITY-NOTHING',
        'ASSESS-INHERITANCE',
        'ASSESS-MATERIALIZED-VIEWS',
        'ASSESS-NO-KEY',
        'ASSESS-RULES',
        'ASSESS-SEQUENCE-END',
        'ASSESS-TEAL-SCHEMA',
        'ASSESS-UNLOGGED',
      ]),
    );
    const document = renderAssessment(assessment, 'markdown');
    for (const table of assessment.inventory.sections.flatMap(({ rows }) => rows).map(([name]) => name)) {
      expect(document).toContain(table?.replace(/[\\`*_[\]<>#|~]/g, '\\$&'));
    }
  });

  test('what it calls an obstacle is one, and its mend takes it away', async () => {
    await using blue = await testDatabase(blueMajor());
    await using green = await testDatabase(greenMajor());
    await blue.query(`create table t (id int primary key);
      create function f() returns trigger language plpgsql as 'begin return new; end';
      create trigger always_on before insert on t for each row execute function f();
      alter table t enable always trigger always_on`);
    await green.query('create table leftover (a int)');
    const before = await assessUrls(blue.url, green.url);
    expect(codes(blockersOf(before))).toEqual(['ASSESS-GREEN-NOT-EMPTY', 'ASSESS-TRIGGER-ALWAYS']);
    for (const { side, mend } of blockersOf(before)) await (side === 'green' ? green : blue).query(mend ?? '');
    expect(blockersOf(await assessUrls(blue.url, green.url))).toEqual([]);
  });

  test('the same database twice is seen through two addresses', async () => {
    await using database = await testDatabase(greenMajor());
    const found = blockersOf(await assessUrls(database.url, `${database.url}?application_name=other`));
    expect(codes(found)).toContain('ASSESS-SAME-DATABASE');
  });

  test('a server without logical WAL', async () => {
    const plain = await testServer(blueMajor(), { settings: { wal_level: 'replica' } });
    await using blue = await testDatabase(plain);
    await using green = await testDatabase(greenMajor());
    await blue.query('create table t (id int primary key)');
    expect(codes(blockersOf(await assessUrls(blue.url, green.url)))).toEqual(['ASSESS-WAL-LEVEL']);
  });

  test('a table that 18 would close to changes as soon as it is published, and its mend', async () => {
    await using blue = await testDatabase(18);
    await using green = await testDatabase(18);
    await blue.query(`create table none (a int, g int generated always as (a + 1) stored);
      create table virt (a int, g int generated always as (a + 1) virtual);
      create table keyed (a int not null, g int generated always as (a + 1) stored primary key);
      create table other (a int not null unique, g int generated always as (a + 1) stored primary key);
      create table chosen (a int primary key, g int generated always as (a + 1) stored);
      alter table chosen replica identity full;
      create table fine (a int primary key, g int generated always as (a + 1) stored)`);
    const names = ['none', 'virt', 'keyed', 'other', 'chosen', 'fine'];
    for (const name of names) await blue.query(`insert into ${name} values (1)`);
    // What Teal would do: FULL where there is no identity, then a publication.
    await blue.query('begin; alter table none replica identity full; alter table virt replica identity full');
    await blue.query(`create publication p for table ${names.join(', ')}`);
    const refused: string[] = [];
    for (const name of names) {
      await blue.query('savepoint s');
      await blue.query(`update ${name} set a = 2`).catch(() => refused.push(`public.${name}`));
      await blue.query('rollback to s');
    }
    await blue.query('rollback');
    const found = blockersOf(await assessUrls(blue.url, green.url));
    expect(codes(found)).toEqual(['ASSESS-GENERATED-IDENTITY']);
    expect(new Set(found.map(({ object }) => object))).toEqual(new Set(refused));
    for (const { mend } of found) await blue.query(mend ?? '');
    expect(blockersOf(await assessUrls(blue.url, green.url))).toEqual([]);
    await blue.query(`create publication p for table ${names.join(', ')}`);
    for (const name of names) await blue.query(`update ${name} set a = 2; delete from ${name}`);
  });

  test('a role that lacks everything: each mend, run as it stands, gives what it says', async () => {
    // From 15 on all rights can be granted; before, only a superuser may set session_replication_role.
    await using blue = await testDatabase(greenMajor());
    await using green = await testDatabase(greenMajor());
    const role = `mover_${blue.name}`;
    const owner = `owner_${blue.name}`;
    const asRole = (database: TestDatabase): string => {
      const url = new URL(onDatabase(database.url, database.name));
      url.username = role;
      return url.href;
    };
    await blue.query(`create role ${role} login; create role ${owner}; create schema shop;
      create table shop.secret (id int primary key); insert into shop.secret values (1), (2);
      alter table shop.secret owner to ${owner}; alter table shop.secret enable row level security;
      alter table shop.secret force row level security`);
    try {
      const before = await assessUrls(asRole(blue), asRole(green));
      expect(codes(blockersOf(before))).toEqual([
        'ASSESS-RIGHT-APPLY',
        'ASSESS-RIGHT-CREATE',
        'ASSESS-RIGHT-DATABASE',
        'ASSESS-RIGHT-ORIGIN',
        'ASSESS-RIGHT-OWNER',
        'ASSESS-RIGHT-REPLICATION',
        'ASSESS-RIGHT-ROLES',
        'ASSESS-RIGHT-SELECT',
        'ASSESS-ROWS-HIDDEN',
      ]);
      for (const { code, side, mend } of before.findings) {
        if (!code.startsWith('ASSESS-RIGHT') && code !== 'ASSESS-ROWS-HIDDEN') continue;
        await (side === 'green' ? green : blue).query(mend ?? '');
      }
      const after = await assessUrls(asRole(blue), asRole(green));
      expect(blockersOf(after)).toEqual([]);
      expect(codes(after.findings).filter((code) => code.startsWith('ASSESS-RIGHT'))).toEqual([
        'ASSESS-RIGHT-EVENT-TRIGGER',
      ]);
      await using connection = await connect({ url: asRole(blue), applicationName: 'teal-assess' });
      await connection.query(`set session_replication_role = replica`);
      await connection.query(`select pg_replication_origin_create('${role}'), pg_replication_origin_drop('${role}')`);
      await connection.query('create publication teal_p for table shop.secret');
      await connection.query('create schema teal');
      expect((await connection.query('select id from shop.secret')).rowCount).toBe(2);
    } finally {
      for (const database of [green, blue]) {
        await database.query(`alter database ${database.name} owner to postgres`);
        await database.query(`drop owned by ${role}, ${owner} cascade`);
      }
      await blue.query(`drop role ${role}, ${owner}`);
    }
  });

  const sakila = resolve(import.meta.dirname, '../../../shared/data/sakila/postgres-sakila-schema.sql');
  const isThere = existsSync(sakila);
  if (!isThere) process.stderr.write(`SKIPPED: the assessment of Sakila, for ${sakila} is not there\n`);

  test.skipIf(!isThere)('Sakila, a schema that nobody here made', async () => {
    await using blue = await testDatabase(blueMajor());
    await using green = await testDatabase(greenMajor());
    await blue.query(readFileSync(sakila, 'utf8'));
    const assessment = await assessUrls(blue.url, green.url);
    expect(blockersOf(assessment)).toEqual([]);
    const rows = (title: string): readonly (readonly string[])[] =>
      assessment.inventory.sections.find((section) => section.title === title)?.rows ?? [];
    expect(rows('Tables').map(([name]) => name)).toContain('public.payment_p2007_01');
    expect(rows('Tables')).toHaveLength(21);
    expect(rows('Sequences')).toHaveLength(13);
    expect(codes(assessment.findings)).toEqual(expect.arrayContaining(['ASSESS-INHERITANCE', 'ASSESS-RULES']));
    expect(rows('Foreign keys').length).toBeGreaterThan(20);
  });
});
