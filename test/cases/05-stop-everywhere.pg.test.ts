import { expect, test } from 'vitest';
import { must } from '../../src/kernel/assert.ts';
import { lsnOfPosition, positionOfLsn } from '../../src/systems/postgres/position.ts';
import type { Position } from '../../src/model/position.ts';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { rowsOf, TestFlow } from '../apply/flow.ts';

/** Of transaction `at` (0 to 2), the places at and around its boundaries, as functions of where its commit's record begins and ends. */
const boundaries: readonly (readonly [what: string, place: (commit: bigint, end: bigint) => bigint])[] = [
  ['before the commit', (commit) => commit - 8n],
  ['at the commit', (commit) => commit],
  ['inside of the commit', (commit) => commit + 8n],
  ['one byte before the end', (_, end) => end - 1n],
  ['at the end', (_, end) => end],
  ['one byte after the end', (_, end) => end + 1n],
];

/** pgcopydb's loop ended before the last transaction, or in the middle of one (#471, #555). */
test('5: a stop at any boundary of three transactions applies those that end there or before, whole, and no other', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  for (const db of [source, target])
    await db.query('create table k (round int, tx int, n int); alter table k replica identity full');
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  let round = 0;
  for (const which of [0, 1, 2]) {
    for (const [what, place] of boundaries) {
      round += 1;
      for (const tx of [0, 1, 2]) {
        await source.query(
          `begin; insert into k values (${round}, ${tx}, 1); insert into k values (${round}, ${tx}, 2); commit`,
        );
      }
      const events = await flow.read();
      const ends = events.flatMap((event) => (event.kind === 'commit' ? [event.end] : []));
      const commits = events.flatMap((event) => (event.kind === 'begin' ? [event.commitsAt] : []));
      expect(ends).toHaveLength(3);
      const at: Position = positionOfLsn(
        place(lsnOfPosition(must(commits[which], 'a begin')), lsnOfPosition(must(ends[which], 'a commit'))),
      );
      const wanted = ends.filter((end) => end <= at).length;
      // What comes after the third tells that nothing more comes before the place.
      await source.query(`insert into k values (${round}, 3, 1)`);
      const after = await flow.read();
      const standing = flow.applier.stopAt(at, 60_000);
      flow.feed.push([...events, ...after]);
      await standing;
      const got = await target.query('select tx, count(*) as n from k where round = $1 group by tx order by tx', [
        round,
      ]);
      expect(got, `transaction ${which}, ${what}`).toEqual(
        [0, 1, 2].slice(0, wanted).map((tx) => ({ tx: String(tx), n: '2' })),
      );
      flow.applier.resume();
      await flow.carry();
      await flow.reached(
        must(
          after.findLast((event) => event.kind === 'commit'),
          'a commit',
        ).end,
      );
    }
  }
  expect(await rowsOf(target, 'k')).toEqual(await rowsOf(source, 'k'));
});
