import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { tealMain } from '../../test/support/program.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** pg_dump is looked for as a user would have it: on PATH. */
const { binDir } = await pgTools(blueMajor(), greenMajor());

async function teal(cwd: string, env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [tealMain, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', TEAL_PG_BIN: binDir, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(exit[0]), out, err };
}

async function folder(): Promise<{ readonly path: string; [Symbol.asyncDispose]: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'teal-cli-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

test('init writes a file that assess reads, and both say what to do next', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  await blue.query('create table customer (id int primary key); create table log (line text)');
  await using here = await folder();
  const env = { BLUE_URL: blue.url, GREEN_URL: green.url };
  const made = await teal(here.path, env, 'init', '--name', 'shop');
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(await readFile(join(here.path, 'teal.yaml'), 'utf8')).toContain('name: shop');
  const again = await teal(here.path, env, 'init');
  expect(again.code).toBe(1);
  expect(again.err).toContain('TEAL-CLI-002');

  const assessed = await teal(here.path, env, 'assess', '--out', 'inventory.md');
  expect(assessed.err).toBe('');
  expect(assessed.code).toBe(0);
  expect(assessed.out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(await readFile(join(here.path, 'inventory.md'), 'utf8')).toContain('public.log');

  const planned = await teal(here.path, env, 'plan');
  expect(planned.err).toBe('');
  expect(planned.code).toBe(0);
  expect(planned.out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  const words = planned.out.replaceAll(/\s+/g, ' ');
  for (const does of [
    'creates publication teal_shop_fwd',
    'copies the rows of 2 tables',
    'writes the token',
    'writes the owner row',
  ]) {
    expect(words).toContain(does);
  }

  await green.query('create table customer (id int)');
  const blocked = await teal(here.path, env, 'assess', '--json');
  expect(blocked.code).toBe(3);
  const { findings } = JSON.parse(blocked.out) as { readonly findings: readonly { readonly severity: string }[] };
  expect(findings.some(({ severity }) => severity === 'blocker')).toBe(true);
});

test('what is wrong is told with a code and what to do, and never with a password', async () => {
  await using here = await folder();
  const unreachable = 'postgres://u:s3cret@127.0.0.1:1/x';
  const ran = await teal(here.path, { BLUE_URL: unreachable, GREEN_URL: unreachable }, 'init');
  expect(ran.code).toBe(1);
  expect(ran.err).toContain('TEAL-SYSTEMS-001');
  expect(ran.err).toContain('data may differ');
  expect(ran.out + ran.err).not.toContain('s3cret');
  const json = await teal(here.path, {}, 'assess', '--json');
  expect(json.code).toBe(2);
  expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'TEAL-SPEC-001', retry: 'operator' } });
  expect((await teal(here.path, {}, 'asess')).code).toBe(2);
  expect((await teal(here.path, {}, '--help')).out).toContain('assess');
});
