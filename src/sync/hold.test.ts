import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import { Hold } from './hold.ts';

const at = (place: number): Position => asPosition(place.toString(16).padStart(16, '0'));
const never = new AbortController().signal;
const givenUp = expect.toSatisfy((error: unknown) => isTealError(error, 'TEAL-KERNEL-003'));

describe('a stop that was asked for', () => {
  test('is due exactly where going on would pass it, whatever was asked and taken back before', () => {
    const command = fc.oneof(fc.record({ stop: fc.nat({ max: 20 }) }), fc.constant('resume' as const));
    const look = fc.record({ reached: fc.nat({ max: 20 }), next: fc.option(fc.nat({ max: 20 }), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(fc.tuple(command, look)), (all) => {
        const hold = new Hold();
        let asked: number | undefined;
        for (const [each, { reached, next }] of all) {
          if (each === 'resume') hold.resume();
          else hold.stopAt(at(each.stop), 60_000).catch(() => undefined);
          asked = each === 'resume' ? undefined : each.stop;
          // A transaction that ends at the stop is before it.
          const due = asked !== undefined && (reached >= asked || (next !== undefined && next > asked));
          expect(hold.isDue(at(reached), next === undefined ? undefined : at(next))).toBe(due);
          expect(hold.arrive(at(reached))).toBe(at(Math.max(reached, asked ?? 0)));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('is answered with the place: the one that was asked for, or a later one that was reached before', async () => {
    const hold = new Hold();
    const early = hold.stopAt(at(5), 60_000);
    hold.arrive(at(3));
    expect(await early).toBe(at(5));
    const late = hold.stopAt(at(5), 60_000);
    hold.arrive(at(9));
    expect(await late).toBe(at(9));
  });

  test('is given up when another takes its place, when all goes on, and when the applier ends', async () => {
    const hold = new Hold();
    const first = hold.stopAt(at(5), 60_000);
    const second = hold.stopAt(at(6), 60_000);
    await expect(first).rejects.toEqual(givenUp);
    hold.resume();
    await expect(second).rejects.toEqual(givenUp);
    const third = hold.stopAt(at(7), 60_000);
    hold.fail(new Error('the applier ended'));
    await expect(third).rejects.toThrow('the applier ended');
    expect(hold.isDue(at(9), undefined)).toBe(false);
  });

  test('lets go by itself when nobody renews it: who waits is told, and the applier goes on', async () => {
    const hold = new Hold();
    const stop = hold.stopAt(at(5), 20);
    const told = stop.then(
      () => 'arrived',
      (error: unknown) => (isTealError(error, 'TEAL-KERNEL-003') ? 'given up' : error),
    );
    let looks = 0;
    // As the applier does; a timer may ring a moment early.
    for (; hold.isDue(at(5), undefined); looks += 1) await hold.changed(never);
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThan(10);
    expect(await told).toBe('given up');
  });

  test('wakes whoever stands still, at once', async () => {
    const hold = new Hold();
    hold.stopAt(at(5), 60_000).catch(() => undefined);
    const changed = hold.changed(never);
    hold.resume();
    await changed;
    const aborted = AbortSignal.abort(new Error('ended'));
    await expect(hold.changed(aborted)).rejects.toThrow();
  });
});
