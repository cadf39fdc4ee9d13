import { expect, test } from 'vitest';
import { CanaryBook } from './book.ts';

test('what green does not answer makes no read of it wait for longer', () => {
  const book = new CanaryBook();
  for (let read = 0; read < 30; read += 1) book.green('select ?', 5);
  const usualMs = book.usualMs('select ?');
  expect(usualMs).toBeLessThan(10);
  for (let read = 0; read < 5; read += 1) book.unanswered('select ?', 2_000);
  expect(book.usualMs('select ?')).toBe(usualMs);
  expect(book.tally(1)).toMatchObject({ reads: 30, unanswered: 5 });
  // Another share: nothing is known of green.
  book.begin();
  expect(book.usualMs('select ?')).toBe(undefined);
  for (let read = 0; read < 30; read += 1) book.blue('select ?', 100);
  expect(book.usualMs('select ?')).toBeGreaterThan(50);
});
