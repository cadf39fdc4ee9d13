import { expect, test } from 'vitest';
import { asPosition } from '../model/position.ts';
import type { FlowStatus } from '../ports/carrier.ts';
import { logTold, onceEach, type LogTold } from './log-budget.ts';

const status: FlowStatus = {
  flow: 'forward',
  mode: 'live',
  now: { state: 'running' },
  received: asPosition('A'),
  applied: asPosition('A'),
  lagBytes: 0,
  transactions: 0,
  changes: 0,
  changesPerSecond: 0,
  spoolBytes: 0,
  rogueTransactions: 0,
  retainedBytes: 15e9,
  retainedLimitBytes: 20e9,
};

test('says how much log is kept once it is near the limit, and why a flow was ended', () => {
  expect(logTold({ ...status, budget: 'ok' })).toBeUndefined();
  expect(logTold({ ...status, budget: 'warn' })?.text).toBe(
    'blue keeps 15.0 GB of log for the forward flow, which is ended at 20.0 GB',
  );
  const now = { state: 'failed', code: 'TEAL-CARRIERS-008', reason: 'rollback unavailable' } as const;
  expect(logTold({ ...status, now })).toEqual({ flow: 'forward', budget: 'exceeded', text: 'rollback unavailable' });
});

test('each step is told once, and again when it comes back', () => {
  const heard: string[] = [];
  const tell = onceEach(({ flow, budget }) => heard.push(`${flow} ${budget}`));
  const warn: LogTold = { flow: 'forward', budget: 'warn', text: '' };
  for (const told of [undefined, warn, warn, { ...warn, budget: 'exceeded' } as const, undefined, warn])
    tell('forward', told);
  tell('reverse', { ...warn, flow: 'reverse' });
  expect(heard).toEqual(['forward warn', 'forward exceeded', 'forward warn', 'reverse warn']);
});
