import { expect, test } from 'vitest';
import { namesFrom, type NameMap } from '../model/name-map.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import { repairSamePosition } from './repair.ts';
import { twoSides } from './test-support/two-sides.ts';
import { translatedRepairer, translatedSide } from './translated-side.ts';

const map: NameMap = {
  schemas: [{ blue: 'public', green: 'moved' }],
  tables: [
    {
      blue: { schema: 'public', name: 'customer' },
      green: { schema: 'moved', name: 'client' },
      columns: [{ blue: 'id', green: 'no' }, { blue: 'mail', green: 'email' }, { blue: 'legacy' }],
    },
  ],
};

test('sides that call things otherwise are compared and repaired under the names of one of them', async () => {
  await using sides = await twoSides();
  await sides.blue.query(
    `create table customer (id int primary key, mail text, legacy text); insert into customer select i, 'm' || i, 'old' from generate_series(1, 40) i;
     create table plain (id int primary key); insert into plain values (1)`,
  );
  await sides.green.query(
    `create schema moved; create table moved.client (no int primary key, email text unique, own text default 'new');
     insert into moved.client select i, 'm' || i, 'kept' from generate_series(1, 40) i;
     create table moved.plain (id int primary key); insert into moved.plain values (1)`,
  );
  const names = { ofSide: namesFrom('green', map), ofOther: namesFrom('blue', map) };
  const other = translatedSide(sides.greenSide, names);
  const equal = await sides.verify({ other });
  expect(equal.certificate.result).toBe('equal');
  expect(equal.certificate.tables.map(({ name, leftOut }) => [name, leftOut])).toEqual([
    [
      'customer',
      [
        { column: 'legacy', why: 'only on blue' },
        { column: 'own', why: 'only on green' },
      ],
    ],
    ['plain', []],
  ]);

  await sides.green.query(
    `update moved.client set email = 'x' where no = 3; delete from moved.client where no in (4, 5); insert into moved.client values (99, 'more')`,
  );
  const different = await sides.verify({ other });
  expect(different.certificate.tables[0]).toMatchObject({
    name: 'customer',
    outcome: 'differs',
    differences: { missing: { blue: 1, green: 2 }, different: 1, columns: { mail: 1 } },
  });
  const changed = await repairSamePosition({
    live: sides.blueSide,
    other,
    tables: [{ schema: 'public', name: 'customer' }],
    stopAt: async (position) => position,
    resume: async () => undefined,
    signal: new AbortController().signal,
    repairer: translatedRepairer(postgresRepairer({ url: sides.green.url }), names),
  });
  expect(changed).toBe(4);
  expect((await sides.verify({ other })).certificate.result).toBe('equal');
  // What was not compared is still there.
  const own = await sides.green.query('select no::text, own from moved.client where no in (3, 4) order by no');
  expect(own).toEqual([
    { no: '3', own: 'kept' },
    { no: '4', own: 'new' },
  ]);
  const back = await sides.verify({ live: other, other: sides.blueSide, flow: 'reverse' });
  expect(back.certificate.result).toBe('equal');
});
