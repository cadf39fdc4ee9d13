import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { greenMajor } from '../../test/support/postgres.ts';
import { startPostgres } from './postgres.ts';

const major = greenMajor();

test('a server ends, and its data go, when the process that started it is killed', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'postgres.ts'));
  const program = `
    const { startPostgres } = await import(${module});
    const { pid, dataDir } = await startPostgres({ major: ${major} });
    console.log(JSON.stringify({ pid, dataDir }));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string };
  expect(runs(pid)).toBe(true);

  parent.kill('SIGKILL');

  await expect.poll(() => existsSync(dataDir), { timeout: 60_000 }).toBe(false);
  await expect.poll(() => runs(pid), { timeout: 60_000 }).toBe(false);
});

test('disposal leaves neither a process nor a temporary folder', async () => {
  const server = await startPostgres({ major });
  const { pid, dataDir } = server;
  await server[Symbol.asyncDispose]();
  expect(existsSync(dataDir)).toBe(false);
  expect(runs(pid ?? 0)).toBe(false);
});

test('a data folder of the caller is kept, and found again by the next server', async () => {
  const top = await mkdtemp(join(tmpdir(), 'teal-kept-'));
  // The server's user has to walk through the folder above its own.
  const dataDir = join(top, 'data');
  await chmod(top, 0o755);
  try {
    const first = await startPostgres({ major, dataDir });
    await ask(first.url, 'create table kept as select 1 as n');
    await first[Symbol.asyncDispose]();
    await using second = await startPostgres({ major, dataDir });
    expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
  } finally {
    await rm(top, { recursive: true, force: true });
  }
});

test('a setting that the server refuses is told with its own words, and nothing stays behind', async () => {
  await expect(startPostgres({ major, settings: { max_connections: 'plenty' } })).rejects.toThrow(
    /^TEAL-TOOLS-002: .*invalid value for parameter "max_connections": "plenty"/s,
  );
});

test('a port that is taken is an error when it was asked for', async () => {
  await using first = await startPostgres({ major });
  await expect(startPostgres({ major, port: first.port })).rejects.toThrow(
    /^TEAL-TOOLS-002: .*Address already in use/s,
  );
});

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
