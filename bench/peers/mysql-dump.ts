import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../tools/servers/cache.ts';
import { mysqlDist } from '../../tools/servers/install-mysql.ts';
import { downloadArtifact } from '../../tools/servers/maven.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { runProgram } from '../../tools/servers/run-program.ts';
import { runToEnd } from '../measure.ts';
import { account } from '../mysql-pair.ts';
import { debianPackages, librariesOf } from '../../tools/servers/debian.ts';
import { peerProgram, type PeerProgram } from './peer-program.ts';

/** Programs that write a database into a text or files, and those that read it back. */
export interface DumpPrograms {
  readonly dump: PeerProgram;
  readonly load: PeerProgram;
}

export interface DumpCourse {
  readonly blue: MysqlServer;
  readonly green: MysqlServer;
  readonly database: string;
  /** Files that are written on the way lie below it. */
  readonly folder: string;
  readonly jobs: number;
}

/** What both families' own client programs are: of MySQL those that come with its server, of MariaDB Debian's. */
export async function installDump(flavour: MysqlServer['flavour']): Promise<DumpPrograms> {
  return flavour === 'mysql' ? ofMysql() : ofMariadb();
}

async function ofMysql(): Promise<DumpPrograms> {
  const folder = await cachedFolder('mysql-8.0.33-clients-linux-x64', async (building) => {
    const archive = await downloadArtifact(mysqlDist, building);
    const wanted = ['bin/mysqldump', 'bin/mysql', 'lib/private/*'];
    await runProgram('unzip', ['-q', archive, ...wanted, '-d', building], { timeoutMs: 600_000 });
    await rm(archive);
  });
  const env = { LD_LIBRARY_PATH: join(folder, 'lib/private') };
  return {
    dump: await peerProgram('mysqldump', join(folder, 'bin/mysqldump'), env),
    load: await peerProgram('mysql', join(folder, 'bin/mysql'), env),
  };
}

async function ofMariadb(): Promise<DumpPrograms> {
  const packages = ['mariadb-client', 'mariadb-client-core', 'libmariadb3'];
  const root = await debianPackages(`mariadb-client-${process.arch}`, packages);
  const env = mariadbEnvironment(root);
  return {
    dump: await peerProgram('mariadb-dump', join(root, 'usr/bin/mariadb-dump'), env),
    load: await peerProgram('mariadb', join(root, 'usr/bin/mariadb'), env),
  };
}

/** The library reads its ways of logging in from a folder that is not the system's here. */
function mariadbEnvironment(root: string): Readonly<Record<string, string>> {
  const libraries = librariesOf(root);
  const plugins = join(libraries.LD_LIBRARY_PATH.split(':')[0] ?? '', 'libmariadb3/plugin');
  return { ...libraries, MARIADB_PLUGIN_DIR: plugins };
}

const login = (server: MysqlServer): readonly string[] => [
  '--protocol=tcp',
  `--host=${server.host}`,
  `--port=${server.port}`,
  `--user=${account.user}`,
  `--password=${account.password}`,
];

/** One session reads, one writes, as text: what everybody has at hand. The database must be there and empty. */
export async function dumpAndLoad({ dump, load }: DumpPrograms, course: DumpCourse): Promise<void> {
  const { blue, green, database } = course;
  // The place in the log goes with a replica, not with a copy.
  const consistent = ['--single-transaction', ...(blue.flavour === 'mysql' ? ['--set-gtid-purged=OFF'] : [])];
  const words = (program: PeerProgram, args: readonly string[]): string =>
    [program.path, ...args].map((each) => `'${each}'`).join(' ');
  const reads = words(dump, ['--no-defaults', ...login(blue), ...consistent, database]);
  const writes = words(load, ['--no-defaults', ...login(green), database]);
  await runToEnd('/bin/bash', ['-c', `set -o pipefail; ${reads} | ${writes}`], { env: dump.env });
}

/** Debian 12's 0.10.1. */
export async function installMydumper(): Promise<DumpPrograms> {
  const root = await debianPackages(`mydumper-${process.arch}`, ['mydumper', 'libmariadb3', 'libpcre3']);
  const env = mariadbEnvironment(root);
  return {
    dump: await peerProgram('mydumper', join(root, 'usr/bin/mydumper'), env),
    load: await peerProgram('myloader', join(root, 'usr/bin/myloader'), env),
  };
}

/** Pieces of a table that several sessions may read. */
const rowsAPiece = '100000';

/** Several sessions of one snapshot write files, then several sessions load them, past green's log as is its way. It makes the database itself. */
export async function dumpAndLoadInParallel({ dump, load }: DumpPrograms, course: DumpCourse): Promise<void> {
  const { blue, green, database, jobs } = course;
  const folder = await mkdtemp(join(course.folder, 'mydumper-'));
  const files = join(folder, 'files');
  const at = (server: MysqlServer): readonly string[] => [
    `--host=${server.host}`,
    `--port=${server.port}`,
    `--user=${account.user}`,
    `--password=${account.password}`,
    `--threads=${jobs}`,
  ];
  try {
    await mkdir(files);
    // Else it holds the lock of all tables until every table that is not of InnoDB is read.
    const consistent = ['--trx-consistency-only', `--rows=${rowsAPiece}`];
    await runToEnd(dump.path, [...at(blue), `--database=${database}`, `--outputdir=${files}`, ...consistent], {
      env: dump.env,
    });
    await runToEnd(load.path, [...at(green), `--directory=${files}`], { env: load.env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
