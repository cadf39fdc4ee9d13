import { describe, expect, test } from 'vitest';
import type { JournalEvent } from '../journal/events.ts';
import { fold } from '../journal/fold.ts';
import type { MigrationState } from '../journal/state.ts';
import { goesOn } from './goes-on.ts';

const asked = (command: string): JournalEvent => ({
  type: 'runStarted',
  migration: 'shop',
  run: command,
  command,
  teal: '0.1.0',
  pid: 1,
  host: 'one',
  specDigest: 'd',
});
const intended = (cut: string, epoch: number): JournalEvent => {
  const from = epoch % 2 === 1 ? 'blue' : 'green';
  const to = epoch % 2 === 1 ? 'green' : 'blue';
  return { type: 'cutIntended', cut, epoch, from, to, pauseLimitMs: 1, drainLimitMs: 1 };
};
const made = (cut: string, epoch: number): readonly JournalEvent[] => [
  intended(cut, epoch),
  { type: 'cutDecided', cut, position: 'p' },
  { type: 'cutFinished', cut, facts: {} },
];
const givenUp = (cut: string, code: string): JournalEvent => ({ type: 'cutAborted', cut, reason: 'r', code });

function after(...events: readonly JournalEvent[]): MigrationState {
  const start = Date.parse('2026-01-01T00:00:00Z');
  return fold(events.map((event, at) => ({ seq: at + 1, at: new Date(start + at * 1_000).toISOString(), event })));
}

const crossed = [asked('up'), asked('cutover'), ...made('e1a1', 1)];

describe('what a controller that takes over goes on with', () => {
  test.each([
    ['nothing was begun', [], 'up'],
    ['a cut is open', [asked('up'), asked('cutover'), intended('e1a1', 1)], 'up'],
    ['green is live', crossed, 'up'],
    ['a rollback had not begun its cut', [...crossed, asked('rollback')], 'rollback'],
    ['its cut is open', [...crossed, asked('rollback'), intended('e2a1', 2)], 'rollback'],
    [
      'a recovery has taken its cut back',
      [...crossed, asked('rollback'), intended('e2a1', 2), asked('recover'), givenUp('e2a1', 'TEAL-STAGES-105')],
      'rollback',
    ],
    [
      'it has given its cut up itself',
      [...crossed, asked('rollback'), intended('e2a1', 2), givenUp('e2a1', 'TEAL-STAGES-101')],
      'up',
    ],
    [
      'it is made, and both sides were compared since',
      [...crossed, asked('rollback'), ...made('e2a1', 2), asked('verify')],
      'rollback',
    ],
    ['somebody goes forward again', [...crossed, asked('rollback'), ...made('e2a1', 2), asked('up')], 'up'],
    ['groups of readers went back', [...crossed, asked('rollback --group')], 'up'],
    ['everything is being undone', [asked('up'), asked('abort')], 'abort'],
    ['it could not be undone: green is live', [...crossed, asked('abort')], 'up'],
    ['the end was asked for, too early', [...crossed, asked('finalise')], 'up'],
    ['the end was begun', [...crossed, asked('finalise'), { type: 'stageStarted', stage: 'finalise' }], 'finalise'],
    [
      'the end was begun, and something else asked for since',
      [...crossed, asked('finalise'), { type: 'stageStarted', stage: 'finalise' }, asked('rollback')],
      'finalise',
    ],
  ] as const)('%s', (_, events, then) => {
    expect(goesOn(after(...events), true)).toBe(then);
  });

  test('days later nobody begins a rollback that had not begun', () => {
    expect(goesOn(after(...crossed, asked('rollback')), false)).toBe('up');
    expect(goesOn(after(...crossed, asked('rollback'), intended('e2a1', 2)), false)).toBe('rollback');
  });
});
