import { expect, test } from 'vitest';
import type { Side } from '../../model/catalog.ts';
import { Verifiers } from './verifiers.ts';

test('what one side has said of a role is not taken for what the other says', async () => {
  let live: Side = 'blue';
  const asked: string[] = [];
  const verifiers = new Verifiers(
    () => live,
    async (side, user) => {
      asked.push(side);
      return `${user} of ${side}`;
    },
  );
  expect(await verifiers.of('app')).toBe('app of blue');
  live = 'green';
  expect(await verifiers.of('app')).toBe('app of green');
  live = 'blue';
  // Kept for a moment, each side by itself.
  expect(await verifiers.of('app')).toBe('app of blue');
  expect(asked).toEqual(['blue', 'green']);
  verifiers.forget('app');
  await verifiers.of('app');
  live = 'green';
  await verifiers.of('app');
  expect(asked).toEqual(['blue', 'green', 'blue', 'green']);
});

test('an old word is used where its own side cannot be asked, and no other’s', async () => {
  let live: Side = 'blue';
  const gone = new Error('gone');
  const verifiers = new Verifiers<string>(
    () => live,
    async (side) => {
      if (side === 'green') throw gone;
      return 'of blue';
    },
  );
  expect(await verifiers.of('app')).toBe('of blue');
  live = 'green';
  await expect(verifiers.of('app')).rejects.toBe(gone);
});
