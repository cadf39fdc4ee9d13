import { expect, test } from 'vitest';
import { waitFor } from '../../kernel/clock.ts';
import { Bell } from './bell.ts';
import { letGo, type OwedSession } from './letting-go.ts';

class Waiting implements OwedSession {
  gone = false;
  isOwed = true;
  readonly longestWaitMs: number;
  readonly #order: number[];

  constructor(longestWaitMs: number, order: number[]) {
    this.longestWaitMs = longestWaitMs;
    this.#order = order;
  }

  endHold(): void {
    this.#order.push(this.longestWaitMs);
  }
}

function crowd(count: number): { readonly order: number[]; readonly sessions: readonly Waiting[] } {
  const order: number[] = [];
  return { order, sessions: Array.from({ length: count }, (_, at) => new Waiting(at, order)) };
}

test('those that have waited longest go first, and the next when one is answered', async () => {
  const { order, sessions } = crowd(18);
  const bell = new Bell();
  const all = letGo(sessions, bell, { atOnce: 17, owedMs: 600_000, allMs: 600_000 });
  await waitFor({ what: 'the first', timeoutMs: 60_000 }, async () => order.length >= 17 || undefined);
  expect(order).toHaveLength(17);
  expect(order[0]).toBe(17);
  const answered = sessions[17];
  if (answered !== undefined) answered.isOwed = false;
  bell.ring();
  await all;
  expect(order).toEqual(Array.from({ length: 18 }, (_, at) => 17 - at));
});

test('answers that do not come keep nobody back for long', async () => {
  const { order, sessions } = crowd(2_000);
  await letGo(sessions, new Bell());
  expect(order).toHaveLength(2_000);
});

test('one that has gone meanwhile is passed over', async () => {
  const { order, sessions } = crowd(17);
  const bell = new Bell();
  const all = letGo(sessions, bell);
  const last = sessions[0];
  if (last !== undefined) last.gone = true;
  await all;
  expect(order).not.toContain(0);
});
