import { expect, test } from 'vitest';
import type { ContractCase } from '../contract.ts';

/**
 * Tests of a kit itself: a good adapter in memory keeps every promise; each fault that is planted in it breaks at least the promise that it stands beside; and there is one for each, so
 * that no promise can hold whatever an adapter does.
 */
export function proves<Fault extends string>(
  contract: (fault: Fault | undefined) => readonly ContractCase[],
  faults: Readonly<Record<Fault, string>>,
): void {
  for (const { name, run } of contract(undefined)) test(`kept: ${name}`, run);
  test.each(Object.entries(faults) as [Fault, string][])('found: one that %s', async (fault, promise) => {
    expect(await notKept(contract(fault))).toContain(promise);
  });
  test('every promise is broken by one of them', () => {
    expect(new Set(Object.values(faults))).toEqual(new Set(contract(undefined).map(({ name }) => name)));
  });
}

/** Promises that are not kept, whether by an assertion or by an error of the adapter where there must be none. */
async function notKept(cases: readonly ContractCase[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, run } of cases) await run().catch(() => names.push(name));
  return names;
}
