import { expect, test } from 'vitest';
import { connect } from '../systems/postgres/connection.ts';
import { postgresRowProbe } from '../systems/postgres/digest/row-probe.ts';
import { verifyMoving } from './moving.ts';
import type { VerifyResult } from './same-position.ts';
import { namesOf, twoSides, type TwoSides } from './test-support/two-sides.ts';

/** `carry` is what the flow does whenever somebody waits for it. */
async function verify(sides: TwoSides, carry: () => Promise<unknown>): Promise<VerifyResult> {
  await using live = await connect({ url: sides.blue.url, applicationName: 'test' });
  await using other = await connect({ url: sides.green.url, applicationName: 'test' });
  return await verifyMoving({
    migration: 'test',
    flow: 'forward',
    live: sides.blueSide,
    other: sides.greenSide,
    tables: await namesOf(sides.blueSide),
    probes: { live: postgresRowProbe(live), other: postgresRowProbe(other) },
    waitApplied: async () => void (await carry()),
    signal: new AbortController().signal,
  });
}

test('rows that are written meanwhile are no differences, one that stays another is, and one that is never quiet cannot be told', async () => {
  await using sides = await twoSides();
  await sides.both(
    'create table t (id int primary key, v text); insert into t select n, n::text from generate_series(1, 2000) n',
  );
  const equal = await verify(sides, async () => undefined);
  expect(equal.certificate).toMatchObject({ result: 'equal', heldMs: 0 });
  expect(equal.certificate.tables[0]).not.toHaveProperty('reason');

  // The flow is later than the first look at blue: the second one sees what it brought.
  let turn = 0;
  const late = await verify(sides, async () => {
    turn += 1;
    if (turn > 1) return;
    await sides.both(
      `update t set v = 'new' where id in (7, 8); delete from t where id = 9; insert into t values (2001, 'x')`,
    );
  });
  expect(late.certificate.result).toBe('equal');
  expect(late.certificate.tables[0]).toMatchObject({
    outcome: 'equal',
    reason: '4 rows that were written meanwhile were found equal one by one',
  });

  await sides.green.query(
    `update t set v = 'wrong' where id = 4; delete from t where id = 5; insert into t values (6000, 'stray')`,
  );
  const different = await verify(sides, async () => undefined);
  expect(different.certificate.result).toBe('differs');
  expect(different.certificate.tables[0]?.differences).toMatchObject({
    missing: { blue: 1, green: 1 },
    different: 1,
    columns: { v: 1 },
  });

  await sides.both('truncate t; insert into t values (1, null)');
  let writes = 0;
  // Blue is always one write ahead.
  const hot = await verify(sides, async () => {
    await sides.green.query(`update t set v = '${writes}'`);
    writes += 1;
    await sides.blue.query(`update t set v = '${writes}'`);
  });
  expect(hot.certificate.result).toBe('unsettled');
  expect(hot.certificate.tables[0]?.reason).toMatch(/^1 rows change too often/);
});
