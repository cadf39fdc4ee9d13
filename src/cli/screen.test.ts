import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { MigrationEvent } from '../app/events.ts';
import { asPosition } from '../model/position.ts';
import { plainLine, renderScreen } from './screen.ts';
import { advanceScreen, emptyScreen, type ScreenState } from './screen-state.ts';

const long =
  'a sentence that is far too long for a terminal of eighty columns and has to be clipped somewhere near here';
const events: readonly MigrationEvent[] = [
  { kind: 'stage', stage: 'prepare', title: 'Prepare', state: 'started' },
  { kind: 'step started', step: 'prepare:schema', does: long },
  { kind: 'step done', step: 'prepare:schema', evidence: '12 of 12 objects', found: false },
  { kind: 'stage', stage: 'prepare', title: 'Prepare', state: 'finished' },
  { kind: 'stage', stage: 'copy', title: 'Copy', state: 'started' },
  { kind: 'step progress', step: 'copy:rows', progress: { text: long, done: 500, total: 1_000 } },
  { kind: 'verified', equal: true, tables: 3, rows: '1000', different: 0, file: '/tmp/c.md' },
  { kind: 'gate', gate: 'g', asks: 'does dba say yes?', answer: { answer: 'not yet', evidence: long } },
];

test('every line fits a terminal of 80 columns, and shows stage, progress and what is awaited', () => {
  const state = events.reduce(advanceScreen, emptyScreen('shop'));
  const lines = renderScreen(state, 80).map(stripVTControlCharacters);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[0]).toBe('shop: blue is live');
  expect(lines[1]).toBe('● prepare  ◐ copy  ○ follow  ● verify  ○ cut over  ○ soak  ○ finalise');
  expect(lines.some((line) => line.endsWith(' 50%'))).toBe(false);
  expect(lines.some((line) => line.includes('does dba say yes?'))).toBe(true);
});

test('a copy shows its share, and a cut who is live', () => {
  const copying = events.slice(0, 6).reduce(advanceScreen, emptyScreen('shop'));
  expect(renderScreen(copying, 80).some((line) => line.endsWith(' 50%'))).toBe(true);
  const cut = advanceScreen(copying, { kind: 'cut', cut: 'e1a1', from: 'blue', to: 'green', pauseMs: 84 });
  expect(stripVTControlCharacters(renderScreen(cut, 80).join('\n'))).toContain('green is live; clients waited 84 ms');
  const unheld = { kind: 'cut', cut: 'e1a1', from: 'blue', to: 'green', pauseMs: 84, held: false } as const;
  expect(plainLine(unheld)).toBe('cut e1a1: green is live, writes were refused for at most 84 ms');
});

test('plain lines are one an event, and progress has none', () => {
  expect(events.map(plainLine)).toEqual([
    'prepare: started',
    undefined,
    '  prepare:schema: 12 of 12 objects',
    'prepare: finished',
    'copy: started',
    undefined,
    'verify: 3 tables, 1,000 rows, equal (/tmp/c.md)',
    undefined,
  ]);
});

test('of topics a comparison counts records, and a flow carries them', () => {
  const verified = { kind: 'verified', equal: true, tables: 2, rows: '1000', different: 0, file: '/tmp/c.md' } as const;
  expect(plainLine({ ...verified, of: 'topics', partitions: 5 })).toBe(
    'verify: 2 topics of 5 partitions, 1,000 records, equal (/tmp/c.md)',
  );
  const opened = {
    kind: 'opened',
    migration: 'events',
    live: 'blue',
    phase: 'blue',
    moves: 'topics',
    stages: {},
  } as const;
  const place = asPosition('1');
  const status = {
    flow: 'forward',
    mode: 'live',
    now: { state: 'running' },
    received: place,
    applied: place,
    lagBytes: 0,
    lagMs: 3,
    transactions: 0,
    changes: 9,
    changesPerSecond: 9,
    spoolBytes: 0,
    rogueTransactions: 0,
  } as const;
  const state = [opened, { kind: 'flow', status } as const].reduce<ScreenState>(advanceScreen, emptyScreen('events'));
  expect(state.flows['forward']).toBe('live, 3 ms behind, 9 records/s');
});
