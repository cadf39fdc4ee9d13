import { expect, test } from 'vitest';
import type { PairTopics } from './pair.ts';
import { partToCut, requireTellable, topicsOfCut } from './topic-parts.ts';

const topics: PairTopics = {
  names: ['audit.a', 'audit.b', 'bills', 'orders'],
  fencesOf: () => {
    throw new Error('nobody is fenced here');
  },
};
const cut = { cut: 'e2a1', epoch: 2, from: 'blue', to: 'green', sinceIso: '' } as const;

test('names and patterns select what blue owns still', () => {
  const part = partToCut({ ahead: ['audit.a'] }, topics, ['audit.*', 'bills']);
  expect(part).toEqual({ part: { from: 'blue', topics: ['audit.b', 'bills'] }, isAll: false });
  expect(partToCut({ ahead: ['audit.a'] }, topics, ['audit.a']).part.topics).toEqual([]);
  expect(partToCut({ ahead: ['audit.a', 'audit.b'] }, topics, ['*'])).toMatchObject({ isAll: true });
});

test('what selects nothing of the migration is a mistake, and so is to ask where nothing can be cut alone', () => {
  expect(() => partToCut({ ahead: [] }, topics, ['bills', 'bill'])).toThrow(/TEAL-APP-061.*bill$/);
  expect(() => partToCut({ ahead: [] }, undefined, ['bills'])).toThrow(/TEAL-APP-060/);
  expect(() => partToCut({ ahead: [] }, { ...topics, obstacle: 'no' }, ['bills'])).toThrow(/TEAL-APP-060/);
  const long = Array.from({ length: 1_000 }, (_, at) => `${'t'.repeat(110)}${at}`);
  expect(() => requireTellable(long)).toThrow(/TEAL-APP-062/);
});

test('a cut of all is about the rest once some have gone, also when it is found open', () => {
  const ahead = ['bills'];
  expect(topicsOfCut({ life: { phase: 'blue' }, ahead: [] }, topics)).toBeUndefined();
  expect(topicsOfCut({ life: { phase: 'blue' }, ahead }, topics)).toEqual(['audit.a', 'audit.b', 'orders']);
  const open = { phase: 'crossing', cut, cameFrom: 'blue' } as const;
  expect(topicsOfCut({ life: open, ahead }, topics)).toEqual(['audit.a', 'audit.b', 'orders']);
  const ofSome = { ...open, cut: { ...cut, topics: ['orders'] } };
  expect(topicsOfCut({ life: ofSome, ahead }, topics)).toEqual(['orders']);
  // Another was asked for: the one that is open comes first.
  expect(topicsOfCut({ life: ofSome, ahead }, topics, { from: 'green', topics: ['bills'] })).toEqual(['orders']);
});
