import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { freePort } from '../../../tools/servers/free-port.ts';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import { tealVersion } from '../../kernel/version.ts';
import { ensureProxy, ProxyRouter, type EnsureProxy } from './client.ts';
import { outcome } from './test-support/outcome.ts';

const entry = fileURLToPath(new URL('../../app/proxy-main.ts', import.meta.url));

test('a proxy process is started once, keeps no secret, serves without its controller, and ends when told', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-state-'));
  const controlPath = join(stateDir, 'proxy.sock');
  const secretUrl = new URL(blue.url);
  secretUrl.password = 'not-to-be-found';
  const options = {
    entry,
    stateDir,
    config: { migration: 'shop', listen: { host: '127.0.0.1', port: 0 }, clientAuth: 'trust', controlPath },
    blueUrl: secretUrl.href,
    greenUrl: green.url,
  } as const;
  await startAndDie(options);
  const router = new ProxyRouter(controlPath);
  try {
    const { pid, port, ...about } = await router.about();
    expect(about).toMatchObject({ migration: 'shop', startedBy: 'controller', control: 1, version: tealVersion });
    expect(about.sides.blue).toBe(`127.0.0.1:${secretUrl.port}/${blue.name}`);
    expect(JSON.stringify(about)).not.toContain('not-to-be-found');
    expect((await (await ensureProxy(options)).about()).pid).toBe(pid);
    await expectRefused({ ...options, config: { ...options.config, migration: 'other' } }, 'TEAL-TRAFFIC-009', 'shop');
    await expectRefused({ ...options, greenUrl: blue.url }, 'TEAL-TRAFFIC-009', green.name);
    await expectRefused(
      { ...options, config: { ...options.config, pinned: 'close' } },
      'TEAL-TRAFFIC-010',
      'pinned is abort',
    );
    await expectRefused(
      { ...options, blueUrl: `${blue.url}?sslmode=require` },
      'TEAL-TRAFFIC-010',
      'blueTls is prefer',
    );
    expect((await readFile(join(stateDir, 'proxy', 'pid'), 'utf8')).trim()).toBe(String(pid));
    for (const file of ['config.json', 'log']) {
      const path = join(stateDir, 'proxy', file);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readFile(path, 'utf8')).not.toContain('not-to-be-found');
    }
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: blue.name });
    await client.connect();
    expect(await router.read()).toMatchObject({ mode: 'running', pointsTo: 'blue', epoch: 0, clients: 1, inFlight: 0 });
    await client.query('select 1');
    expect((await router.stats()).queries).toBe(1);
    const ended = new Promise((resolve) => client.once('error', resolve));
    client.on('error', () => {});
    await router.stop();
    expect(await ended).toMatchObject({ code: '57P01' });
    await waitFor({ what: 'the process to end', timeoutMs: 60_000 }, () => isGone(pid) || undefined);
    expect(await outcome(new ProxyRouter(controlPath).read())).toBe('TEAL-TRAFFIC-005');
  } finally {
    await router.stop().catch(() => {});
    await rm(stateDir, { recursive: true, force: true });
  }
});

async function expectRefused(options: EnsureProxy, code: string, says: string): Promise<void> {
  const refused: unknown = await ensureProxy(options).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code });
  expect(String(refused)).toContain(says);
}

test('why a proxy could not start is told by whoever started it, with its code', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-state-'));
  const port = await freePort();
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  const config = { migration: 'shop', listen: { host: '127.0.0.1', port }, controlPath: join(stateDir, 'proxy.sock') };
  const options: EnsureProxy = {
    entry,
    stateDir,
    config: { ...config, clientAuth: 'trust' },
    blueUrl: blue.url,
    greenUrl: green.url,
  };
  try {
    await expectRefused(options, 'TEAL-TRAFFIC-011', 'EADDRINUSE');
    await blue.query(`create role teal_proxy_managed login`);
    const managed = new URL(blue.url);
    managed.username = 'teal_proxy_managed';
    await expectRefused({ ...options, config, blueUrl: managed.href }, 'TEAL-TRAFFIC-012', 'pg_authid of blue');
  } finally {
    taken.close();
    await blue.query('drop role if exists teal_proxy_managed');
    await rm(stateDir, { recursive: true, force: true });
  }
});

/** A controller that starts the proxy, hears that it answers, and is killed at once. */
async function startAndDie(options: EnsureProxy): Promise<void> {
  const module = new URL('client.ts', import.meta.url).href;
  const program = `const { ensureProxy } = await import(${JSON.stringify(module)});
    await ensureProxy(JSON.parse(process.argv[1])); process.kill(process.pid, 'SIGKILL');`;
  const controller = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(options)]);
  const [, signal] = (await once(controller, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
