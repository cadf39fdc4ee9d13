import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { waitFor } from '../kernel/clock.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { publishedRelations } from '../systems/postgres/moving.ts';
import { postgresSchemas } from './compare-schemas.ts';

const tables = `
  create table parent (id int primary key);
  create table parts (id int, parent int references parent, primary key (id)) partition by range (id);
  create table kept (id int primary key, note text default 'a', unique (note));
  create table left_out (id int);
  create publication teal_t_fwd for table parent, kept`;

const moving = { blue: publishedRelations('teal_t_fwd'), green: publishedRelations('teal_t_rev') };

test('what rows need, what is too much, what does not move and what else differs, each in its place', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  await blue.query(tables);
  await green.query(tables);
  // The same tree with names of foreign keys that the server gave in another order.
  await blue.query(
    'create table part_1 (id int primary key, parent int, constraint own_name foreign key (parent) references parent); alter table parts attach partition part_1 for values from (0) to (9); alter publication teal_t_fwd add table part_1',
  );
  await green.query('create table part_1 partition of parts for values from (0) to (9)');
  const session = (url: string): KeptSession => new KeptSession({ url, applicationName: 'teal-test' });
  await using ofBlue = session(blue.url);
  await using ofGreen = session(green.url);
  const schemas = postgresSchemas({ blue: ofBlue, green: ofGreen }, moving, ({ name }) => name !== 'left_out', [
    { schema: 'public', name: 'kept' },
  ]);
  const same = await schemas.compare('blue');
  expect({ ...same, mark: {} }).toEqual({ lacking: [], surplus: [], unmoved: [], objects: [], refused: [], mark: {} });

  await blue.query(
    `alter table kept add column more int; alter table left_out add column more int; alter table parent add column p int;
     create table fresh (id int); alter table kept alter note drop default; alter table kept alter note set not null;
     alter table kept add constraint positive check (id > 0); create index plain on kept (note)`,
  );
  await green.query(
    'create index of_green on kept (id); create unique index of_green_too on kept (note, id); drop table parent cascade',
  );
  const differs = await schemas.compare('blue');
  expect({ ...differs, mark: {} }).toEqual({
    lacking: [
      'green has no table public.fresh',
      'green has no table public.parent',
      'green has no column public.kept.more (integer)',
    ],
    surplus: [],
    unmoved: ['rows of public.fresh do not move: blue got this table after the copy was prepared'],
    objects: expect.arrayContaining([
      'column public.kept.note is not null on blue and with a default on green',
      'constraint positive on public.kept is only on blue',
      'index public.plain is only on blue',
      'index public.of_green_too is only on green',
    ]),
    refused: [],
    mark: {},
  });
  expect(differs.objects.join()).not.toMatch(/of_green is|left_out/);
  expect(await schemas.lacking('blue')).toEqual(['green has no column public.kept.more (integer)']);
  expect(
    Object.keys(differs.mark.objects).filter((name) => differs.mark.objects[name] !== same.mark.objects[name]),
  ).toEqual(expect.arrayContaining(['table public.kept', 'table public.fresh', 'table public.parent']));
  expect(differs.mark.objects['table public.left_out']).toBeUndefined();
  expect(differs.mark.objects['table public.parts']).toBe(same.mark.objects['table public.parts']);
});

test('VACUUM, ANALYZE and rows leave the mark as it is; a session that waits behind Teal is named', async () => {
  await using blue = await testDatabase(blueMajor());
  await blue.query(tables);
  await using ofBlue = new KeptSession({ url: blue.url, applicationName: 'teal-test' });
  const schemas = postgresSchemas({ blue: ofBlue, green: ofBlue }, moving, () => true, []);
  // By its state alone a mark may be another one where nothing has changed.
  const marked = async (): Promise<unknown> => {
    const { state: _, ...mark } = (await schemas.compare('blue')).mark;
    return mark;
  };
  const before = await marked();
  await blue.query('insert into kept select i, i::text from generate_series(1, 100) i');
  for (const sql of ['vacuum', 'vacuum full kept', 'analyze', 'truncate kept']) await blue.query(sql);
  await blue.query(`create temp table kept_too (id int)`);
  expect(await marked()).toEqual(before);
  expect(await schemas.blocked('blue')).toEqual([]);

  const holder = await blue.connect();
  await holder.query(`set application_name = 'teal holder'; begin; lock table kept in access share mode`);
  const client = await blue.connect();
  const waiting = client.query('alter table kept add column x int');
  const told = await waitFor({ what: 'the one that waits', timeoutMs: 60_000 }, async () => {
    const said = await schemas.blocked('blue');
    return said.length > 0 ? said : undefined;
  });
  expect(told).toEqual([expect.stringMatching(/^session \d+ waits to change public\.kept until the copy is done/)]);
  await holder.query('commit');
  await waiting;
  expect(await schemas.blocked('blue')).toEqual([]);
});
