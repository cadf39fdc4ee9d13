import { spawn } from 'node:child_process';
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { once } from 'node:events';
import { TealError } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** PostgreSQL's client programs that read a schema. */
export interface PgTools {
  readonly major: number;
  readonly pgDump: string;
  readonly pgRestore: string;
}

export interface FindPgTools {
  readonly blueMajor: number;
  readonly greenMajor: number;
  /** The only folder to look in; default TEAL_PG_BIN, else PATH and the folders in which Debian and Red Hat keep each major. */
  readonly binDir?: string | undefined;
}

const outputLimitBytes = 512 << 20;
const saidLines = 8;

/**
 * Programs that fit both sides: at least as new as blue, or pg_dump refuses it; best not newer than green, which may not understand what it prints.
 * TEAL-SYSTEMS-200 with what was found when there are none.
 */
export async function findPgTools(options: FindPgTools): Promise<PgTools> {
  const found: PgTools[] = [];
  for (const folder of await foldersToLookIn(options.binDir ?? process.env['TEAL_PG_BIN'])) {
    const tools = await toolsIn(folder);
    if (tools === undefined || tools.major < options.blueMajor) continue;
    if (tools.major <= options.greenMajor) return tools;
    found.push(tools);
  }
  const newer = found.sort((a, b) => a.major - b.major)[0];
  if (newer !== undefined) return newer;
  const { blueMajor, greenMajor } = options;
  throw new TealError('TEAL-SYSTEMS-200', `no pg_dump and pg_restore of ${blueMajor} to ${greenMajor}`, {
    blueMajor,
    greenMajor,
    lookedIn: options.binDir ?? process.env['TEAL_PG_BIN'] ?? 'PATH',
  });
}

async function foldersToLookIn(only: string | undefined): Promise<readonly string[]> {
  if (only !== undefined) return [only];
  const debian = '/usr/lib/postgresql';
  const majors = (await readdir(debian).catch(() => [])).sort((a, b) => Number(a) - Number(b));
  const redHat = ['14', '15', '16', '17', '18'].map((major) => `/usr/pgsql-${major}/bin`);
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...onPath, ...majors.map((major) => join(debian, major, 'bin')), ...redHat];
}

async function toolsIn(folder: string): Promise<PgTools | undefined> {
  const [pgDump, pgRestore] = [join(folder, 'pg_dump'), join(folder, 'pg_restore')];
  try {
    for (const program of [pgDump, pgRestore]) {
      await access(program, constants.X_OK);
      // Debian's script under these names chooses a major by itself, perhaps another for each.
      if (basename(await realpath(program)) === 'pg_wrapper') return undefined;
    }
  } catch {
    // Not in this folder: the next one may have them.
    return undefined;
  }
  const version = await runPgTool(pgDump, ['--version'], {});
  return Object.freeze({ major: Number(/\) (\d+)/.exec(version)?.[1] ?? 0), pgDump, pgRestore });
}

export interface ToolRun {
  /** The password in it goes by the environment, where other users of the machine cannot read it. */
  readonly url?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and returns what it printed. TEAL-SYSTEMS-201 with the end of what it complained of. */
export async function runPgTool(program: string, args: readonly string[], run: ToolRun): Promise<string> {
  const address = run.url === undefined ? undefined : withoutPassword(run.url);
  const child = spawn(program, [...args, ...(address === undefined ? [] : [`--dbname=${address.url}`])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: toolEnvironment(address?.password),
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  const exit = once(child, 'close');
  // Awaited below; a program that is not there must not be told as unhandled before.
  exit.catch(() => undefined);
  const [output, complaints] = await Promise.all([
    collect(child.stdout, outputLimitBytes),
    collect(child.stderr, 8 << 20),
  ]);
  const [code] = (await exit.catch((error: unknown) => {
    run.signal?.throwIfAborted();
    throw new TealError('TEAL-SYSTEMS-201', `${basename(program)} could not be run`, { program }, error);
  })) as [number | null];
  if (code === 0) return output;
  throw new TealError('TEAL-SYSTEMS-201', `${basename(program)} ended with an error`, {
    program,
    code: code ?? -1,
    said: redact(complaints).trim().split('\n').slice(-saidLines),
  });
}

async function collect(stream: AsyncIterable<Buffer>, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limitBytes)
      throw new TealError('TEAL-SYSTEMS-201', 'a client program printed too much', { limitBytes });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** PG* of the caller's shell would add to the address; where passwords and certificates are kept is the user's to say. */
function toolEnvironment(password: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') || /^PG(PASSFILE|SSL)/.test(name));
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    PGAPPNAME: 'teal schema',
    ...(password === undefined ? {} : { PGPASSWORD: password }),
  };
}

function withoutPassword(text: string): { readonly url: string; readonly password: string | undefined } {
  const url = URL.parse(text);
  if (url === null) throw new TealError('TEAL-SYSTEMS-009', 'the address of a database is not a URL');
  const password =
    url.searchParams.get('password') ?? (url.password === '' ? undefined : decodeURIComponent(url.password));
  url.password = '';
  // The second is the driver's own, which libpq refuses.
  for (const name of ['password', 'uselibpqcompat']) url.searchParams.delete(name);
  return { url: url.href, password };
}
