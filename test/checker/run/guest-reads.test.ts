import { expect, test } from 'vitest';
import { pairEvents, type HistoryEvent, type MicroOp } from '../../../src/testing/checker/history.ts';
import { event } from '../../../src/testing/checker/test-support/events.ts';
import { withoutReadsOf } from './guest-reads.ts';

test('of clients behind a proxy that no controller tells of a cut, what they only read is left out', () => {
  const read: MicroOp = { f: 'r', k: 1, v: [] };
  const append: MicroOp = { f: 'append', k: 1, v: 8 };
  const behind = (op: number, ops: MicroOp[], type: 'ok' | 'fail' = 'ok'): HistoryEvent[] => [
    event({ client: 2, op, atUs: 30 + op, ops }),
    event({ client: 2, op, atUs: 30 + op, ops, type }),
  ];
  const others = [event({ ops: [read] }), event({ type: 'ok', atUs: 20, ops: [read] })];
  const txns = pairEvents([others, [...behind(0, [read]), ...behind(1, [read, append]), ...behind(2, [read], 'fail')]]);
  expect(withoutReadsOf(txns, (client) => client === 2)).toMatchObject([
    { index: 0, client: 1 },
    { index: 1, client: 2, op: 1 },
    { index: 2, client: 2, op: 2, outcome: 'fail' },
  ]);
});
