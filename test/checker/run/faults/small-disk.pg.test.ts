import { expect, test } from 'vitest';
import { waitFor } from '../../../../src/kernel/clock.ts';
import { mayMount } from './small-disk.ts';
import { asked, inject, patienceMs } from './test-support/inject.ts';
import { faultPlace } from './test-support/place.ts';

test.skipIf(!(await mayMount()))(
  'no room on green: the flow says so and goes on by itself when there is',
  { timeout: 300_000 },
  async () => {
    await using at = await faultPlace({ schema: 'create table item (id int primary key, note text)' });
    const { migration } = at.life;
    expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
    const full = await inject(at, 'disk full green');
    try {
      await expect(
        at.query(
          'green',
          `set session_replication_role = replica; begin; insert into item select n, 'x' from generate_series(-50000, -1) n`,
        ),
      ).rejects.toMatchObject({ code: '53100' });
      expect(
        await asked(at.clientUrl, `insert into item select n, repeat('x', 100) from generate_series(1, 20000) n`),
      ).toBeLessThan(patienceMs);
      const now = await waitFor({ what: 'the flow to tell', timeoutMs: 60_000 }, async () => {
        const status = await migration.carrier.status('forward');
        return status.now.state === 'running' ? undefined : status.now;
      });
      expect(now).toMatchObject({ state: 'waiting', code: 'TEAL-SYSTEMS-011' });
      await expect(migration.cutover()).rejects.toMatchObject({ code: 'TEAL-STAGES-107' });
      expect(await asked(at.clientUrl, 'insert into item values (30000)')).toBeLessThan(patienceMs);
    } finally {
      await full.heal();
    }
    await waitFor({ what: 'all rows on green', timeoutMs: 60_000 }, async () => {
      const [row] = await at.query('green', 'select count(*) from item');
      return row?.['count'] === '20001' || undefined;
    });
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await migration.cutover()).toMatchObject({ live: 'green' });
  },
);
