import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countCpu, parseStat, ticksOfTree, treeOf } from './cpu.ts';

describe('CPU time', () => {
  test('a line of the system, with a name that is made to confuse', () => {
    const line = '4711 (a) (b c) S 17 4711 4711 0 -1 4194304 100 200 0 0 30 12 500 7 20 0 1 0 100';
    expect(parseStat(line)).toEqual({ pid: 4711, parent: 17, own: 42, ended: 507 });
    expect(parseStat('nonsense')).toBeUndefined();
  });

  test('of a tree: the living, and their dead', () => {
    const all = [
      { pid: 1, parent: 0, own: 1000, ended: 1000 },
      { pid: 10, parent: 1, own: 1, ended: 20 },
      { pid: 11, parent: 10, own: 300, ended: 0 },
      { pid: 12, parent: 11, own: 4000, ended: 50_000 },
      { pid: 13, parent: 1, own: 7, ended: 7 },
    ];
    expect(ticksOfTree(all, 10)).toBe(54_321);
    expect(ticksOfTree(all, 99)).toBe(0);
    expect([...treeOf(all, 11)]).toEqual([11, 12]);
  });

  test.skipIf(!existsSync('/proc/self/stat'))('of a child that has ended', () => {
    const read = countCpu({ tool: () => ['ended children'], nobody: () => [undefined] });
    spawnSync(process.execPath, ['-e', 'while (process.cpuUsage().user < 200_000);']);
    expect(read()['tool']).toBeGreaterThan(0.05);
    expect(read()['nobody']).toBe(0);
  });
});
