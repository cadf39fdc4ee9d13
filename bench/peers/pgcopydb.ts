import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '../measure.ts';
import type { Pair } from '../pair.ts';
import { debianPackages } from '../../tools/servers/debian.ts';

export interface CloneOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly jobs: number;
  readonly indexJobs: number;
}

/** Larger tables are read by several jobs at once. */
const splitLargerThan = '100MB';

/** pgcopydb 0.10 of Debian 12: copies schema and rows, builds indexes and constraints, analyses. It does not follow. */
export async function installPgcopydb(): Promise<string> {
  const root = await debianPackages('debian-pgcopydb', ['pgcopydb']);
  return join(root, 'usr/bin/pgcopydb');
}

export async function clone(program: string, pair: Pair, options: CloneOptions): Promise<void> {
  const folder = await mkdtemp(join(pair.folder, 'pgcopydb-'));
  const { sourceUrl, targetUrl, jobs, indexJobs } = options;
  try {
    await runToEnd(
      program,
      [
        'clone',
        `--source=${sourceUrl}`,
        `--target=${targetUrl}`,
        `--dir=${join(folder, 'work')}`,
        `--table-jobs=${jobs}`,
        `--index-jobs=${indexJobs}`,
        `--split-tables-larger-than=${splitLargerThan}`,
        '--skip-extensions',
        '--skip-large-objects',
      ],
      // It calls pg_dump and pg_restore, which must know both servers.
      { env: { PATH: `${pair.tools.binDir}:${process.env['PATH'] ?? ''}` } },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
