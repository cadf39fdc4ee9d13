import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '../measure.ts';
import { debianPackages, librariesOf } from '../../tools/servers/debian.ts';
import { peerProgram, type PeerProgram } from './peer-program.ts';

export interface PgloaderOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Its command file lies there. */
  readonly folder: string;
  readonly jobs: number;
}

/** Debian 12's 3.6.9. */
export async function installPgloader(): Promise<PeerProgram> {
  const root = await debianPackages(`pgloader-${process.arch}`, ['pgloader', 'libsybdb5']);
  return peerProgram('pgloader', join(root, 'usr/bin/pgloader'), librariesOf(root));
}

/** Tables, rows, indexes and keys of a database of MySQL, into a schema of its name. It does not follow. It ends with 0 also where it could not log in or left rows out: what it says is read. */
export async function pgload(program: PeerProgram, options: PgloaderOptions): Promise<void> {
  const { sourceUrl, targetUrl, folder, jobs } = options;
  const command = join(folder, 'pgloader.load');
  await writeFile(
    command,
    `load database from ${sourceUrl} into ${targetUrl.replace(/^postgres:/, 'postgresql:')}
with include drop, create tables, create indexes, reset sequences, foreign keys,
     workers = ${jobs}, concurrency = 1, multiple readers per thread, rows per range = 50000;
`,
  );
  const said = await runToEnd(program.path, [`--root-dir=${folder}`, command], { env: program.env });
  const error = said.split('\n').find((line) => / (ERROR|FATAL|CRITICAL) /.test(line));
  if (error !== undefined) throw new Error(`pgloader says: ${error}`);
}
