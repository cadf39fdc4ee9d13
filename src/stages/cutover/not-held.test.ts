import { expect, test } from 'vitest';
import { cutSteps } from './cut-steps.ts';
import { cutOver } from './run-cut.ts';
import { limits, Pair } from './test-support/pair.ts';

const cut = { name: 'e1a1', epoch: 1, from: 'blue', to: 'green' } as const;

/** Everything that steps, journal and evidence say. */
async function toldBy(holdsClients: boolean): Promise<string> {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.reverse = { mode: 'live', now: { state: 'running' } };
  };
  const run = pair.run();
  const switching = { clients: holdsClients ? 'none fails' : 'writes fail' } as const;
  const ports = { ...run.ports, router: { ...run.ports.router, holdsClients, points: holdsClients, switching } };
  await cutOver({ ...run, ports, limits: { ...limits, maxPauseMs: 60_000, drainMs: 10_000, lockTimeoutMs: 10_000 } });
  const words = cutSteps(cut, ports, limits).map(({ does, locks, costs, undone }) => [does, locks, costs, undone]);
  return JSON.stringify([words, run.journal.records()]);
}

test('where a router holds the clients they are said to wait', async () => {
  const told = await toldBy(true);
  expect(told).toContain('clients wait at most');
  expect(told).not.toContain('"held":false');
  expect(told).not.toContain('refused for at most');
  expect(told).toContain('of clients: none fails');
});

test('where nobody holds them nobody is said to wait', async () => {
  const told = await toldBy(false);
  expect(told).toContain('the writes of clients are refused for at most');
  expect(told).toContain('"held":false');
  expect(told).toContain('of clients: writes fail');
  expect(told.match(/clients? wait|held clients|router points/g) ?? []).toEqual([]);
});
