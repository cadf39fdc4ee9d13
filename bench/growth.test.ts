import { expect, test } from 'vitest';
import { figuresOf } from './growth.ts';
import { peakOf } from './memory-watch.ts';

test('each cost at each size, and its growth between the two largest', () => {
  const figures = figuresOf([
    { size: 250, costs: { 'rows, s': 2, 'flow, MB': 100 } },
    { size: 1_000, costs: { 'rows, s': 3, 'flow, MB': 100 } },
    { size: 4_000, costs: { 'rows, s': 12, 'flow, MB': 100 } },
  ]);
  expect(figures).toEqual({
    'rows, s ×1': 2,
    'rows, s ×4': 3,
    'rows, s ×16': 12,
    'exponent of rows': 1,
    'flow, MB ×1': 100,
    'flow, MB ×4': 100,
    'flow, MB ×16': 100,
    'exponent of flow': 0,
  });
});

test('the most memory that a process has had', () => {
  expect(peakOf('Name:\tnode\nVmPeak:\t 9999 kB\nVmHWM:\t  200000 kB\nVmRSS:\t 100 kB\n')).toBe(205);
  expect(peakOf('')).toBeUndefined();
});
