import { expect, test } from 'vitest';
import type { GroupEvent, LogRecord, Sending } from '../../../src/testing/checker/log-history.ts';
import { judgeLogRun, type LogRun } from './judge.ts';

const record = (producer: string, number: number): LogRecord => ({ producer, key: producer, number });
const sent = (producer: string, number: number, outcome: Sending['outcome']): Sending => ({
  topic: 't',
  records: [record(producer, number)],
  outcome,
  fromMs: number,
  untilMs: number + 1,
});
const reads = (...records: readonly LogRecord[]): readonly GroupEvent[] =>
  records.map((each) => ({ did: 'read', record: each }));

const log = [record('a', 1), record('b', 1), record('a', 3)];
const right: LogRun = {
  sendings: [sent('a', 1, 'ok'), sent('b', 1, 'ok'), sent('b', 9, 'fail'), sent('a', 2, 'info'), sent('a', 3, 'ok')],
  unheld: ['b'],
  groups: { g: { topics: ['t'], events: [{ did: 'began', side: 'blue' }, ...reads(...log), { did: 'committed' }] } },
  log,
  broken: [{ fromMs: 2, untilMs: 2 }],
  comparisons: [],
  replays: [],
  left: [],
};
const told = (run: Partial<LogRun>): readonly string[] =>
  judgeLogRun({ ...right, ...run }).map(({ invariant, text }) => `${invariant} ${text}`);

test('a run in which only faults and the fence cost anything is right', () => {
  expect(told({})).toEqual([]);
});

test.each<[string, Partial<LogRun>, string]>([
  ['a record is lost', { log: log.slice(1) }, '1 the log: 1 lost of 3: a:1 is not there'],
  ['a group skips one', { groups: { g: { topics: ['t'], events: reads(...log.slice(1)) } } }, '1 group g: 1 lost of 3'],
  [
    'a group reads one again',
    { groups: { g: { topics: ['t'], events: reads(...log, ...log) } } },
    '1 group g: 3 doubled',
  ],
  ['what was refused is there', { log: [...log, record('b', 9)] }, '2 the log: 1 strange of 3: b:9 was refused'],
  ['a key is out of order', { log: log.toReversed() }, '3 the log: 1 disordered of 3: a:1 comes after a:3'],
  ['a producer that is held was refused', { unheld: [] }, '8 b:9 was refused'],
  ['a producer got no answer without a fault', { broken: [] }, '8 a:2 got no answer'],
  ['something stays', { left: ['teal.x.control of blue'] }, '9 teal.x.control of blue is there after the end'],
])('%s: that is found', (_, run, text) => {
  expect(told(run).join('\n')).toContain(text);
});
