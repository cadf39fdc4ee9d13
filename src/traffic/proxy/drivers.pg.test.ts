import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueMajor, greenMajor } from '../../../test/support/postgres.ts';
import { pgTools, type PgTools } from '../../../tools/servers/pg-tools.ts';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { proxied, type Proxied } from './test-support/proxied.ts';

/** Programs as their users run them, each keeping its own books, while the data goes to green and back. */
let folder: string;
let tools: PgTools;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teal-drivers-'));
  tools = await pgTools(blueMajor(), greenMajor());
}, 300_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function run(program: string, args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(program, args, { env: { ...process.env, PGCONNECT_TIMEOUT: '20' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** Rows are counted on both sides: nothing carries them here, so each was written exactly where its client was. */
async function withLedger(at: Proxied): Promise<void> {
  for (const side of [at.blue, at.green]) await side.query('create table ledger (client int, n int)');
}

async function written(at: Proxied): Promise<{ readonly blue: number; readonly green: number }> {
  const count = async (side: Proxied['blue']): Promise<number> =>
    Number((await side.query('select count(*) as n from ledger'))[0]?.['n']);
  return { blue: await count(at.blue), green: await count(at.green) };
}

async function thereAndBack(at: Proxied): Promise<void> {
  for (const [index, side] of (['green', 'blue', 'green'] as const).entries()) {
    await sleep(400);
    await at.cut(side, index + 1);
  }
}

describe('pgbench', () => {
  test.each([
    ['simple', ['-M', 'simple']],
    ['extended', ['-M', 'extended']],
    ['prepared', ['-M', 'prepared']],
    ['a connection each time', ['-C', '-M', 'simple']],
  ])('%s', async (_mode, args) => {
    await using at = await proxied();
    await withLedger(at);
    const script = join(folder, 'ledger.sql');
    await writeFile(
      script,
      'begin;\ninsert into ledger values (:client_id, 1);\nselect 1;\nend;\ninsert into ledger values (:client_id, 2);\n',
    );
    const place = ['-h', '127.0.0.1', '-p', String(at.proxy.port), '-U', 'postgres'];
    const bench = run(tools.pgbench, [
      '-n',
      '-c',
      '8',
      '-j',
      '1',
      '-T',
      '3',
      ...args,
      '-f',
      script,
      ...place,
      at.blue.name,
    ]);
    // While pgbench prepares a statement for one client its thread does nothing else: held there, it could not end the transactions of its others, and no cut would
    // drain (it is given up, and nobody fails). So all have prepared theirs first.
    await waitFor({ what: 'every client to have written both its rows', timeoutMs: 60_000 }, async () => {
      const [row] = await at.blue.query('select count(distinct client) as clients from ledger where n = 2');
      return row?.['clients'] === '8' ? true : undefined;
    });
    await thereAndBack(at);
    const { code, output } = await bench;
    expect(output).toContain('number of failed transactions: 0');
    expect(code, output).toBe(0);
    const done = Number(/transactions actually processed: (\d+)/.exec(output)?.[1]);
    const rows = await written(at);
    expect(rows.blue + rows.green).toBe(2 * done);
    expect(Math.min(rows.blue, rows.green)).toBeGreaterThan(0);
  });
});

test('psql, with COPY and variables of its session', async () => {
  await using at = await proxied();
  await withLedger(at);
  const lines = Array.from(
    { length: 200 },
    (_, n) => `insert into ledger values (1, ${n});\nselect pg_sleep(0.005);\n`,
  );
  lines.splice(100, 0, 'copy ledger from stdin;\n2\t1\n2\t2\n\\.\n');
  const input = `set work_mem = '7MB';\nset app.tenant = 'seven';\n${lines.join('')}show work_mem;\nshow app.tenant;\n`;
  const session = run(tools.psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', at.url], input);
  await thereAndBack(at);
  const { code, output } = await session;
  expect(code, output).toBe(0);
  expect(output).toContain('7MB');
  expect(output).toContain('seven');
  const rows = await written(at);
  expect(rows.blue + rows.green).toBe(202);
});

test('postgres.js, pipelining on several connections', async () => {
  await using at = await proxied();
  await withLedger(at);
  const sql = postgres(at.url, { max: 4, onnotice: () => {} });
  const stop = new AbortController();
  let done = 0;
  const worker = async (client: number): Promise<void> => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      await Promise.all([sql`insert into ledger values (${client}, ${n})`, sql`select ${n}::int as n`]);
      await sql.begin(async (tx) => tx`insert into ledger values (${client}, ${-n})`);
      done += 2;
    }
  };
  const workers = Array.from({ length: 8 }, async (_, client) => worker(client));
  await thereAndBack(at);
  stop.abort();
  await Promise.all(workers);
  await sql.end();
  const rows = await written(at);
  expect(rows.blue + rows.green).toBe(done);
});

test('node-postgres, named statements and transactions', async () => {
  await using at = await proxied();
  await withLedger(at);
  const stop = new AbortController();
  let done = 0;
  const worker = async (number: number): Promise<void> => {
    const client = await at.connect();
    for (let n = 0; !stop.signal.aborted; n += 1) {
      await client.query({ name: 'insert', text: 'insert into ledger values ($1, $2)', values: [number, n] });
      await client.query('begin');
      await client.query('insert into ledger values ($1, $2)', [number, -n]);
      await client.query('commit');
      done += 2;
    }
  };
  const workers = Array.from({ length: 8 }, async (_, number) => worker(number));
  await thereAndBack(at);
  stop.abort();
  await Promise.all(workers);
  const rows = await written(at);
  expect(rows.blue + rows.green).toBe(done);
});

const psycopgProgram = `
import sys, time, psycopg
done = 0
with psycopg.connect(sys.argv[1], autocommit=True, prepare_threshold=0) as c:
    c.execute("set app.tenant = 'seven'")
    end = time.time() + 2
    while time.time() < end:
        c.execute("insert into ledger values (%s, %s)", (1, done))
        with c.transaction():
            c.execute("insert into ledger values (%s, %s)", (2, done))
        with c.pipeline():
            c.execute("insert into ledger values (%s, %s)", (3, done))
            c.execute("select 1")
        with c.cursor().copy("copy ledger from stdin") as copy:
            copy.write_row((4, done))
        done += 1
    assert c.execute("show app.tenant").fetchone() == ("seven",)
print(done)
`;

test('psycopg 3, prepared, in pipelines and COPY', async ({ skip }) => {
  const python = await psycopg();
  if (python === undefined) return skip('there is no python3 here to run psycopg with');
  await using at = await proxied();
  await withLedger(at);
  const session = run(python, ['-c', psycopgProgram, at.url]);
  await thereAndBack(at);
  const { code, output } = await session;
  expect(code, output).toBe(0);
  const rows = await written(at);
  expect(rows.blue + rows.green).toBe(4 * Number(output));
}, 180_000);

/** A Python with psycopg, made once in the cache of the repository; undefined where there is no Python at all. */
async function psycopg(): Promise<string | undefined> {
  const place = fileURLToPath(new URL('../../../.cache/psycopg', import.meta.url));
  const python = join(place, 'bin', 'python');
  if (await succeeds(python, ['-c', 'import psycopg'])) return python;
  if (!(await succeeds('python3', ['--version']))) return undefined;
  const made = await run('python3', ['-m', 'venv', place]);
  expect(made.code, made.output).toBe(0);
  const installed = await run(python, ['-m', 'pip', 'install', '-q', 'psycopg[binary]==3.*']);
  expect(installed.code, installed.output).toBe(0);
  return python;
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = Promise.withResolvers<boolean>();
  child.once('error', () => ended.resolve(false));
  child.once('close', (code) => ended.resolve(code === 0));
  return ended.promise;
}
