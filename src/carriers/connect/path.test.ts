import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import { stateOf } from './path.ts';
import type { ConnectorState, ConnectorStatus } from './rest.ts';

const at = asPosition('0000000000000007');
const there = { slot: 'usable', confirmed: at } as const;

function status(state: ConnectorState, ...tasks: readonly (readonly [ConnectorState, string?])[]): ConnectorStatus {
  return {
    connector: { state, worker_id: 'w' },
    tasks: tasks.map(([task, trace], id) => ({
      id,
      state: task,
      worker_id: 'w',
      ...(trace === undefined ? {} : { trace }),
    })),
  };
}

const running = status('RUNNING', ['RUNNING']);

test.each([
  ['runs when every task does, and the slot has a beginning', running, running, there, { state: 'running' }],
  ['is not there without one of its connectors', running, undefined, there, { code: 'TEAL-CARRIERS-001' }],
  ['waits for tasks that nobody has yet', running, status('RUNNING'), there, { code: 'TEAL-CARRIERS-005' }],
  ['waits where a worker has died', running, status('RUNNING', ['UNASSIGNED']), there, { code: 'TEAL-CARRIERS-005' }],
  ['waits while it is paused', status('PAUSED', ['PAUSED']), running, there, { reason: 'its connectors are paused' }],
  ['waits for the slot', running, running, { slot: 'absent', confirmed: undefined }, { code: 'TEAL-CARRIERS-005' }],
  [
    'waits for a slot that is being made',
    running,
    running,
    { slot: 'usable', confirmed: undefined },
    { code: 'TEAL-CARRIERS-005' },
  ],
  [
    'has failed with a task, and tells classes alone',
    running,
    status('RUNNING', ['FAILED', 'a.b.SinkException: row (s3cret)\nCaused by: c.PSQLException: s3cret']),
    there,
    {
      state: 'failed',
      code: 'TEAL-CARRIERS-014',
      reason: 'a task has failed: a.b.SinkException because of c.PSQLException',
    },
  ],
  [
    'can never go on without what its slot has lost',
    running,
    running,
    { slot: 'invalidated', confirmed: at },
    { state: 'failed', code: 'TEAL-CARRIERS-007' },
  ],
] as const)('a flow %s', (_, source, sink, look, expected) => {
  expect(stateOf(source, sink, look)).toMatchObject(expected);
});
