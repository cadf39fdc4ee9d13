import { expect, test } from 'vitest';
import { processesOf, readProxyConfig } from './config.ts';

test.each([
  [undefined, 1_000, 8, 1],
  [3, 1_000, 1, 3],
  ['auto', 1_000, 8, 7],
  ['auto', 1_000, 1, 1],
  ['auto', 1_000, 256, 64],
  [4, 3, 8, 3],
] as const)('processes: %s, for %d clients on %d cores, are %d', (processes, maxClients, cores, count) => {
  expect(processesOf({ processes, maxClients }, cores)).toBe(count);
});

test.each([0, 65, 1.5, 'all'])('processes: %s is a mistake', (processes) => {
  const config = { migration: 'm', listen: { host: 'localhost', port: 1 }, controlPath: '/c', processes };
  expect(() => readProxyConfig(config)).toThrow('TEAL-TRAFFIC-006');
});
