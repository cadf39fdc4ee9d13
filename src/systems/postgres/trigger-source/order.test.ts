import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderOfChanges, type NotedChange } from './order.ts';

const change = (
  number: number,
  was: string | null,
  now: string | null,
  operation = 'U',
  relation = 1,
): NotedChange => ({
  number: BigInt(number),
  relation,
  operation,
  was,
  now,
});

test('numbers decide where no row was changed twice', () => {
  const changes = [change(1, null, '(0,1)', 'I'), change(2, '(0,8)', '(0,2)'), change(3, '(0,9)', null, 'D')];
  expect(orderOfChanges(changes)).toEqual([1n, 2n, 3n]);
});

test('a change inside of a statement comes after the one whose version it replaces', () => {
  // An UPDATE of two rows; a trigger on the first updates the second again, which is noted before the statement's own change of it.
  const changes = [change(1, '(0,1)', '(0,3)'), change(2, '(0,4)', '(0,5)'), change(3, '(0,2)', '(0,4)')];
  expect(orderOfChanges(changes)).toEqual([1n, 3n, 2n]);
});

test('places of another table, or of before a TRUNCATE, are others', () => {
  const changes = [
    change(1, '(0,1)', null, 'D'),
    change(2, null, '(0,1)', 'I', 2),
    change(3, null, null, 'T'),
    change(4, null, '(0,1)', 'I'),
  ];
  expect(orderOfChanges(changes)).toEqual([1n, 2n, 3n, 4n]);
});

test('a table that was written anew gives places out a second time', () => {
  // Two UPDATEs of one row, ALTER TABLE … TYPE, and an UPDATE of another row whose new version lies where the first one's was.
  const changes = [change(1, '(0,1)', '(0,3)'), change(2, '(0,3)', '(0,4)'), change(3, '(0,2)', '(0,3)')];
  expect(orderOfChanges(changes)).toEqual([1n, 2n, 3n]);
});

test('of any shuffle each row keeps its history, and nothing is lost', () => {
  const histories = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }).chain((lengths) => {
    const made = lengths.flatMap((length, row) =>
      Array.from({ length }, (_, step) => ({
        row,
        step,
        was: step === 0 ? null : `${row}/${step - 1}`,
        now: `${row}/${step}`,
      })),
    );
    return fc.shuffledSubarray(made, { minLength: made.length });
  });
  fc.assert(
    fc.property(histories, (made) => {
      const order = orderOfChanges(made.map(({ was, now }, at) => change(at, was, now)));
      const steps = order.map((number) => made[Number(number)]);
      expect(new Set(order).size).toBe(made.length);
      for (const row of new Set(made.map((each) => each.row))) {
        const seen = steps.filter((each) => each?.row === row).map((each) => each?.step);
        expect(seen).toEqual(seen.map((_, at) => at));
      }
    }),
  );
});
