import { spawnSync } from 'node:child_process';
import type { ProcessName } from './world.ts';

/** What the arguments of a process say. */
const marks: Readonly<Record<Exclude<ProcessName, 'controller'>, readonly string[]>> = {
  supervisor: ['supervisor-main'],
  'worker forward': ['carrier-main', 'carrier-forward'],
  'worker reverse': ['carrier-main', 'carrier-reverse'],
  proxy: ['proxy-main'],
  holder: ['holder-main'],
};

/** Those of the migration in this folder that run now. */
export function pidsOf(name: Exclude<ProcessName, 'controller'>, folder: string): readonly number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 << 20 });
  return stdout
    .split('\n')
    .filter((line) => line.includes(folder) && marks[name].every((mark) => line.includes(mark)))
    .map((line) => Number.parseInt(line, 10));
}
