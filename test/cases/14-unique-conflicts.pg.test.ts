import { expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { copyTables, missingOf } from '../../src/sync/copy.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { heldSource, openSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';
import { makeSides } from '../copy/sides.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';

/** gh-ost made one row of two, and said nothing (#167, #825, #1526, #1636). */
test.each([
  ['one row', `insert into a values (900, 'v1')`],
  ['one update', `update a set v = 'v1' where id = 2`],
  ['a large batch', `insert into a select 1000 + i, 'w' || i / 2 from generate_series(1, 300) i`],
  ['a large update', `update a set v = 'same' where id between 10 and 90`],
])('14: %s that meets a unique key which only green has stops the flow, and swallows nothing', async (_, statement) => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target])
    await db.query('create table a (id int primary key, v text); create table b (id int primary key)');
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  await source.query(`insert into a select i, 'v' || i from generate_series(1, 100) i`);
  await flow.carry();
  await target.query('create unique index only_green on a (v)');
  const before = await rowsOf(target, 'a');
  await source.query(`begin; insert into b values (1); ${statement}; commit; insert into b values (2)`);
  const events = await flow.read();
  flow.feed.push(events);
  expect(isTealError(await flow.ended(), 'TEAL-SYNC-111')).toBe(true);
  await flow.stop();
  expect(await rowsOf(target, 'a')).toEqual(before);
  expect(await rowsOf(target, 'b')).toEqual([]);
  await target.query('drop index only_green');
  await flow.start();
  flow.feed.push(events);
  const end = events.findLast((event) => event.kind === 'commit');
  if (end?.kind === 'commit') await flow.reached(end.end);
  for (const table of ['a', 'b']) expect(await rowsOf(target, table)).toEqual(await rowsOf(source, table));
});

test('14: a copy that meets a unique key which only green has stops, and the table is not taken for a copied one', async () => {
  await using sides = await makeSides(blueMajor(), greenMajor());
  for (const db of [sides.blue, sides.green]) await db.query('create table a (id int, v text)');
  await sides.blue.query(`insert into a select i, 'v' || i / 2 from generate_series(1, 100) i`);
  await sides.green.query('create unique index only_green on a (v)');
  const tables = await sides.tables();
  const options = sides.snapshotOptions(tables);
  const opened = await openSnapshot(options, sides.signal);
  const target = postgresCopyTarget(sides.green.url);
  const copy = async (): Promise<unknown> =>
    copyTables({ source: heldSource(options, opened), target, tables, epoch: 1, signal: sides.signal });
  await expect(copy()).rejects.toSatisfy((error) => isTealError(error));
  expect(await sides.green.query('select from a')).toEqual([]);
  expect(missingOf(tables, await target.done(tables))).toEqual(tables);
  await sides.green.query('drop index only_green');
  await copy();
  expect(await sides.green.query('select count(*) as n from a')).toEqual([{ n: '100' }]);
});
