import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { TestFlow, rowsOf, type FlowOptions } from './flow.ts';

interface Sides {
  readonly source: TestDatabase;
  readonly target: TestDatabase;
  readonly flow: TestFlow;
}

/** Runs with `schema` made on both sides and an applier between them, in both directions of the version range. */
async function follow(
  schema: string,
  story: (sides: Sides) => Promise<void>,
  options: FlowOptions = {},
): Promise<void> {
  for (const [from, to] of [
    [blueMajor(), greenMajor()],
    [greenMajor(), blueMajor()],
  ] as const) {
    await using source = await testDatabase(from);
    await using target = await testDatabase(to);
    for (const db of [source, target]) await db.query(schema);
    await using flow = await TestFlow.open(source, target, options);
    await flow.start();
    await story({ source, target, flow });
  }
}

async function expectEqual({ source, target, flow }: Sides, ...tables: string[]): Promise<void> {
  await flow.carry();
  for (const table of tables) expect(await rowsOf(target, table), table).toEqual(await rowsOf(source, table));
}

describe('apply', () => {
  test('few and many rows, of one table and of several, in one transaction and in many', async () => {
    const schema = 'create table a (id int primary key, v text); create table b (id bigint primary key, w int)';
    await follow(schema, async (sides) => {
      const { source } = sides;
      await source.query(`insert into a values (1, 'one'), (2, null), (3, E'tab\\tnew\\nline\\\\back\\rreturn \\\\N')`);
      await source.query('insert into b select i, i from generate_series(1, 500) i');
      await expectEqual(sides, 'a', 'b');
      await source.query(`begin; update b set w = w + 1; delete from a where id = 2; update a set v = 'x' where id = 1;
        insert into a select i, 'x' || i from generate_series(10, 300) i; commit`);
      await source.query(`delete from b where id % 3 = 0`);
      await source.query(`update b set id = -id where id % 5 = 0`);
      await expectEqual(sides, 'a', 'b');
    });
  });

  test('a row that is written many times in one batch', async () => {
    await follow('create table a (id int primary key, v text, n int default 0)', async (sides) => {
      await sides.source
        .query(`begin; insert into a values (1, 'a'); update a set n = 1; update a set n = 2, id = 5; delete from a;
        insert into a values (1, 'b'), (2, 'c'); update a set id = id + 1 where id = 2; update a set v = 'd' where id = 3; commit`);
      await expectEqual(sides, 'a');
    });
  });

  test('unchanged TOASTed values stay, also through a move of the key and under full identity', async () => {
    const big = `(select string_agg(md5(i::text), '') from generate_series(1, 400) i)`;
    const schema = `create table a (id int primary key, big text, n int); alter table a alter big set storage external;
      create table f (id int primary key, big text, n int); alter table f alter big set storage external; alter table f replica identity full;
      create table k (big text, n int); alter table k alter big set storage external; alter table k replica identity full`;
    await follow(schema, async (sides) => {
      const { source } = sides;
      await source.query(`insert into a select i, ${big} || i, 0 from generate_series(1, 100) i`);
      await source.query(`insert into f select * from a; insert into k select big, n from a where id <= 5`);
      await expectEqual(sides, 'a', 'f', 'k');
      await source.query('update a set n = 1; update f set n = 1; update k set n = 1 where n = 0');
      await source.query(`update a set id = id + 1000 where id <= 3; update f set id = id + 1000 where id <= 3`);
      await source.query(`update a set big = 'small' where id = 50; update a set n = 7 where id = 50`);
      await expectEqual(sides, 'a', 'f', 'k');
    });
  });

  test('rows without a key: one of several equal ones', async () => {
    const schema = `create table k (a int, j json, p point, n numeric, f float8, c char(4), i inet);
      alter table k replica identity full`;
    await follow(schema, async (sides) => {
      const { source } = sides;
      await source.query(
        `insert into k select 1, '{"a":  1}', '(1,2)', 1.0, '-0', 'x', '10.0.0.1' from generate_series(1, 4)`,
      );
      await source.query(
        `insert into k values (1, '{"a":  1}', '(1,2)', 1.00, 0, 'x', '10.0.0.1'), (null, null, null, 'NaN', 'NaN', null, null)`,
      );
      await expectEqual(sides, 'k');
      await source.query(`delete from k where ctid = (select min(ctid) from k)`);
      await source.query(`update k set a = 2 where ctid = (select max(ctid) from k where n::text = '1.00')`);
      await source.query(`update k set f = 'Infinity' where n = 'NaN'`);
      await expectEqual(sides, 'k');
      await source.query(`update k set a = 5`);
      await expectEqual(sides, 'k');
    });
  });

  test('rows without a key that differ in nothing that travels', async () => {
    await using source = await testDatabase(blueMajor());
    await using target = await testDatabase(greenMajor());
    // From 18 on the source itself refuses to change such a table.
    const schema = `create table k (a int, g int generated always as (a * 2) stored); alter table k replica identity full`;
    for (const db of [source, target]) await db.query(schema);
    await using flow = await TestFlow.open(source, target);
    await flow.start();
    await source.query('insert into k values (1), (1), (1), (1)');
    await source.query('delete from k where ctid = (select min(ctid) from k)');
    await expectEqual({ source, target, flow }, 'k');
  });

  test('replica identity by an index that is not the primary key', async () => {
    const schema = `create table a (id int primary key, code text not null, v int);
      create unique index a_code on a (code); alter table a replica identity using index a_code`;
    await follow(schema, async (sides) => {
      await sides.source.query(`insert into a select i, 'c' || i, 0 from generate_series(1, 120) i`);
      await sides.source.query(
        `update a set id = id + 1000; update a set code = 'd' || code where id <= 1010; delete from a where id > 1100`,
      );
      await expectEqual(sides, 'a');
    });
  });

  test('unique values handed from row to row, in small and in large batches', async () => {
    const schema = `create table u (id int primary key, v int unique, n int);
      create table d (id int primary key, v int unique deferrable initially deferred);
      create table k (id int primary key deferrable, v int);
      alter table k replica identity full;
      create table x (id int primary key, r int4range, exclude using gist (r with &&))`;
    await follow(schema, async (sides) => {
      const { source } = sides;
      await source.query(`insert into u select i, i, 0 from generate_series(1, 200) i; insert into d select i, i from generate_series(1, 200) i;
        insert into k select i, i from generate_series(1, 200) i;
        insert into x select i, int4range(i * 10, i * 10 + 5) from generate_series(1, 200) i`);
      await expectEqual(sides, 'u', 'd', 'x');
      await source.query(
        `begin; update u set v = -1 where id = 1; update u set v = 1 where id = 2; update u set v = 2 where id = 1; commit`,
      );
      await source.query(`begin; update d set v = 201 - v; commit`);
      // Half way two rows have one key.
      await source.query(`begin; update k set id = id + 1; update k set id = 202 - id; commit`);
      await source.query(`begin; update u set v = -v; update u set v = 201 + v; update u set n = v; commit`);
      await source.query(
        `begin; delete from u where id = 7; insert into u select 207, 201 - 7, 1; delete from u where v = 9; update u set v = 9 where id = 30; commit`,
      );
      await source.query(
        `begin; update x set r = int4range(lower(r) + 5000, upper(r) + 5000); update x set r = int4range(lower(r) - 4990, upper(r) - 4990) ; commit`,
      );
      await expectEqual(sides, 'u', 'd', 'k', 'x');
    });
  });

  test('identities, generated columns, and rows of nothing but defaults', async () => {
    const schema = `create table i (id int generated always as identity primary key, v int, twice int generated always as (v * 2) stored);
      create table b (id int generated by default as identity primary key, other int generated always as identity);
      create table z ()`;
    await follow(schema, async (sides) => {
      await sides.source.query(
        'insert into i (v) select x from generate_series(1, 200) x; insert into b default values; insert into z default values',
      );
      await sides.source.query(
        'update i set v = v + 1; delete from i where id < 5; update b set id = 77; update i set v = 3 where id = 10',
      );
      await expectEqual(sides, 'i', 'b', 'z');
    });
  });

  test('partitions, leaf to leaf, with rows that move between them', async () => {
    const schema = `create table p (id int, at date, v int, primary key (id, at)) partition by range (at);
      create table p1 partition of p for values from ('2020-01-01') to ('2021-01-01');
      create table p2 partition of p for values from ('2021-01-01') to ('2022-01-01');
      create table parent (id int primary key, v int); create table child (primary key (id)) inherits (parent)`;
    await follow(schema, async (sides) => {
      await sides.source.query(`insert into p select i, date '2020-01-01' + i % 700, i from generate_series(1, 300) i;
        insert into parent values (1, 1), (2, 2); insert into child values (1, 1), (3, 3)`);
      await sides.source
        .query(`update p set at = '2021-06-01' where id <= 60 and at < '2021-01-01'; update p set v = -v;
        update parent set v = v + 1; update only parent set v = 9 where id = 1; delete from parent where id = 3`);
      await expectEqual(sides, 'p', 'p1', 'p2', 'only parent', 'child');
      await sides.source.query('truncate only parent');
      await expectEqual(sides, 'only parent', 'child');
    });
  });

  test('truncate keeps its place; linked tables and cascades go together', async () => {
    const schema = `create table a (id serial primary key); create table b (id int references a); create table c (id int)`;
    await follow(schema, async (sides) => {
      const { source } = sides;
      await source.query('insert into a values (1), (2); insert into b values (1); insert into c values (1)');
      await source.query('begin; insert into c values (2); truncate c; insert into c values (3); commit');
      await source.query('truncate a cascade');
      await source.query('insert into a values (3); insert into b values (3)');
      await expectEqual(sides, 'a', 'b', 'c');
      await source.query('truncate a, b restart identity; insert into a values (4)');
      await expectEqual(sides, 'a', 'b', 'c');
    });
  });

  test('a key whose spelling changes while it stays equal', async () => {
    await follow('create table a (id numeric primary key, v int)', async (sides) => {
      await sides.source.query(`insert into a select (i || '.0')::numeric, 0 from generate_series(1, 99) i`);
      await sides.source.query(
        `update a set id = '5.00' where id = 5; update a set v = 1; update a set id = '5.000', v = 2 where id = 5`,
      );
      await expectEqual(sides, 'a');
    });
  });

  test('a transaction larger than a batch goes in slices and is seen at once', async () => {
    const limits = { rows: 100, bytes: 1 << 20, ms: 50 };
    const schema = 'create table a (id int primary key, v int); create table b (id int primary key)';
    await follow(
      schema,
      async (sides) => {
        await sides.source.query(`insert into b values (1)`);
        await sides.source.query(`begin; insert into a select i, 0 from generate_series(1, 1234) i; update a set v = id;
          delete from a where id % 2 = 0; insert into b values (2); commit`);
        await expectEqual(sides, 'a', 'b');
        const [row] = await sides.target.query('select count(distinct xmin::text) as n from a');
        expect(row?.['n']).toBe('1');
      },
      { applier: { limits } },
    );
  });

  test('names that need quotes', async () => {
    const schema = `create schema "We ird"; create table "We ird"."Sel""ect" ("from" int primary key, "a b" text, "é" int)`;
    await follow(schema, async (sides) => {
      await sides.source.query(`insert into "We ird"."Sel""ect" select i, 'x', i from generate_series(1, 80) i`);
      await sides.source.query(
        `update "We ird"."Sel""ect" set "a b" = 'ü' || "from"; delete from "We ird"."Sel""ect" where "from" = 3`,
      );
      await expectEqual(sides, `"We ird"."Sel""ect"`);
    });
  });
});
