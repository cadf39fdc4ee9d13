import { expect, test } from 'vitest';
import type { OutboxEvent } from '../ports/outbox.ts';
import { settledInFront } from './queue.ts';

test('a place moves over what is settled without a gap', () => {
  const events = ['a', 'b', 'c'].map((id): OutboxEvent => ({
    id,
    aggregateType: 't',
    aggregateId: id,
    type: 'x',
    payload: null,
    createdMs: 0,
    from: 'outbox',
  }));
  const settled = (...at: readonly number[]) =>
    at.map((index) => ({ outcome: 'delivered' as const, event: events[index] as OutboxEvent }));
  expect(settledInFront(events, settled(2, 0, 1))).toBe(3);
  expect(settledInFront(events, settled(0, 2))).toBe(1);
  expect(settledInFront(events, settled(1, 2))).toBe(0);
  expect(settledInFront([], [])).toBe(0);
});
