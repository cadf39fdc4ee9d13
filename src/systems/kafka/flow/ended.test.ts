import { expect, test } from 'vitest';
import { Ended } from './ended.ts';

const never = new AbortController().signal;
/** Nobody waits for so long: it stands for a wait that is ended by what was told. */
const longMs = 600_000;

test('who waits is woken by an end, also by one that was told before', async () => {
  const ended = new Ended();
  const waits = ended.next(longMs, never);
  ended.add('orders/0');
  await waits;
  expect([ended.has('orders/0'), ended.has('orders/1')]).toEqual([true, false]);
  ended.add('orders/1');
  await ended.next(longMs, never);
  expect(ended.has('orders/1')).toBe(true);
});

test('a failure ends every wait from then on, with the first that was told', async () => {
  const ended = new Ended();
  const waits = ended.next(longMs, never);
  ended.fail(new Error('first'));
  ended.fail(new Error('second'));
  await expect(waits).rejects.toThrow('first');
  await expect(ended.next(1, never)).rejects.toThrow('first');
});
