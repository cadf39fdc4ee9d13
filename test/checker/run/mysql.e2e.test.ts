import { describe, expect, test } from 'vitest';
import { isLong } from '../../support/long.ts';
import { isTested } from '../../support/mysql.ts';
import { greenMajor } from '../../support/postgres.ts';
import { scheduleOf, scheduleText } from '../schedule.ts';
import type { SystemName } from '../systems.ts';
import { runSeed } from './run-seed.ts';

/** One short seed from MySQL through the proxy, and in the long form one to PostgreSQL, where clients follow the cut by themselves. `make check SYSTEMS=…` runs more of them, and longer ones. */
describe('what clients of MySQL saw of a migration, judged', () => {
  const seeds: [SystemName, number, string][] = [
    ['mysql-8.0', 3, 'kill controller'],
    [`postgres-${greenMajor()}`, 2, 'kill worker forward'],
  ];
  test.skipIf(!isTested('mysql-8.0')).each(isLong ? seeds : seeds.slice(0, 1))(
    'to %s, seed %i, %s',
    async (green, seed, fault) => {
      const schedule = scheduleOf(seed, { systems: ['mysql-8.0', green], length: 'short', faults: [fault] });
      const { violations, txns, cuts, injected } = await runSeed(schedule);
      expect(injected.map((each) => each.fault)).toEqual([fault]);
      expect(violations, scheduleText(schedule)).toEqual([]);
      expect(txns.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(50);
      expect(cuts.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThanOrEqual(2);
    },
  );
});
