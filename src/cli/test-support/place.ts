import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { freePort } from '../../../tools/servers/free-port.ts';
import { waitFor } from '../../kernel/clock.ts';
import { tealMain } from '../../../test/support/program.ts';

/** A migration file of two databases, in a folder of its own. */
export interface Place extends AsyncDisposable {
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

export async function place(traffic = ''): Promise<Place> {
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
    const child = spawn(process.execPath, [tealMain, ...args], { cwd: folder, env });
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

export interface Serving {
  readonly pid: number;
  readonly ended: Promise<number>;
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
  readonly end: (signal?: NodeJS.Signals) => void;
}

/** `teal proxy`, once it listens. */
export async function serving(at: Place): Promise<Serving> {
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
