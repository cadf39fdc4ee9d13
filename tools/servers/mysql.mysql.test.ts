import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { isTested } from '../../test/support/mysql.ts';
import { mysqlSeries } from './install-mysql.ts';
import { startMysql } from './mysql.ts';

test.for(mysqlSeries)('%s starts, stops, starts again on its data, and leaves nothing', async (series, { skip }) => {
  skip(!isTested(series));
  const server = await startMysql({ series });
  const { dataDir, port } = server;
  expect((await greeting(port)).toString('latin1')).toContain(series.split('-')[1]);
  await server.stop();
  expect(server.pid).toBeUndefined();
  await server.restart();
  const pid = server.pid ?? 0;
  expect(runs(pid)).toBe(true);
  expect((await greeting(port)).length).toBeGreaterThan(40);
  await server[Symbol.asyncDispose]();
  expect(existsSync(dataDir)).toBe(false);
  expect(runs(pid)).toBe(false);
});

const cheapest = mysqlSeries.find(isTested);

test.skipIf(cheapest === undefined)('a server ends, and its data go, when its starter is killed', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'mysql.ts'));
  const program = `
    const { startMysql } = await import(${module});
    const { pid, dataDir } = await startMysql({ series: '${cheapest}' });
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

test.skipIf(cheapest === undefined)('a setting that the server refuses is told in its own words', async () => {
  const settings = { 'no-such-option': '1' };
  await expect(startMysql({ series: cheapest ?? 'mariadb-10.11', settings })).rejects.toThrow(
    /^TEAL-TOOLS-002: .*unknown variable 'no-such-option=1'/s,
  );
});

/** The first bytes of a server, which speaks before its client. */
async function greeting(port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes;
  } finally {
    socket.destroy();
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
