import { expect, test } from 'vitest';
import type { PastCut } from '../journal/state.ts';
import { soakOf } from './soak.ts';

const cut = (to: 'blue' | 'green', endIso: string, how: 'finished' | 'aborted'): PastCut => ({
  cut: `to ${to}`,
  epoch: 1,
  from: to === 'green' ? 'blue' : 'green',
  to,
  sinceIso: endIso,
  endIso,
  end: how === 'finished' ? { how, facts: {} } : { how, reason: 'too slow', code: 'TEAL-STAGES-102' },
});
const hour = 3_600_000;
const spec = { soak: { forMs: 24 * hour }, finalise: { afterMs: 0, blue: 'keep' } } as const;
const green = { phase: 'green' } as const;

test('a soak lasts as long as the longer of soak.for and finalise.after', () => {
  const state = { life: green, cuts: [cut('green', '2030-01-01T00:00:00.000Z', 'finished')] };
  const at = (iso: string, after = 0): boolean | undefined =>
    soakOf(state, { ...spec, finalise: { afterMs: after, blue: 'keep' } }, Date.parse(iso))?.over;
  expect(at('2030-01-01T23:59:59.999Z')).toBe(false);
  expect(at('2030-01-02T00:00:00.000Z')).toBe(true);
  expect(at('2030-01-02T00:00:00.000Z', 48 * hour)).toBe(false);
  expect(at('2030-01-03T00:00:00.000Z', 48 * hour)).toBe(true);
});

test('it counts from the last cut to green that was made, and a rollback ends it', () => {
  const cuts = [
    cut('green', '2030-01-01T00:00:00.000Z', 'finished'),
    cut('blue', '2030-01-02T00:00:00.000Z', 'finished'),
    cut('green', '2030-01-03T00:00:00.000Z', 'finished'),
    cut('blue', '2030-01-04T00:00:00.000Z', 'aborted'),
  ];
  const now = Date.parse('2030-01-03T12:00:00.000Z');
  expect(soakOf({ life: green, cuts }, spec, now)).toEqual({
    cut: 'to green',
    sinceIso: '2030-01-03T00:00:00.000Z',
    untilIso: '2030-01-04T00:00:00.000Z',
    over: false,
  });
  expect(soakOf({ life: { phase: 'back' }, cuts: cuts.slice(0, 2) }, spec, now)).toBeUndefined();
});
