import { expect, test } from 'vitest';
import { coverageTable } from '../faults.ts';
import { allLogFaults, logFaultKinds, logFaultText, logPlaces } from './faults.ts';
import { logFaultsEach, logScheduleOf, logScheduleText } from './schedule.ts';

const many = Array.from({ length: Math.ceil(allLogFaults.length / logFaultsEach) }, (_, at) => logScheduleOf(at + 1));

test('seeds one after another meet every fault at every place', () => {
  const planned = many.flatMap(({ deeds }) =>
    deeds.flatMap((deed) => ('fault' in deed && deed.fault !== undefined ? [logFaultText(deed.fault)] : [])),
  );
  expect(new Set(planned)).toEqual(new Set(allLogFaults.map(logFaultText)));
});

test('each begins with `up`, ends with an end, and its last switch is undisturbed', () => {
  for (const { deeds } of many) {
    expect(deeds[0]?.do).toBe('up');
    expect(['finalise', 'abort', 'stop']).toContain(deeds.at(-1)?.do);
    expect(deeds.findLast((deed) => deed.do === 'switch')).not.toHaveProperty('fault');
    expect(deeds.filter((deed) => deed.do === 'switch').length).toBeGreaterThanOrEqual(2);
  }
});

test('the same seed is the same schedule, and a short one has one fault', () => {
  expect(logScheduleOf(7)).toEqual(logScheduleOf(7));
  const short = logScheduleOf(2, { length: 'short', faults: ['kill controller'] });
  expect(short.deeds.filter((deed) => 'fault' in deed)).toHaveLength(1);
  expect(logScheduleText(short)).toMatch(/^seed 2: Kafka to Kafka\n.*\n {2}then/);
});

test('what came to pass is counted in a table of its own', () => {
  const table = coverageTable(allLogFaults, logFaultKinds, logPlaces).split('\n');
  expect(table[0]).toContain('carry');
  expect(table).toHaveLength(logFaultKinds.length + 1);
});
