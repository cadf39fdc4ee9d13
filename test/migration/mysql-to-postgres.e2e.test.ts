import { describe, expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { stepIds } from '../../src/plan/plan.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import { isTested, longSeriesOr } from '../support/mysql.ts';
import { greenMajor } from '../support/postgres.ts';
import { Place, type Acknowledged } from './unlike-place.ts';

/** By its log, and, where it writes none, by triggers. */
const ways = [
  ...longSeriesOr('mysql-8.0').map((each) => ({ ...each, method: 'log' })),
  { series: 'mysql-8.0', tested: isTested('mysql-8.0'), method: 'triggers' },
] as const;

describe.for(ways)('$series to PostgreSQL by $method', ({ series, tested, method }) => {
  test.skipIf(!tested)('up, over, back with what green took, over again, ended', { timeout: 600_000 }, async () => {
    const isRecorded = method === 'triggers';
    await using place = await Place.make(series, greenMajor(), undefined, isRecorded ? { 'skip-log-bin': '' } : {});
    if (isRecorded) await place.writeFile('follow: { method: triggers, acceptFrozenSchema: true }\n');
    const kept: Acknowledged = { emails: [] };

    const writing = place.writeUntilFenced(kept);
    // Where the test fails before it is awaited, that failure is the one to tell.
    writing.catch(() => undefined);
    await using migration = await place.open('up');
    expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
    expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
    await writing;
    expect(kept.emails.length).toBeGreaterThan(5);
    expect(await place.lostOnGreen(kept)).toEqual([]);
    await expect(place.client.query(`update shop.customer set note = 'late' where id = 1`)).rejects.toSatisfy(
      (error) => serverNumberOf(error) === fenceErrorNumber,
    );

    await place.writeOnGreen('green1', kept);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
    expect(await place.lostOnBlue(kept)).toEqual([]);
    await place.writeOnBlue('blue2', kept);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });

    expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
    await place.writeOnGreen('green3', kept);
    expect(await place.lostOnGreen(kept)).toEqual([]);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await place.lostOnBlue(kept)).toEqual([]);
    expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    expect(await place.schemasOnGreen()).toEqual(['shop']);
    expect(await place.databasesOnBlue()).toEqual(['shop']);
  });
});

describe.for(longSeriesOr('mariadb-11.4'))('$series to PostgreSQL', ({ series, tested }) => {
  test.skipIf(!tested)(
    'planned, up, and taken away again; by one mapping all the time',
    { timeout: 600_000 },
    async () => {
      await using place = await Place.make(series, greenMajor());
      const plan = await place.plan();
      expect(plan.hazards.filter(({ severity }) => severity === 'stops')).toEqual([]);
      expect(stepIds(plan)).toEqual(
        expect.arrayContaining([
          'prepare:schema',
          'copy:first-position',
          'follow:foreign-keys',
          'finalise:remove-blue',
        ]),
      );
      {
        await using migration = await place.open('up');
        expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      }
      await place.writeFile('mapping: { tables: { "shop.customer": { columns: { active: { type: smallint } } } } }\n');
      await expect(place.open('up')).rejects.toSatisfy((error) => isTealError(error, 'TEAL-APP-007'));
      await place.writeFile();
      await using migration = await place.open('abort');
      expect(await migration.abort('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await place.schemasOnGreen()).toEqual([]);
      expect(await place.databasesOnBlue()).toEqual(['shop']);
      await place.client.query(`update shop.customer set note = 'goes on' where id = 1`);
    },
  );
});
