import { expect, test } from 'vitest';
import type { StreamEvent } from '../../src/model/change.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';

/** Every order in which three transactions can begin and commit: each number comes twice, and for the first time in its turn. */
function orders(done: readonly number[] = []): readonly (readonly number[])[] {
  if (done.length === 6) return [done];
  const begun = new Set(done).size;
  return [...Array(Math.min(3, begun + 1)).keys()]
    .filter((one) => done.filter((other) => other === one).length < 2)
    .flatMap((one) => orders([...done, one]));
}

/** A tool that remembers where transactions begin takes a later commit of an earlier begin for one that it has applied already (pgcopydb #1044). */
test('1: in whatever order transactions begin and commit, and however often the applier starts anew, each is applied once', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  // Without a key nothing but the position hinders a second insert.
  const schema = `create table k (round int, tx int, at text); alter table k replica identity full`;
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  const clients = await Promise.all([0, 1, 2].map(async () => source.connect()));
  const seen: StreamEvent[] = [];
  const all = orders();
  expect(all).toHaveLength(15);
  for (const [round, order] of all.entries()) {
    for (const [at, tx] of order.entries()) {
      const isBegin = !order.slice(0, at).includes(tx);
      const insert = `insert into k values (${round}, ${tx}, '${isBegin ? 'first' : 'last'}')`;
      await clients[tx]?.query(isBegin ? `begin; ${insert}` : `${insert}; commit`);
      const events = await flow.carry();
      seen.push(...events);
      await flow.stop();
      await flow.start();
      // As though nothing had been acknowledged: all of it comes again.
      flow.feed.push(seen);
    }
    expect(await rowsOf(target, 'k'), `order ${order.join('')}`).toEqual(await rowsOf(source, 'k'));
  }
});
