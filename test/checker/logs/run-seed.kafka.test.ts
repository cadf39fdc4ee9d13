import { describe, expect, test } from 'vitest';
import { kafkaUsers } from '../../../demo/kafka-stage.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../../support/kafka.ts';
import { runLogSeed } from './run-seed.ts';
import { logScheduleOf, logScheduleText } from './schedule.ts';

/** One short seed in every run of the tests; `make check SYSTEMS='kafka>kafka'` runs more of them, and longer ones, which restart brokers. */
describe.skipIf(!kafkaIsTested)('what clients of Kafka saw of a migration, judged', () => {
  test('a cut whose controller is killed, and what comes after', async () => {
    const options = { users: { ...kafkaUsers }, apart: 'checker' };
    const [blue, green] = [await testCluster('blue', options), await testCluster('green', options)];
    const clusters = { prefix: namePrefix(), bootstrap: { blue: blue.bootstrap, green: green.bootstrap } };
    const schedule = logScheduleOf(1, { length: 'short', faults: ['kill controller'] });
    const { violations, sendings, cuts, injected, told } = await runLogSeed(schedule, { clusters });
    expect(violations, [logScheduleText(schedule), ...told].join('\n')).toEqual([]);
    expect(injected.map(({ fault }) => fault)).toEqual(['kill controller']);
    expect(sendings.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(100);
    expect(cuts.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThanOrEqual(1);
  });
});
