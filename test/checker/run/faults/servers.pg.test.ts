import { expect, test } from 'vitest';
import { waitFor } from '../../../../src/kernel/clock.ts';
import { asked, inject, patienceMs } from './test-support/inject.ts';
import { faultPlace, type FaultPlace } from './test-support/place.ts';

const schema = 'create table item (id int primary key)';

async function arrives(at: FaultPlace, id: number): Promise<void> {
  await waitFor({ what: `row ${id} on green`, timeoutMs: 60_000 }, async () =>
    (await at.query('green', `select from item where id = ${id}`)).length > 0 ? true : undefined,
  );
}

test(
  'servers are killed and come back, commits stall and go on: the migration does',
  { timeout: 300_000 },
  async () => {
    await using at = await faultPlace({ schema });
    const { migration } = at.life;
    expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
    const insert = (id: number): string => `insert into item values (${id})`;

    const green = await inject(at, 'kill green server');
    await expect(at.query('green', 'select 1')).rejects.toThrow('ECONNREFUSED');
    expect(await asked(at.clientUrl, insert(1))).toBeLessThan(patienceMs);
    await green.heal();
    await arrives(at, 1);

    const blue = await inject(at, 'kill blue server');
    await expect(at.query('blue', 'select 1')).rejects.toThrow('ECONNREFUSED');
    expect(await asked(at.clientUrl, insert(2))).toMatch(/error|silent/i);
    await blue.heal();
    await at.query('blue', insert(3));
    await arrives(at, 3);

    const stalled = await inject(at, 'stalled standby');
    expect(await asked(at.clientUrl, insert(4))).toBe('silent');
    // Decoded before it is seen.
    await arrives(at, 4);
    expect(await at.query('blue', 'select from item where id = 4')).toEqual([]);
    await stalled.heal();
    expect(await asked(at.clientUrl, insert(5))).toBeLessThan(patienceMs);
    await arrives(at, 5);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await migration.cutover()).toMatchObject({ live: 'green' });

    const other = await inject(at, 'stalled standby');
    expect(other.what).toContain('green');
    expect(await asked(at.clientUrl, insert(6))).toBe('silent');
    await other.heal();
    expect(await asked(at.clientUrl, insert(7))).toBeLessThan(patienceMs);
  },
);
