import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError } from '../../src/kernel/errors.ts';
import { readIfThere } from './postgres-cluster.ts';
import { lastLines } from './run-program.ts';
import { serverUser } from './server-user.ts';
import { watchOver } from './watcher.ts';

/** A program that serves in the foreground, in a folder of its own. */
export interface ForegroundKind {
  /** For errors, and for the name of its folder. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes what it reads into the folder, and returns how it is started; the folder is in its arguments. */
  prepare(folder: string): Promise<readonly string[]>;
  isReady(folder: string): Promise<boolean>;
}

export interface Foreground extends AsyncDisposable {
  readonly folder: string;
  /** All that it has said so far. */
  readonly log: () => Promise<string>;
}

const startMs = 120_000;
const pidFile = 'pid';

/** Starts it as a user that may own servers. It ends with this process, however that ends (see watcher.ts), and its folder goes with it. TEAL-TOOLS-002 with the end of its log when it does not come up. */
export async function startInForeground(kind: ForegroundKind): Promise<Foreground> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), `teal-${kind.name}-`));
  const watcher = watchOver(folder, 'remove', pidFile, 'TERM');
  stack.defer(async () => {
    await watcher.dismiss();
    await rm(folder, { recursive: true, force: true });
  });
  await chmod(folder, 0o755);
  const user = serverUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const command = await kind.prepare(folder);
  const remember = `echo $$ > "$0/${pidFile}"; exec "$@" > "$0/log" 2>&1`;
  const child = spawn('sh', ['-c', remember, folder, ...command], {
    cwd: folder,
    env: kind.env,
    stdio: 'ignore',
    ...user,
  });
  await once(child, 'spawn');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  stack.defer(async () => {
    if (hasEnded()) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
  const log = async (): Promise<string> => (await readIfThere(join(folder, 'log'))) ?? '';
  await waitFor({ what: `${kind.name} to start`, timeoutMs: startMs, everyMs: 20 }, async () => {
    if (!hasEnded()) return (await kind.isReady(folder)) || undefined;
    throw new TealError('TEAL-TOOLS-002', `${kind.name} ended:\n${lastLines(await log())}`);
  });
  const kept = stack.move();
  return { folder, log, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNone(name: string, install: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await install();
    return undefined;
  } catch (error) {
    const why = ` (SKIPPED, no ${name}: ${error instanceof Error ? error.message : String(error)})`;
    process.stderr.write(`${why.trim()}\n`);
    return why;
  }
}
