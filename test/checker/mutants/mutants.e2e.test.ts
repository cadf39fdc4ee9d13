import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor } from '../../support/postgres.ts';
import { tryOnce, type Tried } from './try-mutant.ts';

const majors = [blueMajor(), greenMajor()] as const;

async function tried(name: string): Promise<Tried> {
  return tryOnce({ name, seed: 1, majors, isMutated: true });
}

/** Two that show at once; `make mutants` tries them all, and the product by the same seeds. */
describe('a bug that was put into the product is found', () => {
  test('a comparison that folds with XOR', async () => {
    expect((await tried('XOR hash')).invariants).toEqual([1, 2, 8]);
  });

  test('a token that is written before the tables are closed', async () => {
    expect((await tried('position before fence')).invariants).toContain(1);
  });
});
