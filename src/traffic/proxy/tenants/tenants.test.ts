import { expect, test } from 'vitest';
import { placeOf, type LentRows } from './place.ts';
import { tenantOf } from './tenant-of.ts';

test.each([
  [{ options: '-c app.tenant_id=17' }, '17'],
  [{ options: '-capp.tenant_id=17 -c statement_timeout=0' }, '17'],
  [{ options: '--app.tenant-id=17' }, '17'],
  [{ options: '-c APP.Tenant_ID=17' }, '17'],
  [{ options: '-c app.tenant_id=1 -c app.tenant_id=2' }, '2'],
  [{ options: String.raw`-c app.tenant_id=north\ sea\\1` }, String.raw`north sea\1`],
  [{ options: '-c app.tenant_id=' }, ''],
  [{ 'app.tenant_id': '18', options: '-c app.tenant_id=17' }, '18'],
  [{ options: '-c app.tenant_idx=17 -c x.app.tenant_id=3' }, undefined],
  [{ options: 'app.tenant_id=17' }, undefined],
  [{ application_name: '-c app.tenant_id=17' }, undefined],
  [{}, undefined],
])('of %j the tenant is %j', (parameters: Record<string, string>, tenant) => {
  expect(tenantOf(new Map(Object.entries(parameters)), 'app.tenant_id')).toBe(tenant);
});

test('they go where their rows are taken, and nowhere while that cannot be told', () => {
  const rows = (...tenants: string[]): LentRows => ({ reached: true, session: 'app.tenant_id', tenants });
  const away: LentRows = { reached: false, reason: 'ECONNREFUSED' };
  expect(placeOf(rows(), rows())).toEqual({ side: 'blue' });
  // Blue takes them: what green says makes no difference.
  expect(placeOf(rows(), away)).toEqual({ side: 'blue' });
  expect(placeOf(rows('17'), rows('17'))).toEqual({ side: 'green' });
  expect(placeOf(rows('17'), rows())).toMatchObject({ wait: expect.stringContaining('both refuse') as unknown });
  expect(placeOf(rows('17'), away)).toMatchObject({
    wait: expect.stringContaining('green cannot be reached') as unknown,
  });
  expect(placeOf(away, rows('17'))).toMatchObject({
    wait: expect.stringContaining('blue cannot be reached') as unknown,
  });
});
