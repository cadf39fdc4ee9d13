import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import type { Settings } from './benchmark.ts';

/** Where figures were taken: without it they say little. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly blue: number;
  readonly green: number;
  /** Of Teal; `+` when its tree differs from it. */
  readonly commit: string;
  /** Processes that wanted to run in the minute before, beside the benchmark: figures of a busy machine are not to be compared. */
  readonly loadBefore: number;
  /** The folder of temporary files, and with it every server's data, lies in memory: nobody waits for a disk. Absent: it does not. */
  readonly inMemory?: true;
}

/** Of tmpfs (statfs(2)). */
const magicOfTmpfs = 0x01021994;

export function describeMachine(settings: Settings): Machine {
  const all = cpus();
  return {
    cores: all.length,
    processor: all[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    blue: settings.blueMajor,
    green: settings.greenMajor,
    commit: `${git('rev-parse', '--short=10', 'HEAD') || 'unknown'}${git('status', '--porcelain', '-uno') === '' ? '' : '+'}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    ...(statfsSync(tmpdir()).type === magicOfTmpfs ? { inMemory: true } : {}),
  };
}

/** Empty where there is no git, or no checkout. */
function git(...args: readonly string[]): string {
  return spawnSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).stdout?.trim() ?? '';
}
