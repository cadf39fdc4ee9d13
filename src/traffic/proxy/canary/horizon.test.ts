import { expect, test } from 'vitest';
import { monotonicMs } from '../../../kernel/clock.ts';
import { asPosition } from '../../../model/position.ts';
import { Horizon } from './horizon.ts';

/** Two sides of which it is known how far they are. */
class Sides {
  blue = 1;
  green: number | undefined = 0;

  async written() {
    return asPosition(String(this.blue));
  }

  async applied() {
    return this.green === undefined ? undefined : asPosition(String(this.green));
  }
}

test('green has reached a moment when it has applied what blue had written after it, and nothing is known when it cannot be asked', async () => {
  const sides = new Sides();
  const horizon = new Horizon(sides);
  const before = monotonicMs();
  await horizon.look();
  expect(horizon.reachedMs).toBe(Number.NEGATIVE_INFINITY);
  sides.green = 1;
  await horizon.look();
  expect(horizon.reachedMs).toBeGreaterThanOrEqual(before);

  sides.blue = 2;
  const write = monotonicMs();
  await horizon.look();
  expect(horizon.reachedMs).toBeLessThan(write);
  sides.green = 2;
  await horizon.look();
  expect(horizon.reachedMs).toBeGreaterThanOrEqual(write);

  sides.green = undefined;
  await horizon.look();
  expect(horizon.reachedMs).toBe(Number.NEGATIVE_INFINITY);
});
