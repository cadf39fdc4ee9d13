import { readFileSync, readdirSync } from 'node:fs';

/** One line of /proc/<pid>/stat (source: man 5 proc_pid_stat). */
export interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks of its own, all threads, and of its ended children that somebody has waited for. */
  readonly own: number;
  readonly ended: number;
}

/** Linux counts in hundredths of a second towards programs, whatever its kernel does inside (USER_HZ). */
const ticksPerSecond = 100;

/** Whose time is counted: processes with all that descend from them, or those of this process's children that have ended. */
export type CpuRoot = number | undefined | 'ended children';

/**
 * Counts CPU seconds from now on, by label; the function that it returns reads them, as often as wanted. The roots are asked for at both ends: one that is not there
 * yet counts from nothing. One that ends in between is counted by its parent: give `ended children` beside a program that this process has started.
 * Empty where there is no /proc.
 */
export function countCpu(
  roots: Readonly<Record<string, () => readonly CpuRoot[]>>,
): () => Readonly<Record<string, number>> {
  const before = readTicks(roots);
  return () => {
    const now = readTicks(roots);
    return Object.fromEntries(
      Object.entries(now).map(([label, ticks]) => [label, (ticks - (before[label] ?? 0)) / ticksPerSecond]),
    );
  };
}

function readTicks(roots: Readonly<Record<string, () => readonly CpuRoot[]>>): Readonly<Record<string, number>> {
  const all = readProcesses();
  if (all.length === 0) return {};
  return Object.fromEntries(
    Object.entries(roots).map(([label, list]) => [
      label,
      list().reduce<number>((sum, root) => sum + ticksOf(all, root), 0),
    ]),
  );
}

function ticksOf(all: readonly ProcessTimes[], root: CpuRoot): number {
  if (root === undefined) return 0;
  if (root === 'ended children') return all.find(({ pid }) => pid === process.pid)?.ended ?? 0;
  return ticksOfTree(all, root);
}

/** Own time of all that live under a root, and what each has counted of its dead: nothing is lost while parents wait for their children. */
export function ticksOfTree(all: readonly ProcessTimes[], root: number): number {
  const pids = treeOf(all, root);
  return all.reduce((sum, { pid, own, ended }) => (pids.has(pid) ? sum + own + ended : sum), 0);
}

/** A root and all that descend from it, as far as they live. */
export function treeOf(all: readonly Pick<ProcessTimes, 'pid' | 'parent'>[], root: number): ReadonlySet<number> {
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  const pids = new Set<number>();
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    if (pids.has(pid)) continue;
    pids.add(pid);
    open.push(...(byParent.get(pid) ?? []).map((child) => child.pid));
  }
  return pids;
}

/** Every process of this machine that still lives. */
export function readProcesses(): readonly ProcessTimes[] {
  return pidsOf('/proc').flatMap((pid) => {
    const stat = readIfThere(`/proc/${pid}/stat`);
    const times = stat === undefined ? undefined : parseStat(stat);
    return times === undefined ? [] : [times];
  });
}

/** The name of a program may hold blanks and brackets: what counts begins after the last one. */
export function parseStat(stat: string): ProcessTimes | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system, endedUser, endedSystem] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
  const pid = Number.parseInt(stat, 10);
  if (parent === undefined || user === undefined || system === undefined || Number.isNaN(pid)) return undefined;
  return { pid, parent, own: user + system, ended: (endedUser ?? 0) + (endedSystem ?? 0) };
}

function pidsOf(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** One that has ended since the folder was listed is no error. */
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === code;
}
