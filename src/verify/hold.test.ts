import { expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { asPosition } from '../model/position.ts';
import type { HeldSnapshot, SideAccess } from '../ports/digester.ts';
import { openSnapshotPair, type HoldOptions } from './hold.ts';

/** A side that records what was asked of it, in order with everything else. */
function sideOf(name: string, said: string[], fails = false): SideAccess {
  const open = async (how: string): Promise<HeldSnapshot> => {
    said.push(`${name} ${how}`);
    if (fails) throw new Error(`${name} is gone`);
    return {
      position: asPosition('0000000000000010'),
      takenAt: '2026-01-01T00:00:00.000Z',
      bounds: () => [],
      reader: async () => Promise.reject(new Error('not read here')),
      [Symbol.asyncDispose]: async () => void said.push(`${name} closed`),
    };
  };
  const unasked = async (): Promise<never> => Promise.reject(new Error('not asked here'));
  return {
    side: 'blue',
    facts: unasked,
    describe: unasked,
    objects: unasked,
    openAtPosition: async () => open('at position'),
    openNow: async () => open('now'),
  };
}

function optionsOf(said: string[], changes: Partial<HoldOptions> = {}): HoldOptions {
  return {
    live: sideOf('live', said),
    other: sideOf('other', said),
    stopAt: async (position) => {
      said.push('stop');
      return position;
    },
    resume: async () => void said.push('resume'),
    leaseMs: 10_000,
    lockTimeoutMs: 1_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

test('the carrier stands still only until the second snapshot is there', async () => {
  const said: string[] = [];
  {
    await using pair = await openSnapshotPair(optionsOf(said));
    expect(pair.heldMs).toBeLessThan(5_000);
    expect(said).toEqual(['live at position', 'stop', 'other now', 'resume']);
  }
  expect(said.slice(4)).toEqual(['other closed', 'live closed']);
});

test('it is told to go on when the stop fails', async () => {
  const said: string[] = [];
  const options = optionsOf(said, { stopAt: async () => Promise.reject(new Error('no')) });
  await expect(openSnapshotPair(options)).rejects.toThrow('no');
  expect(said).toEqual(['live at position', 'resume', 'live closed']);
});

test('a carrier that is always past the position already is stopped first, then led to it', async () => {
  const said: string[] = [];
  let standing = false;
  const options = optionsOf(said, {
    stopAt: async (position) => {
      said.push(position === '' ? 'stop where it is' : 'stop');
      if (position === '') standing = true;
      return standing ? position : asPosition('0000000000000011');
    },
  });
  await using _pair = await openSnapshotPair(options);
  const inVain = ['live at position', 'stop', 'resume', 'live closed'];
  const atLast = ['stop where it is', 'live at position', 'stop', 'other now', 'resume', 'resume'];
  expect(said).toEqual([...inVain, ...inVain, ...inVain, ...atLast]);
});

test('a carrier that does not stand even so makes no result, and is told to go on', async () => {
  const said: string[] = [];
  const options = optionsOf(said, { stopAt: async () => asPosition('0000000000000011') });
  const refused = await openSnapshotPair(options).catch((error: unknown) => error);
  expect(isTealError(refused, 'TEAL-VERIFY-002')).toBe(true);
  expect(said).not.toContain('other now');
  expect(said.slice(-4)).toEqual(['live at position', 'resume', 'resume', 'live closed']);
});

test('it is told to go on when the other side fails, and nothing stays open', async () => {
  const said: string[] = [];
  await expect(openSnapshotPair(optionsOf(said, { other: sideOf('other', said, true) }))).rejects.toThrow(
    'other is gone',
  );
  expect(said).toEqual(['live at position', 'stop', 'other now', 'resume', 'live closed']);
});

test('a lease that may have run out makes no result', async () => {
  const said: string[] = [];
  const refused = await openSnapshotPair(optionsOf(said, { leaseMs: 0 })).catch((error: unknown) => error);
  expect(isTealError(refused, 'TEAL-VERIFY-002')).toBe(true);
  expect(said).toEqual(['live at position', 'stop', 'other now', 'resume', 'other closed', 'live closed']);
});

test('a failing resume does not hide why the work failed', async () => {
  const said: string[] = [];
  const options = optionsOf(said, {
    other: sideOf('other', said, true),
    resume: async () => Promise.reject(new Error('no answer')),
  });
  const failure = await openSnapshotPair(options).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SuppressedError);
  expect(failure).toMatchObject({ error: { message: 'no answer' }, suppressed: { message: 'other is gone' } });
});
