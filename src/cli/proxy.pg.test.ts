import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { openJournal } from '../journal/journal.ts';
import { waitFor } from '../kernel/clock.ts';

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  /** Starts `teal` here. */
  readonly start: (...args: readonly string[]) => ChildProcess;
  readonly run: (
    ...args: readonly string[]
  ) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  connect(): Promise<Client>;
}

async function place(traffic = ''): Promise<Place> {
  const blue = await testDatabase(blueMajor());
  const green = await testDatabase(greenMajor());
  const folder = await mkdtemp(join(tmpdir(), 'teal-proxy-'));
  const port = await freePort();
  const started: ChildProcess[] = [];
  const clients: Client[] = [];
  await writeFile(
    join(folder, 'teal.yaml'),
    `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { listen: "127.0.0.1:${port}", clientAuth: trust${traffic} }\n`,
  );
  const start: Place['start'] = (...args) => {
    const env = { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', BLUE_URL: blue.url, GREEN_URL: green.url };
    const child = spawn(process.execPath, [resolve('src/cli/main.ts'), ...args], { cwd: folder, env });
    started.push(child);
    return child;
  };
  return {
    folder,
    port,
    blue,
    green,
    start,
    run: async (...args) => {
      const child = start(...args);
      const said = [child.stdout, child.stderr].map(async (stream) => (stream === null ? '' : text(stream)));
      const [[out = '', err = ''], exit] = await Promise.all([Promise.all(said), once(child, 'exit')]);
      return { code: Number(exit[0]), out, err };
    },
    async connect() {
      const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: blue.name });
      client.on('error', () => {});
      await client.connect();
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map(async (client) => client.end()));
      for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  };
}

interface Serving {
  readonly pid: number;
  readonly ended: Promise<number>;
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
  readonly end: (signal?: NodeJS.Signals) => void;
}

/** `teal proxy`, once it listens. */
async function serving(at: Place): Promise<Serving> {
  const child = at.start('proxy');
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => Number(code));
  const lines = (): readonly Readonly<Record<string, unknown>>[] =>
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  await waitFor({ what: 'the proxy to listen', timeoutMs: 60_000 }, () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${out}${err}`);
    return lines().some((line) => line['msg'] === 'listening') || undefined;
  });
  return { pid: child.pid ?? 0, ended, lines, end: (signal = 'SIGTERM') => child.kill(signal) };
}

async function major(client: Client): Promise<number> {
  const { rows } = await client.query<{ v: number }>(`select current_setting('server_version_num')::int / 10000 as v`);
  return rows[0]?.v ?? 0;
}

test('it serves before anything else of a migration is there, tells how it is, and lets a transaction end', async () => {
  await using at = await place();
  expect(await at.run('proxy', '--status')).toMatchObject({
    code: 3,
    out: `No proxy runs for 127.0.0.1:${at.port}.\n`,
  });
  const proxy = await serving(at);
  const client = await at.connect();
  expect(await major(client)).toBe(blueMajor());
  await client.query('create temp table mine (n int)');

  const told = await at.run('proxy', '--status', '--json');
  expect(told.code).toBe(0);
  expect(JSON.parse(told.out)).toMatchObject({
    running: true,
    about: { pid: proxy.pid, port: at.port, migration: 'shop', startedBy: 'user' },
    state: {
      mode: 'running',
      pointsTo: 'blue',
      epoch: 0,
      clients: 1,
      inFlight: 0,
      pinned: [{ reason: expect.stringContaining('temporary') }],
    },
  });
  expect((await at.run('proxy', '--status')).out).toMatch(
    /points to blue .*\n.*\n  clients {4}1, 0 in.*\n  pinned .*temporary/,
  );

  const second = await at.run('proxy');
  expect(second).toMatchObject({ code: 1 });
  expect(second.err).toContain('TEAL-TRAFFIC-013');
  expect(second.err).toContain(String(proxy.pid));

  const busy = await at.connect();
  const lost = Promise.all([client, busy].map(async (each) => new Promise((gone) => each.once('end', gone))));
  await busy.query('begin');
  proxy.end();
  await waitFor(
    { what: 'the end to begin', timeoutMs: 60_000 },
    () => proxy.lines().some((line) => line['msg'] === 'ending') || undefined,
  );
  expect((await busy.query('select 7 as v')).rows).toEqual([{ v: 7 }]);
  await busy.query('commit');
  await lost;
  expect(await proxy.ended).toBe(0);
  expect(proxy.lines().at(-1)).toMatchObject({ msg: 'ended', process: 'proxy', migration: 'shop' });
  expect((await at.run('proxy', '--status')).code).toBe(3);
});

test('a second signal does not wait for a transaction', async () => {
  await using at = await place();
  const proxy = await serving(at);
  const busy = await at.connect();
  await busy.query('begin');
  proxy.end('SIGINT');
  await waitFor(
    { what: 'the end to begin', timeoutMs: 60_000 },
    () => proxy.lines().some((line) => line['msg'] === 'ending') || undefined,
  );
  const startedMs = performance.now();
  proxy.end('SIGINT');
  expect(await proxy.ended).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(15_000);
});

test('it reads the owner rows of both sides, and after finalise, when they are gone, the journal', async () => {
  await using at = await place();
  const owner = `create schema teal; create table teal.owner (epoch int primary key, owner text)`;
  await at.blue.query(owner);
  await at.green.query(`${owner}; insert into teal.owner values (1, 'green')`);
  const first = await serving(at);
  expect(await major(await at.connect())).toBe(greenMajor());
  first.end();
  await first.ended;

  for (const side of [at.blue, at.green]) await side.query('drop schema teal cascade');
  finalisedJournal(join(at.folder, '.teal/shop'));
  await serving(at);
  expect(await major(await at.connect())).toBe(greenMajor());
  expect(JSON.parse((await at.run('proxy', '--status', '--json')).out)).toMatchObject({
    state: { pointsTo: 'green', epoch: 1 },
  });
});

test('a status says when the proxy that runs was started from another file', async () => {
  await using at = await place();
  await serving(at);
  const file = `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { listen: "127.0.0.1:${at.port}", clientAuth: trust, pinned: close }\n`;
  await writeFile(join(at.folder, 'teal.yaml'), file);
  const told = await at.run('proxy', '--status');
  expect(told.code).toBe(3);
  expect(told.out).toContain('TEAL-TRAFFIC-010');
});

/** A journal as a finalised migration leaves it. */
function finalisedJournal(stateDir: string): void {
  using journal = openJournal(stateDir);
  const run = { migration: 'shop', run: 'r', command: 'up', teal: '0', pid: 1, host: 'h', specDigest: 'd' };
  const limits = { pauseLimitMs: 1, drainLimitMs: 1 };
  journal.append({ type: 'runStarted', ...run });
  journal.append({ type: 'cutIntended', cut: 'c', epoch: 1, from: 'blue', to: 'green', ...limits });
  journal.append({ type: 'cutDecided', cut: 'c', position: '0/1' });
  journal.append({ type: 'cutFinished', cut: 'c', facts: {} });
  journal.append({ type: 'finalised', by: 'x', live: 'green' });
}
