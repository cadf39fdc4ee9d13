import { expect, test } from 'vitest';
import { lotOf, type Drawn } from './lot.ts';

const session = (pid: number, parameters: Readonly<Record<string, string>> = {}): Drawn => ({
  key: { pid, secret: Buffer.from([pid]) },
  parameters: new Map(Object.entries(parameters)),
});
const ofTenant = (pid: number, tenant: string): Drawn => session(pid, { options: `-c app.tenant=${tenant}` });

test('a session is drawn by itself, evenly', () => {
  const lots = Array.from({ length: 2_000 }, (_, pid) => lotOf(session(pid % 256, { pid: String(pid) })));
  expect(new Set(lots).size).toBe(256);
  const share = lots.filter((lot) => lot < 0.5).length / lots.length;
  expect(share).toBeGreaterThan(0.4);
  expect(share).toBeLessThan(0.6);
});

test('sessions of a tenant go together where the file says so, and others as they are', () => {
  const by = 'app.tenant';
  expect(lotOf(ofTenant(1, '17'), by)).toBe(lotOf(ofTenant(2, '17'), by));
  expect(lotOf(ofTenant(1, '17'), by)).toBe(lotOf(session(3, { 'app.tenant': '17' }), by));
  expect(lotOf(ofTenant(1, '17'), by)).not.toBe(lotOf(ofTenant(1, '42'), by));
  expect(lotOf(ofTenant(1, '17'))).toBe(lotOf(ofTenant(1, '42')));
  expect(lotOf(session(1), by)).toBe(lotOf(session(1)));
  const tenants = Array.from({ length: 1_000 }, (_, tenant) => lotOf(ofTenant(1, String(tenant)), by));
  const share = tenants.filter((lot) => lot < 0.1).length / tenants.length;
  expect(share).toBeGreaterThan(0.07);
  expect(share).toBeLessThan(0.13);
});
