import { expect, test } from 'vitest';
import { addTallies, type ShadowTally } from '../../../ports/shadow.ts';
import { otherStatements, ShadowBook } from './counts.ts';
import { BoundedQueue } from './sample.ts';

const difference = { kind: 'count', blue: '1 row', green: '0 rows' } as const;

test('what was found is counted in all and by statement, worst first, with the first example', () => {
  const book = new ShadowBook();
  book.note('a', { verdict: 'equal' });
  book.note('a', { verdict: 'equal' });
  book.note('b', { verdict: 'real', difference });
  book.note('b', { verdict: 'real', difference: { ...difference, green: '2 rows' } });
  book.note('c', { verdict: 'unanswered' });
  book.skip('no read');
  book.shed();
  const tally = book.counted(0.5);
  expect(tally).toMatchObject({
    compared: 4,
    equal: 2,
    real: 2,
    unanswered: 1,
    shed: 1,
    share: 0.5,
  });
  expect(tally.skipped).toEqual({ 'no read': 1 });
  expect(tally.statements.map(({ statement }) => statement)).toEqual(['b', 'c', 'a']);
  expect(tally.statements[0]?.example).toMatchObject(difference);
});

test('statements are kept up to a limit, the rest together', () => {
  const book = new ShadowBook();
  for (let at = 0; at < 300; at += 1) book.note(`select ${at}`, { verdict: 'equal' });
  const { statements } = book.counted(1);
  expect(statements).toHaveLength(201);
  expect(statements[0]).toMatchObject({ statement: otherStatements, equal: 100 });
});

test('a statement that was found volatile, or different often enough, is asked no more', () => {
  const book = new ShadowBook();
  for (let time = 0; time < 3; time += 1) book.note('select now()', { verdict: 'volatile' });
  for (let time = 0; time < 20; time += 1) book.note('select wrong', { verdict: 'real', difference });
  for (let time = 0; time < 9; time += 1) book.note('select fine', { verdict: 'equal' });
  expect(['select now()', 'select wrong', 'select fine'].map((text) => book.whyKnown(text))).toEqual([
    'found volatile before',
    'found different before',
    undefined,
  ]);
});

test('a write that green has refused as often as it was tried is refused, whatever rows may explain', () => {
  const book = new ShadowBook();
  const refused = {
    verdict: 'unsettled',
    difference: { kind: 'error', blue: 'UPDATE 1', green: 'error P0001' },
  } as const;
  const other = { verdict: 'unsettled', difference: { ...difference, kind: 'count' } } as const;
  for (let time = 0; time < 21; time += 1) book.note('always', refused);
  book.note('once taken', { verdict: 'equal' });
  for (let time = 0; time < 21; time += 1) book.note('once taken', refused);
  for (let time = 0; time < 21; time += 1) book.note('other rows', other);
  const told = book.counted(1).statements.map(({ statement, real, unsettled }) => [statement, real, unsettled]);
  expect(told).toEqual([
    ['always', 2, 19],
    ['once taken', 0, 21],
    ['other rows', 0, 21],
  ]);
});

test('what several have counted is one tally', () => {
  const [one, two] = [new ShadowBook(), new ShadowBook()];
  one.note('a', { verdict: 'equal' });
  one.latencies('a', 1, 2);
  two.note('a', { verdict: 'real', difference });
  two.skip('no read');
  const told = (book: ShadowBook, sessionsLeftOut: number): ShadowTally => ({
    ...book.counted(0.1),
    watchedMs: sessionsLeftOut,
    sessionsLeftOut,
    writes: book.counted(0.2),
  });
  const sum = addTallies([told(one, 1), told(two, 2)]);
  expect(sum).toMatchObject({
    compared: 2,
    equal: 1,
    real: 1,
    share: 0.1,
    sessionsLeftOut: 3,
    skipped: { 'no read': 1 },
    watchedMs: 1,
    writes: { share: 0.2, compared: 2 },
  });
  expect(sum.statements).toMatchObject([{ statement: 'a', compared: 2, example: difference }]);
});

test('a queue takes what there is room for, and gives it in order', async () => {
  const queue = new BoundedQueue<string>({ items: 2, bytes: 10 });
  const stopped = new AbortController();
  expect([queue.offer('a', 6), queue.offer('b', 6), queue.offer('c', 4), queue.offer('d', 0)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([await queue.next(stopped.signal), await queue.next(stopped.signal)]).toEqual(['a', 'c']);
  const waiting = [queue.next(stopped.signal), queue.next(stopped.signal)];
  queue.offer('e', 1);
  expect(await Promise.race(waiting)).toBe('e');
  stopped.abort();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['e', undefined]));
});
