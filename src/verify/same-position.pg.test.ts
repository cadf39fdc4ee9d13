import { describe, expect, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import type { RowDifference } from './differences.ts';
import { openCertificate } from './certificate.ts';
import { renderCertificate } from './certificate-text.ts';
import type { VerifyResult } from './same-position.ts';
import { namesOf, twoSides } from './test-support/two-sides.ts';

const everyType = `
create type mood as enum ('sad', 'glad');
create type pair as (a int, b text);
create domain code as char(5);
create domain positive as int check (value > 0);
create table every_type (
  id bigint primary key, b bool, i2 smallint, i4 int, n numeric, n2 numeric(12, 4), f4 real, f8 double precision, m money,
  t text, c char(8), v varchar(20), d date, ti time, tt timetz, ts timestamp, tz timestamptz, iv interval, u uuid, by bytea,
  j json, jb jsonb, x xml, bits bit(9), vb varbit, ip inet, ci cidr, ma macaddr, ma8 macaddr8, po point, bo box, pa path, pl polygon, cr circle,
  li line, ls lseg, tv tsvector, tq tsquery, ir int4range, nr numrange, tr tstzrange, im int4multirange, ia int[], ta text[], na numeric[][],
  mo mood, ma2 mood[], pr pair, co code, pos positive, rc regclass, rt regtype, o oid, l pg_lsn, x8 xid8, ac aclitem, jp jsonpath, nm name, ch "char",
  g int generated always as (i4 * 2) stored);
insert into every_type
select k, k % 2 = 0, k, k * 1000, (k || '.' || repeat('0', k % 4))::numeric, k / 3.0, k / 7.0, k / 11.0, (k * 1.5)::numeric::money,
  'text ' || k || E'\\n,"()\\\\' || chr(960), 'c' || k, 'v' || k, date '2020-01-01' + k, time '12:00' + k * interval '1 us', timetz '12:00+02' , timestamp '2020-01-01' + k * interval '1 us',
  timestamptz '2020-06-01 12:00+02' + k * interval '1 us', k * interval '1 day 1 us', md5(k::text)::uuid, decode(md5(k::text), 'hex'),
  format('{"k" : %s,  "a":1}', k)::json, format('{"k" : %s, "n": 1.50}', k)::jsonb, ('<a>' || k || '</a>')::xml, k::int::bit(9), k::int::bit(5)::varbit,
  ('10.0.0.' || k % 256)::inet, '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', point(k, 1.0 / k), box(point(0, 0), point(k, k)), '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1>',
  '{1,2,3}', '[(0,0),(1,1)]', to_tsvector('simple', 'a b ' || k), to_tsquery('simple', 'a & b'), int4range(k::int, k::int + 5), numrange(k, null), tstzrange('2020-01-01 00:00+00', null),
  int4multirange(int4range(1, 3), int4range(7, 9)), array[k, null, 3]::int[], array['a,b', '"', '', null, '{}'], array[[1.0, 2.00], [k, 4]],
  case when k % 2 = 0 then 'sad' else 'glad' end::mood, array['sad', null]::mood[], row(k, 'x,y')::pair, 'ab', k::positive, 'every_type'::regclass, 'mood'::regtype, k::oid,
  '16/B374D848', k::text::xid8, 'postgres=r/postgres', '$.a[*]', 'name' || k, 'q'
from generate_series(1, 300) k;
insert into every_type (id, f8, f4, n) values (1001, 'NaN', 'Infinity', 'NaN'), (1002, '-0', '-0', '0.000'), (1003, '-Infinity', 'NaN', null);
insert into every_type (id) values (1004);`;

function outcomes(result: VerifyResult): Record<string, string> {
  return Object.fromEntries(result.tables.map(({ name, outcome }) => [`${name.schema}.${name.name}`, outcome]));
}

function differencesOf(result: VerifyResult, table: string, schema = 'public'): readonly RowDifference[] {
  const outcome = must(
    result.tables.find(({ name }) => name.name === table && name.schema === schema),
    table,
  );
  return outcome.outcome === 'differs' ? outcome.differences.kept : [];
}

describe('equal sides', () => {
  test('tables of every type, with and without a key, empty, oddly named, partitioned, inherited', async () => {
    await using sides = await twoSides();
    await sides.both(everyType);
    await sides.both(`
      create table no_key (a int, b text);
      insert into no_key select k % 5, 'x' from generate_series(1, 100) k;
      create table empty (id int primary key, v text);
      create table no_columns ();
      create schema "Odd ""s";
      create table "Odd ""s"."Sel ect'\\" ("a ""b" int, "ctid2" text, "__proto__" text, primary key ("a ""b", "ctid2"));
      insert into "Odd ""s"."Sel ect'\\" values (1, 'x', 'p'), (1, 'y', null);
      create table part (id int, at date, primary key (id, at)) partition by range (at);
      create table part_1 partition of part for values from ('2020-01-01') to ('2021-01-01');
      create table part_2 partition of part for values from ('2021-01-01') to ('2022-01-01');
      insert into part select k, date '2020-06-01' + k from generate_series(1, 500) k;
      create table parent (id int primary key);
      create table child (extra text) inherits (parent);
      insert into parent values (1); insert into child values (1, 'not of the parent');`);
    const result = await sides.verify();
    expect(new Set(Object.values(outcomes(result)))).toEqual(new Set(['equal']));
    expect(result.tables).toHaveLength(9);
    expect(result.certificate).toMatchObject({ result: 'equal', precision: 'full' });
    const parent = result.certificate.tables.find(({ name }) => name === 'parent');
    expect(parent?.rows).toEqual({ blue: '1', green: '1' });
    expect(result.certificate.tables.find(({ name }) => name === 'every_type')).toMatchObject({
      form: 'quick',
      keyed: true,
    });
  });

  test('physical order, dead rows and the order of columns make no difference', async () => {
    await using sides = await twoSides();
    await sides.blue.query(`
      create table t (id int primary key, a text, b numeric);
      insert into t select k, 'a' || k, k from generate_series(1, 5000) k`);
    await sides.green.query(`
      create table t (b numeric, a text, gone int, id int primary key);
      insert into t (id, a, b) select k, 'a' || k, 0 from generate_series(5000, 1, -1) k;
      update t set b = id; delete from t where id % 2 = 0;
      alter table t drop column gone;
      insert into t (id, a, b) select k, 'a' || k, k from generate_series(2, 5000, 2) k`);
    expect(outcomes(await sides.verify())).toEqual({ 'public.t': 'equal' });
  });

  test('the same characters in databases of other types are compared as text, and listed', async () => {
    await using sides = await twoSides();
    await sides.blue.query(
      `create table t (id int primary key, v varchar(10)); insert into t values (1, 'a'), (2, null)`,
    );
    await sides.green.query(`create table t (id bigint primary key, v text); insert into t values (1, 'a'), (2, null)`);
    const { certificate } = await sides.verify();
    expect(certificate).toMatchObject({ result: 'equal', precision: 'full' });
    expect(certificate.tables[0]?.differentTypes).toEqual(['id', 'v']);
  });

  test('a thousand small tables cost what ten times a hundred do', async () => {
    await using sides = await twoSides();
    for (const schema of ['few', 'many']) {
      await sides.both(`create schema ${schema}`);
      // Alone in its message: a DO block may only commit when no other statement shares it.
      await sides.both(`do $$ begin for k in 1..${schema === 'few' ? 100 : 1000} loop
        execute format('create table ${schema}.t%s (id int primary key, v text)', k);
        execute format('insert into ${schema}.t%s select i, %L || i from generate_series(1, 10) i', k, 'v');
        if k % 250 = 0 then commit; end if;
      end loop; end $$`);
    }
    const tables = await namesOf(sides.blueSide);
    const timeOf = async (schema: string): Promise<number> => {
      const began = performance.now();
      const result = await sides.verify({ tables: tables.filter((table) => table.schema === schema) });
      expect(result.certificate.result).toBe('equal');
      expect(result.tables).toHaveLength(schema === 'few' ? 100 : 1000);
      return performance.now() - began;
    };
    const few = await timeOf('few');
    expect(await timeOf('many')).toBeLessThan(15 * few);
  });
});

/** A change on green that a weaker comparison is known to miss, and what must be said of it. */
type Seed = readonly [change: string, ...found: readonly object[]];

const missing = (on: 'live' | 'other', ...key: readonly (string | null)[]): object => ({ kind: 'missing', on, key });
const different = (key: string, ...columns: readonly string[]): object => ({ kind: 'different', key: [key], columns });

const seeded: readonly { readonly what: string; readonly make: string; readonly seeds: readonly Seed[] }[] = [
  {
    what: 'one cell',
    make: `create table t (id int primary key, a text, b text); insert into t select k, 'a' || k, 'b' from generate_series(1, 3000) k`,
    seeds: [[`update t set b = 'c' where id = 1234`, different('1234', 'b')]],
  },
  {
    what: 'values swapped between rows, or between columns',
    make: `create table t (id int primary key, a text, b text); insert into t select k, 'a' || k, 'b' || k from generate_series(1, 100) k`,
    seeds: [
      [
        `update t set a = case id when 3 then 'a4' else 'a3' end where id in (3, 4)`,
        different('3', 'a'),
        different('4', 'a'),
      ],
      [`update t set a = b, b = a where id = 9`, different('9', 'a', 'b')],
    ],
  },
  {
    what: 'duplicates of rows without a key, which XOR cannot see',
    make: `create table t (a int, b text); insert into t select 7, 'x' from generate_series(1, 4); insert into t values (8, 'y'), (null, null)`,
    seeds: [
      [
        `delete from t where ctid in (select ctid from t where a = 7 limit 2)`,
        missing('other', '7', 'x'),
        missing('other', '7', 'x'),
      ],
      // As many rows as before: pairs cancel in an XOR, and a count sees nothing.
      [
        `delete from t where ctid in (select ctid from t where a = 7 limit 2); insert into t values (8, 'y'), (8, 'y')`,
        missing('other', '7', 'x'),
        missing('other', '7', 'x'),
        missing('live', '8', 'y'),
        missing('live', '8', 'y'),
      ],
      [`insert into t values (null, null)`, missing('live', null, null)],
      [
        `insert into t values (8, 'y'); delete from t where ctid in (select ctid from t where a = 7 limit 1)`,
        missing('live', '8', 'y'),
        missing('other', '7', 'x'),
      ],
    ],
  },
  {
    what: 'NULL, the empty string and 0',
    make: `create table t (id int primary key, a text, n int); insert into t values (1, null, null), (2, '', 0), (3, null, 0)`,
    seeds: [
      [`update t set a = '' where id = 1`, different('1', 'a')],
      [`update t set a = null where id = 2`, different('2', 'a')],
      [`update t set n = null where id = 3`, different('3', 'n')],
      [`update t set n = 0 where id = 1`, different('1', 'n')],
    ],
  },
  {
    what: 'a value or a separator that moves between columns',
    make: `create table t (id int primary key, a text, b text); insert into t values (1, 'a', null), (2, 'a,', 'b'), (3, '"', '('), (4, E'\\\\', '')`,
    seeds: [
      [`update t set a = null, b = 'a' where id = 1`, different('1', 'a', 'b')],
      [`update t set a = 'a', b = ',b' where id = 2`, different('2', 'a', 'b')],
      [`update t set a = '', b = '"(' where id = 3`, different('3', 'a', 'b')],
      [`update t set a = '', b = E'\\\\' where id = 4`, different('4', 'a', 'b')],
    ],
  },
  {
    what: 'numbers and times that are equal by =, or nearly',
    make: `create table t (id int primary key, n numeric, f float8, r real, at timestamptz, i interval, na numeric[]);
      insert into t select k, 1.0, 0, 0.1, '2020-01-01 00:00:00+00', '1 mon', '{1.0}' from generate_series(1, 3) k`,
    seeds: [
      [`update t set n = 1.00 where id = 1`, different('1', 'n')],
      [`update t set na = '{1.00}' where id = 2`, different('2', 'na')],
      [`update t set f = '-0' where id = 2`, different('2', 'f')],
      [`update t set f = 5e-324 where id = 2`, different('2', 'f')],
      [`update t set r = '0.10000001' where id = 3`, different('3', 'r')],
      [`update t set at = at + interval '1 us' where id = 3`, different('3', 'at')],
      [`update t set i = '30 days' where id = 1`, different('1', 'i')],
    ],
  },
  {
    what: 'blanks and the writing of json',
    make: `create domain d as char(4); create table t (id int primary key, a text, j json, c d);
      insert into t select k, 'a', '{"a":1}', 'c' from generate_series(1, 3) k`,
    seeds: [
      [`update t set a = 'a ' where id = 1`, different('1', 'a')],
      [`update t set j = '{"a": 1}' where id = 2`, different('2', 'j')],
      [`update t set j = '{"a":1,"a":1}' where id = 3`, different('3', 'j')],
      // A cast of this domain to text would take the blanks away.
      [
        `alter table t alter c type char(6) using rpad(c::text, 6)::char(6)`,
        ...['1', '2', '3'].map((key) => different(key, 'c')),
      ],
    ],
  },
  {
    what: 'the bounds and the NULLs of an array',
    make: `create table t (id int primary key, a text[]); insert into t values (1, '{a,b}'), (2, array[null, 'a']), (3, '{}')`,
    seeds: [
      [`update t set a = '[0:1]={a,b}' where id = 1`, different('1', 'a')],
      [`update t set a = array['NULL', 'a'] where id = 2`, different('2', 'a')],
      [`update t set a = null where id = 3`, different('3', 'a')],
      [`update t set a = '{{a},{b}}' where id = 1`, different('1', 'a')],
    ],
  },
  {
    what: 'the label of an enum and the object that a regclass names',
    make: `create type mood as enum ('sad', 'glad'); create table x (); create table y ();
      create table t (id int primary key, m mood, r regclass); insert into t values (1, 'sad', 'x'), (2, 'sad', 'x')`,
    seeds: [
      [`update t set m = 'glad' where id = 1`, different('1', 'm')],
      [`update t set r = 'y' where id = 2`, different('2', 'r')],
    ],
  },
  {
    what: 'a row missing, a row too many, a key that moved',
    make: `create table t (id int primary key, a text); insert into t select k, 'a' from generate_series(1, 2500) k`,
    seeds: [
      [`delete from t where id = 5`, missing('other', '5')],
      [`insert into t values (9999, 'a')`, missing('live', '9999')],
      [`update t set id = 7777 where id = 77`, missing('live', '7777'), missing('other', '77')],
      [`truncate t; insert into t select k, 'a' from generate_series(2500, 2, -1) k`, missing('other', '1')],
    ],
  },
  {
    what: 'keys of several columns, of uuid and of text, oddly named',
    make: `create table t (u uuid, "k ""x" text, v int, primary key (u, "k ""x"));
      insert into t select md5(k::text)::uuid, 'é,"' || k, k from generate_series(1, 50) k`,
    seeds: [
      [
        `update t set v = 0 where v = 9`,
        { kind: 'different', key: ['45c48cce-2e2d-7fbd-ea1a-fc51c7c6ad26', 'é,"9'], columns: ['v'] },
      ],
    ],
  },
  {
    what: 'a stored generated column that was computed otherwise',
    make: `create table t (id int primary key, g text generated always as ('g' || id::text) stored); insert into t values (1)`,
    seeds: [
      [
        `alter table t drop column g; alter table t add g text generated always as ('h' || id::text) stored`,
        different('1', 'g'),
      ],
    ],
  },
];

/** What causes are found by is left out: it has its own tests. */
function byText(rows: readonly object[]): readonly string[] {
  return rows.map((row) => JSON.stringify({ ...row, evidence: undefined })).sort();
}

describe('seeded differences', () => {
  // Each alone in a table of its own, so that none is found in the wake of another.
  test.each(seeded)('$what', async ({ make, seeds }) => {
    await using sides = await twoSides();
    for (const [index, [change]] of seeds.entries()) {
      await sides.both(`create schema seed_${index}; set search_path = seed_${index}; ${make}`);
      await sides.green.query(change);
    }
    const result = await sides.verify({ values: false });
    for (const [index, [change, ...found]] of seeds.entries()) {
      expect(byText(differencesOf(result, 't', `seed_${index}`)), change).toEqual(byText(found));
    }
    expect(result.certificate.result).toBe('differs');
    expect(openCertificate(JSON.stringify(result.certificate))).toEqual(result.certificate);
    expect(renderCertificate(result.certificate)).toContain('**Different**');
  });

  test('the same is seen from the other direction', async () => {
    await using sides = await twoSides();
    await sides.both(
      `create table t (id int primary key, v text); insert into t select k, 'sentinel' from generate_series(1, 100) k`,
    );
    await sides.green.query(`delete from t where id = 50`);
    const result = await sides.verify({ flow: 'reverse', live: sides.greenSide, other: sides.blueSide });
    expect(byText(differencesOf(result, 't'))).toEqual(
      byText([{ kind: 'missing', on: 'live', key: ['50'], values: ['50', 'sentinel'] }]),
    );
    // Names and counts only: the certificate is kept and shown, a row's values must not be.
    expect(JSON.stringify(result.certificate)).not.toContain('sentinel');
    expect(result.certificate.tables[0]?.differences?.missing).toEqual({ blue: 0, green: 1 });
  });

  test('rows in the wrong one of two tables', async () => {
    await using sides = await twoSides();
    await sides.both(
      `create table s (id int primary key); create table t (id int primary key); insert into s values (1); insert into t values (2)`,
    );
    await sides.green.query(`delete from s; delete from t; insert into s values (2); insert into t values (1)`);
    const result = await sides.verify({ values: false });
    expect(byText(differencesOf(result, 's'))).toEqual(byText([missing('other', '1'), missing('live', '2')]));
    expect(byText(differencesOf(result, 't'))).toEqual(byText([missing('other', '2'), missing('live', '1')]));
  });

  test('when every row differs, all are counted and only some are kept', async () => {
    await using sides = await twoSides();
    await sides.both(
      `create table t (id int primary key, v int); insert into t select k, k from generate_series(1, 120000) k; analyze t`,
    );
    await sides.green.query(`update t set v = -v; delete from t where id > 119990`);
    const result = await sides.verify({ keep: 7 });
    const [outcome] = result.tables;
    expect(outcome?.outcome === 'differs' ? outcome.differences : {}).toMatchObject({
      different: 119_990,
      missingOnOther: 10,
      missingOnLive: 0,
      truncated: true,
      columns: { v: 7 },
    });
    expect(differencesOf(result, 't')).toHaveLength(7);
  });

  test('tables and columns that one side lacks are named, not passed over', async () => {
    await using sides = await twoSides();
    await sides.both(`create table t (id int primary key); insert into t values (1)`);
    await sides.blue.query(`create table only_blue (id int primary key)`);
    await sides.green.query(`alter table t add extra text default 'e'; create index t_extra on t (extra)`);
    const { certificate } = await sides.verify();
    expect(certificate).toMatchObject({ result: 'differs', precision: 'reduced' });
    expect(certificate.tables).toMatchObject([
      { name: 't', outcome: 'equal', leftOut: [{ column: 'extra', why: 'only on green' }] },
      { name: 'only_blue', outcome: 'absent', reason: 'not on green' },
    ]);
    expect(certificate.objects.differences).toContainEqual({
      kind: 'index',
      name: 'public.t_extra',
      what: 'only on green',
    });
  });
});
