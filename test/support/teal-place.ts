import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { waitFor } from '../../src/kernel/clock.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { blueMajor, greenMajor, ownServer, type TextRow } from './postgres.ts';
import { tealMain } from './program.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Two servers of their own and a folder with a migration file, as a user has them. Use it with `await using`: nothing of it stays. */
export interface TealPlace extends AsyncDisposable {
  readonly blue: PostgresServer;
  readonly green: PostgresServer;
  readonly folder: string;
  readonly file: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `teal` in the folder. */
  readonly teal: (...args: readonly string[]) => Promise<Ran>;
  /** Rows of the last statement, as text. */
  readonly query: (side: 'blue' | 'green', sql: string) => Promise<readonly TextRow[]>;
}

export interface TealPlaceOptions {
  /** What blue holds at first. */
  readonly schema?: string;
  /** Lines of the file beside name, addresses and proxy. */
  readonly spec?: string;
  /** Default `trust`. */
  readonly clientAuth?: 'trust' | 'scram';
  /** Of the superuser of each side, who must then prove them. */
  readonly passwords?: { readonly blue: string; readonly green: string };
}

/** Runs one program of this checkout to its end. */
export async function runNode(
  cwd: string,
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Ran> {
  const child = spawn(process.execPath, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(exit[0] ?? -1), out, err };
}

export async function tealPlace(options: TealPlaceOptions = {}): Promise<TealPlace> {
  await using stack = new AsyncDisposableStack();
  const demanding = (side: 'blue' | 'green'): Parameters<typeof ownServer>[1] =>
    options.passwords && { auth: 'scram-sha-256', superuserPassword: options.passwords[side] };
  const [blue, green] = await Promise.all([
    ownServer(blueMajor(), demanding('blue')),
    ownServer(greenMajor(), demanding('green')),
  ]);
  stack.use(blue);
  stack.use(green);
  const folder = await mkdtemp(join(tmpdir(), 'teal-place-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  const tools = await pgTools(blueMajor(), greenMajor());
  const port = await freePort();
  const { PATH = '', NODE_COMPILE_CACHE: compiled } = process.env;
  const env = {
    PATH,
    HOME: folder,
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
    NO_COLOR: '1',
    TEAL_PG_BIN: tools.binDir,
    BLUE_URL: blue.url,
    GREEN_URL: green.url,
  };
  const file = join(folder, 'teal.yaml');
  const lines = [
    'teal: 1',
    'name: shop',
    'blue: { url: "${BLUE_URL}" }',
    'green: { url: "${GREEN_URL}" }',
    `traffic: { listen: "127.0.0.1:${port}", clientAuth: ${options.clientAuth ?? 'trust'} }`,
    options.spec ?? 'cutover: { gates: [{ person: dba }] }',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const query = async (side: 'blue' | 'green', sql: string): Promise<readonly TextRow[]> =>
    queryUrl(side === 'blue' ? blue.url : green.url, sql);
  if (options.schema !== undefined) await query('blue', options.schema);
  stack.defer(async () => endProcesses(folder));
  const kept = stack.move();
  return {
    blue,
    green,
    folder,
    file,
    port,
    env,
    query,
    teal: async (...args) => runNode(folder, env, tealMain, ...args),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** Flows, proxy, holders and supervisor live on when a command has ended; what a test has aborted or broken cannot be opened any more. So: whoever names the folder. */
export async function endProcesses(folder: string): Promise<void> {
  await waitFor({ what: 'the processes of a test to end', timeoutMs: 60_000 }, () => {
    const pids = processesNaming(folder);
    for (const pid of pids) end(pid);
    return pids.length === 0 ? true : undefined;
  });
}

export function processesNaming(folder: string): readonly number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 << 20 });
  return stdout
    .split('\n')
    .filter((line) => line.includes(`${folder}/`) || line.endsWith(folder))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}

/** One that ended meanwhile is no error. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && Reflect.get(error, 'code') === 'ESRCH')) throw error;
  }
}

export async function queryUrl(url: string, sql: string): Promise<readonly TextRow[]> {
  const client = new Client({
    connectionString: url,
    types: { getTypeParser: () => (value: string | Buffer) => value },
  });
  await client.connect();
  try {
    const answer = await client.query<TextRow>(sql);
    const results: readonly { readonly rows: readonly TextRow[] }[] = Array.isArray(answer) ? answer : [answer];
    return results.at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}
