import { expect, test } from 'vitest';
import { isPortable } from '../../src/systems/postgres/portable-types.ts';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { literalOf as literal, postgresTypes as types, typesPrelude as prelude } from '../types/postgres-types.ts';
import { TestFlow, rowsOf } from './flow.ts';

const allNames = Object.keys(types);
const tableFor = (at: number, kind: string): string => `${kind}${at}`;

/** Of each type: a table with a key, one whose old rows come whole, one without any key. */
function schema(names: readonly string[]): string {
  const tables = names.flatMap((type, at) => [
    `create table ${tableFor(at, 'keyed')} (id int primary key, v ${type}, w ${type})`,
    `create table ${tableFor(at, 'whole')} (id int not null unique, v ${type}); alter table ${tableFor(at, 'whole')} replica identity full`,
    `create table ${tableFor(at, 'bare')} (v ${type}); alter table ${tableFor(at, 'bare')} replica identity full`,
  ]);
  return tables.join(';\n');
}

/** Rows that hold each value, and NULL. */
function inserts(type: string, at: number): string {
  const values = [...(types[type] ?? []).map((value) => `${literal(value)}::${type}`), 'null'];
  const keyed = values.map((value, row) => `(${row}, ${value}, ${values[(row + 1) % values.length] ?? 'null'})`);
  const whole = values.map((value, row) => `(${row}, ${value})`);
  const bare = [...values, ...values].map((value) => `(${value})`);
  return `insert into ${tableFor(at, 'keyed')} values ${keyed.join(', ')};
    insert into ${tableFor(at, 'whole')} values ${whole.join(', ')};
    insert into ${tableFor(at, 'bare')} values ${bare.join(', ')}`;
}

/** Of these types, those whose values may travel in binary form. */
async function portableOf(db: TestDatabase, names: readonly string[]): Promise<string[]> {
  const rows = await db.query('select name, name::regtype::oid::text as oid from unnest($1::text[]) name', [names]);
  return rows.filter((row) => isPortable(Number(row['oid']))).map((row) => row['name'] ?? '');
}

test.each(['text', 'binary'] as const)(
  'every type survives insert, update and delete in %s form, by a key, by whole rows and without a key',
  { timeout: 300_000 },
  async (form) => {
    const binary = form === 'binary';
    for (const [from, to] of [
      [blueMajor(), greenMajor()],
      // Once is enough for what both servers read and write alike.
      ...(binary ? [] : [[greenMajor(), blueMajor()] as const]),
    ] as const) {
      await using source = await testDatabase(from);
      await using target = await testDatabase(to);
      for (const db of [source, target]) await db.query(prelude);
      const names = binary ? await portableOf(source, allNames) : allNames;
      if (binary) expect(names.length).toBeGreaterThan(allNames.length / 3);
      const everyTable = names.flatMap((_, at) => ['keyed', 'whole', 'bare'].map((kind) => tableFor(at, kind)));
      for (const db of [source, target]) await db.query(schema(names));
      await using flow = await TestFlow.open(source, target, { binary });
      await flow.start();
      const same = async (): Promise<void> => {
        await flow.carry();
        for (const table of everyTable) expect(await rowsOf(target, table), table).toEqual(await rowsOf(source, table));
      };
      for (const [at, type] of names.entries()) await source.query(inserts(type, at));
      await same();
      // Every value becomes another one; one row of two equal ones changes.
      for (const at of names.keys()) {
        await source.query(`update ${tableFor(at, 'keyed')} set v = w, w = v;
        update ${tableFor(at, 'whole')} o set v = (select i.v from ${tableFor(at, 'whole')} i where i.id = o.id + 1);
        update ${tableFor(at, 'bare')} set v = (select v from ${tableFor(at, 'bare')} limit 1) where ctid = (select max(ctid) from ${tableFor(at, 'bare')})`);
      }
      await same();
      for (const at of names.keys()) {
        await source.query(`delete from ${tableFor(at, 'keyed')} where id % 2 = 0; delete from ${tableFor(at, 'whole')} where id % 2 = 0;
        delete from ${tableFor(at, 'bare')} where ctid in (select min(ctid) from ${tableFor(at, 'bare')} group by v::text)`);
      }
      await same();
    }
  },
);

/** What `create table … primary key` takes, with many rows: the batch's own table holds the keys and is joined to the target. */
const keys: Readonly<Record<string, string>> = {
  int8: 'i::int8',
  text: `'key ' || i`,
  'varchar(20)': `'key ' || i`,
  'char(8)': 'i::text',
  uuid: `md5(i::text)::uuid`,
  bytea: `decode(md5(i::text), 'hex')`,
  numeric: `i + 0.50`,
  float8: 'i / 7.0::float8',
  date: `date '2000-01-01' + i`,
  timestamptz: `timestamptz '2000-01-01' + i * interval '1 microsecond'`,
  interval: `i * interval '1 mon'`,
  inet: `inet '10.0.0.0' + i`,
  'int4[]': 'array[i, -i]',
  'text[]': `array['a,' || i, null]`,
  int4range: `int4range(i, i + 1)`,
  jsonb: `jsonb_build_object('k', i)`,
  'odd.exactly': 'i::numeric',
  'odd.positive': 'i',
  'odd.pair': `row(i, 'x,' || i)::odd.pair`,
  'text collate odd.nocase': `'Key ' || i`,
  macaddr: `('08:00:2b:00:' || lpad(to_hex(i / 256), 2, '0') || ':' || lpad(to_hex(i % 256), 2, '0'))::macaddr`,
  varbit: `i::bit(16)::varbit`,
  time: `time '00:00' + i * interval '1 second'`,
};

test.each(['text', 'binary'] as const)(
  'keys of every kind in %s form find their rows, one by one and many at once',
  { timeout: 300_000 },
  async (form) => {
    const binary = form === 'binary';
    await using source = await testDatabase(blueMajor());
    await using target = await testDatabase(greenMajor());
    for (const db of [source, target]) await db.query(prelude);
    const collated = 'text collate odd.nocase';
    const plain = Object.keys(keys).filter((type) => type !== collated);
    // A collation changes nothing of the form.
    const kinds = binary ? [...(await portableOf(source, plain)), collated] : Object.keys(keys);
    const made = kinds.map((type, at) => `create table t${at} (k ${type} primary key, n int, v text)`);
    for (const db of [source, target]) await db.query(made.join(';\n'));
    await using flow = await TestFlow.open(source, target, { binary });
    await flow.start();
    const same = async (): Promise<void> => {
      await flow.carry();
      for (const [at, type] of kinds.entries()) {
        expect(await rowsOf(target, `t${at}`), type).toEqual(await rowsOf(source, `t${at}`));
      }
    };
    for (const [at, type] of kinds.entries()) {
      await source.query(`insert into t${at} select ${keys[type] ?? ''}, i, 'v' || i from generate_series(1, 200) i`);
    }
    await same();
    for (const at of kinds.keys()) await source.query(`update t${at} set v = v || '!'`);
    await same();
    for (const at of kinds.keys()) {
      await source.query(`update t${at} set v = 'few' where n <= 3; delete from t${at} where n between 4 and 6`);
    }
    await same();
    for (const [at, type] of kinds.entries()) {
      await source.query(
        `delete from t${at} where n > 20; update t${at} set k = (select ${keys[type] ?? ''} from (select n + 1000 as i) x)`,
      );
    }
    await same();
  },
);

test('types of extensions, whose operators are in a schema of their own', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  const schema = `create schema ext; create extension citext schema ext; create extension hstore schema ext;
    create table c (k ext.citext primary key, h ext.hstore); create table b (c ext.citext, h ext.hstore); alter table b replica identity full`;
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  const same = async (): Promise<void> => {
    await flow.carry();
    for (const table of ['c', 'b']) expect(await rowsOf(target, table)).toEqual(await rowsOf(source, table));
  };
  await source.query(`insert into c select 'Key' || i, ext.hstore('a"b', i::text) from generate_series(1, 200) i;
    insert into b values ('A', 'a=>1'), ('a', 'a=>1'), ('a', null)`);
  await same();
  await source.query(
    `update c set h = h operator(ext.||) 'x=>NULL'; delete from b where c::text = 'a' and h is not null; update b set h = 'q=>2' where c::text = 'A'`,
  );
  await same();
  await source.query(
    `update c set k = ext.citext(lower(k::text)); update c set h = null where k::text = 'key7'; delete from c where k::text like 'key1%'`,
  );
  await same();
});
