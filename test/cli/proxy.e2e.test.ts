import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { greenMajor } from '../support/postgres.ts';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

/** `teal proxy` in the foreground, as systemd runs it. */
async function serve(at: TealPlace): Promise<{ readonly pid: number; end: () => Promise<unknown> } & AsyncDisposable> {
  const child = spawn(process.execPath, [tealMain, 'proxy'], {
    cwd: at.folder,
    env: at.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'exit').then(([code]) => code as unknown);
  await waitFor({ what: 'the proxy to listen', timeoutMs: 60_000 }, () => said.includes('"listening"') || undefined);
  const end = async (): Promise<unknown> => {
    child.kill('SIGTERM');
    return ended;
  };
  return { pid: child.pid ?? 0, end, [Symbol.asyncDispose]: async () => void (await end()) };
}

async function connect(at: TealPlace): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: at.port, user: 'postgres', database: 'postgres' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('a migration goes through the proxy that its user runs, from before the first command to after the last', async () => {
  await using at = await tealPlace({ schema: `create table note (id int primary key, line text)` });
  const first = await serve(at);
  const client = await connect(at);
  await client.query(`insert into note values (1, 'before all')`);

  expect(await at.teal('up')).toMatchObject({ code: 4 });
  expect(existsSync(join(at.folder, '.teal/shop/proxy/config.json'))).toBe(false);
  expect(await at.teal('cutover')).toMatchObject({ code: 0 });
  await client.query(`insert into note values (2, 'after the cut')`);
  expect(await at.query('green', 'select count(*)::text as n from note')).toEqual([{ n: '2' }]);
  expect(await at.teal('finalise', '--yes', '--early')).toMatchObject({ code: 0 });
  await client.query(`insert into note values (3, 'after all')`);
  await client.end();
  expect(await first.end()).toBe(0);

  // Both owner rows are gone now.
  await using _second = await serve(at);
  const late = await connect(at);
  const { rows } = await late.query(
    `select current_setting('server_version_num')::int / 10000 as major, count(*)::int as n from note`,
  );
  expect(rows).toEqual([{ major: greenMajor(), n: 3 }]);
  await late.end();
  const told = JSON.parse((await at.teal('proxy', '--status', '--json')).out) as { readonly state: unknown };
  expect(told.state).toMatchObject({ mode: 'running', pointsTo: 'green' });
});
