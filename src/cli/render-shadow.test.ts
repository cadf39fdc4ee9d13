import { expect, test } from 'vitest';
import { findingsOf } from '../app/read-shadow.ts';
import { noCounts, noTally, type StatementTally } from '../ports/shadow.ts';
import { LatencyCounter } from '../model/latencies.ts';
import { shadowLines } from './render-shadow.ts';

function latencies(ms: number) {
  const counter = new LatencyCounter();
  for (let at = 0; at < 20; at += 1) counter.add(ms);
  return counter.counts;
}

const statement = (text: string, given: Partial<StatementTally>): StatementTally => ({
  ...noCounts,
  statement: text,
  latencies: { blue: latencies(1), green: latencies(1) },
  ...given,
});
const tally = { ...noTally, watchedMs: 1_000, sessionsLeftOut: 0, writes: noTally };

test('nothing is told where nothing was compared', () => {
  expect(shadowLines(findingsOf({ ...tally, share: 0, statements: [] }))).toEqual([]);
});

test('statements that differ, give no answer or have become slow are told, others are not', () => {
  const example = { kind: 'rows', blue: '1 row', green: '1 of them differ, in total', atIso: '' } as const;
  const statements = [
    statement('select total from orders where id = ?', { real: 2, example }),
    statement('select count(*) from orders', { unanswered: 1 }),
    statement('select slow from orders', { latencies: { blue: latencies(1), green: latencies(40) } }),
    statement('select fine from orders', { equal: 9 }),
  ];
  const lines = shadowLines(findingsOf({ ...tally, share: 0.125, compared: 31, equal: 29, real: 2, statements }));
  const told = lines.join('\n');
  expect(told).toContain('12.5% of reads, 31 compared, 29 equal, 2 different');
  expect(told).toContain('different 2 times: blue 1 row, green 1 of them differ, in total');
  expect(told).toContain('unanswered once');
  expect(told).toMatch(/slower: \S+ ms on blue/);
  expect(told).not.toContain('fine');
  expect(lines.every((line) => line.length <= 80)).toBe(true);
});

test('writes that green refuses are told, and those of which it cannot be said why', () => {
  const refused = { kind: 'error', blue: 'INSERT 0 1', green: 'error 42883', atIso: '' } as const;
  const fewer = { kind: 'count', blue: 'UPDATE 1', green: 'UPDATE 0', atIso: '' } as const;
  const statements = [
    statement('insert into orders values (?, ...)', { real: 2, example: refused }),
    statement('update orders set state = ?', { unsettled: 1, example: fewer }),
    statement('delete from orders', { equal: 9 }),
  ];
  const writes = { ...noTally, share: 0.05, compared: 12, equal: 9, real: 2, unsettled: 1, statements };
  const lines = shadowLines(findingsOf({ ...tally, writes }));
  const told = lines.join('\n');
  expect(told).toContain('5% of writes, 12 compared, 9 equal, 2 refused');
  expect(told).toContain('refused 2 times: blue INSERT 0 1, green error 42883');
  expect(told).toContain('untold once: blue UPDATE 1, green UPDATE 0');
  expect(told).not.toContain('delete');
  expect(lines.every((line) => line.length <= 80)).toBe(true);
});
