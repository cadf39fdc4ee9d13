import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError } from '../../src/kernel/errors.ts';
import { debianPackageHere, librariesOf } from './debian.ts';
import { freePort } from './free-port.ts';
import { readIfThere } from './postgres-cluster.ts';
import { lastLines } from './run-program.ts';
import { serverUser } from './server-user.ts';

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoHaproxy(): Promise<string | undefined> {
  try {
    await install();
    return undefined;
  } catch (error) {
    const why = ` (SKIPPED, no HAProxy: ${error instanceof Error ? error.message : String(error)})`;
    process.stderr.write(`${why.trim()}\n`);
    return why;
  }
}

async function install(): Promise<string> {
  return debianPackageHere('haproxy', ['libopentracing1']);
}

export interface HaproxyOptions {
  /** Lines of the one backend: `server blue 127.0.0.1:5432`. */
  readonly servers: readonly string[];
  /** Of its sockets; default `admin`. */
  readonly level?: 'admin' | 'operator';
}

/** One HAProxy of this machine's release (2.6 on Debian 12) on loopback, with the backend `shop`, whose connections it passes on unread. */
export interface Haproxy extends AsyncDisposable {
  readonly port: number;
  /** Of its runtime API, by a path and by TCP. */
  readonly socket: string;
  readonly socketPort: number;
}

export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const root = await install();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'teal-haproxy-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const user = serverUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const [port, socketPort] = [await freePort(), await freePort()];
  const [config, log, socket] = [join(folder, 'haproxy.cfg'), join(folder, 'log'), join(folder, 'admin.sock')];
  await writeFile(config, configuration(port, socketPort, socket, options));
  const child = spawn(
    'sh',
    ['-c', `exec "$0" "$@" >${log} 2>&1`, join(root, 'usr/sbin/haproxy'), '-db', '-f', config],
    {
      cwd: '/',
      env: librariesOf(root),
      stdio: 'ignore',
      ...user,
    },
  );
  await once(child, 'spawn');
  stack.defer(async () => end(child));
  await waitFor({ what: 'HAProxy to start', timeoutMs: 60_000, everyMs: 20 }, async () => {
    if (child.exitCode === null && child.signalCode === null) return (await isListening(socket)) || undefined;
    throw new TealError('TEAL-TOOLS-002', `HAProxy ended:\n${lastLines((await readIfThere(log)) ?? '')}`);
  });
  must(child.pid, 'a process');
  const kept = stack.move();
  return { port, socket, socketPort, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

function configuration(port: number, socketPort: number, socket: string, options: HaproxyOptions): string {
  const level = options.level ?? 'admin';
  return `global
  stats socket ${socket} level ${level}
  stats socket 127.0.0.1:${socketPort} level ${level}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen shop
  bind 127.0.0.1:${port}
${options.servers.map((line) => `  ${line}`).join('\n')}
`;
}

async function isListening(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // At once: nobody is served any more.
  child.kill('SIGTERM');
  await ended;
}
