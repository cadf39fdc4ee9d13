import { expect, test } from 'vitest';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import { Line, type Hearing, type Talk } from './line.ts';

interface Words extends Talk {
  readonly asks: { readonly op: 'double' | 'fail' | 'sleep'; readonly of?: number };
  readonly tells: { readonly op: 'note'; readonly text: string };
}

function pair(): { readonly here: Line<Words, Words>; readonly there: Line<Words, Words>; readonly notes: string[] } {
  const notes: string[] = [];
  const hearing: Hearing<Words> = {
    answer: async ({ op, of = 0 }) => {
      if (op === 'double') return of * 2;
      if (op === 'fail') throw new TealError('TEAL-TRAFFIC-004', 'not yet', { of });
      return new Promise(() => undefined);
    },
    hear: ({ text }) => notes.push(text),
  };
  const lines: Line<Words, Words>[] = [];
  const to =
    (at: number) =>
    (message: unknown): void =>
      lines[at]?.take(JSON.parse(JSON.stringify(message)));
  lines.push(new Line<Words, Words>(to(1), hearing), new Line<Words, Words>(to(0), hearing));
  const [here, there] = lines as [Line<Words, Words>, Line<Words, Words>];
  return { here, there, notes };
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'none',
    (error: unknown) => (isTealError(error) ? [error.code, error.message, error.facts] : error),
  );
}

test('both ends ask, tell, and get the answers to their own questions, errors with their codes', async () => {
  const { here, there, notes } = pair();
  here.tell({ op: 'note', text: 'a' });
  there.tell({ op: 'note', text: 'b' });
  expect(notes).toEqual(['a', 'b']);
  const asked = [1, 2, 3].map(async (of) => (of === 2 ? there : here).ask({ op: 'double', of }, 10_000));
  expect(await Promise.all(asked)).toEqual([2, 4, 6]);
  expect(await failure(here.ask({ op: 'fail', of: 7 }, 10_000))).toEqual([
    'TEAL-TRAFFIC-004',
    'TEAL-TRAFFIC-004: not yet',
    { of: 7 },
  ]);
});

test('a question ends: in its time, or when the line is closed', async () => {
  const { here } = pair();
  expect(await failure(here.ask({ op: 'sleep' }, 5))).toMatchObject({ 0: 'TEAL-TRAFFIC-005' });
  const asked = failure(here.ask({ op: 'sleep' }, 100_000));
  here.close(new TealError('TEAL-TRAFFIC-005', 'gone'));
  expect(await asked).toMatchObject({ 1: 'TEAL-TRAFFIC-005: gone' });
  expect(await failure(here.ask({ op: 'double', of: 1 }, 5))).toMatchObject({ 1: 'TEAL-TRAFFIC-005: gone' });
});
