import { expect, test } from 'vitest';
import { sinceOf, type OpenSession } from './floor.ts';

const told = (trx: string, session = '7'): OpenSession => ({ session, trx, since: trx });
const running = (since: string, session = '7'): OpenSession => ({ session, trx: undefined, since });
const earliest = '01:00';

test('from when on rows of a transaction may have their times', () => {
  // Nobody has looked before: what its session did earlier is not known.
  expect(sinceOf(told('02:00'), undefined, earliest)).toBe('01:00');
  const before = (...open: readonly OpenSession[]): Parameters<typeof sinceOf>[1] => ({ at: '02:30', open });
  // It was there: nothing is new.
  expect(sinceOf(told('02:00'), before({ ...told('02:00'), since: '01:30' }, running('02:20')), earliest)).toBe(
    '01:30',
  );
  // Its session ran a statement without a transaction, which may be its first.
  expect(sinceOf(told('03:00'), before(running('02:10'), running('02:00', '8')), earliest)).toBe('02:10');
  // And another one than the one that was there, whose statement ran.
  expect(sinceOf(told('03:00'), before(told('02:00'), running('02:25')), earliest)).toBe('02:25');
  // Its session rested, or was not there: its first statement began later than the look.
  expect(sinceOf(told('03:00'), before(), earliest)).toBe('02:30');
  expect(sinceOf(told('03:00'), before(told('02:00')), earliest)).toBe('02:30');
  expect(sinceOf(told('02:15'), before(), earliest)).toBe('02:15');
});
