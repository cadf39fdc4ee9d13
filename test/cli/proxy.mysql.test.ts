import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadSpec, type LoadedSpec } from '../../src/app/load-spec.ts';
import { proxyOf } from '../../src/app/proxy-config.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { otherSide, type Side } from '../../src/model/catalog.ts';
import { MysqlFence } from '../../src/systems/mysql/fence.ts';
import { KeptSession } from '../../src/systems/mysql/kept-session.ts';
import { readEndOfBinlog } from '../../src/systems/mysql/source-probe.ts';
import { installTealSchema } from '../../src/systems/mysql/teal-schema.ts';
import { aboutIfThere, ensureProxy, ProxyRouter } from '../../src/traffic/proxy/client.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { installMariadbClient } from '../../tools/servers/install-mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { longSeries } from '../support/mysql.ts';
import { runNode } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const password = 'not-to-be-found';
const sides = ['blue', 'green'] as const;
const [onBlue, onGreen] = [11, 22];
const patience = { timeoutMs: 120_000, everyMs: 100 };
/** Nothing carries rows here: each was written exactly where its client was. */
const ledger = 'create table shop.ledger (id bigint auto_increment primary key, client int, n int)';

/** One program that writes rows of its own until it is told to end. */
interface Writer {
  readonly client: number;
  /** Resolves with the number of rows that it was told are there. Rejects at the first statement that failed. */
  end(): Promise<number>;
}

const pymysqlProgram = `
import select, sys, pymysql
c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='old', password=sys.argv[2], database='shop', autocommit=True)
cursor = c.cursor()
cursor.execute("set @tenant = 'seven'")
done = 0
while not select.select([sys.stdin], [], [], 0.02)[0]:
    cursor.execute('insert into ledger (client, n) values (%s, %s)', (sys.argv[3], done))
    c.begin()
    cursor.execute('insert into ledger (client, n) values (%s, %s)', (sys.argv[3], -done))
    c.commit()
    done += 2
cursor.execute('select @tenant')
assert cursor.fetchone() == ('seven',)
print(done)
`;

describe.for(longSeries)('the proxy between two servers of $series, as commands start it', ({ series, tested }) => {
  let folder: string;
  let mariadb: string;
  let port: number;
  let loaded: LoadedSpec;
  let env: Readonly<Record<string, string>>;
  let servers: Readonly<Record<Side, MysqlServer>>;
  let sessions: Readonly<Record<Side, KeptSession>>;
  let fences: Readonly<Record<Side, MysqlFence>>;

  beforeAll(async () => {
    if (!tested) return;
    mariadb = await installMariadbClient();
    folder = await mkdtemp(join(tmpdir(), 'teal-proxy-'));
    port = await freePort();
    const [blue, green] = await Promise.all([
      startMysql({ series, settings: { 'server-id': String(onBlue) } }),
      startMysql({ series, settings: { 'server-id': String(onGreen) } }),
    ]);
    servers = { blue, green };
    const url = (side: Side): string => `mysql://root@127.0.0.1:${servers[side].port}/`;
    const session = (side: Side): KeptSession => new KeptSession({ url: url(side), applicationName: 'teal shop' });
    sessions = { blue: session('blue'), green: session('green') };
    const fence = (side: Side): MysqlFence => new MysqlFence({ session: sessions[side], position: readEndOfBinlog });
    fences = { blue: fence('blue'), green: fence('green') };
    env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      NO_COLOR: '1',
      BLUE_URL: url('blue'),
      GREEN_URL: url('green'),
    };
    const system = series === 'mysql-8.0' ? 'mysql' : 'mariadb';
    const file = join(folder, 'teal.yaml');
    await writeFile(
      file,
      `teal: 1\nname: shop\nblue: { system: ${system}, url: "\${BLUE_URL}" }\ngreen: { system: ${system}, url: "\${GREEN_URL}" }\ntraffic: { listen: "127.0.0.1:${port}" }\n`,
    );
    loaded = loadSpec(file, env);
    for (const side of sides) {
      await ask(side, 'create database shop');
      await ask(side, `create user app@'%' identified by '${password}'`);
      // What every driver speaks.
      const native = system === 'mysql' ? 'with mysql_native_password' : '';
      await ask(side, `create user old@'%' identified ${native} by '${password}'`);
      for (const user of ['app', 'old']) await ask(side, `grant all on shop.* to ${user}@'%'`);
    }
  });
  /** Of a test that failed. */
  afterEach(async () => {
    if (!tested) return;
    const left = new ProxyRouter(proxyOf(loaded).config.controlPath);
    if ((await aboutIfThere(left)) !== undefined) await left.stop();
  });
  afterAll(async () => {
    for (const session of Object.values(sessions ?? {})) await session[Symbol.asyncDispose]();
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
    if (tested) await rm(folder, { recursive: true, force: true });
  });

  /** Blue is live, green is closed, and nobody has decided anything. */
  beforeEach(async () => {
    if (!tested) return;
    for (const side of sides) {
      await fences[side].remove();
      await ask(side, 'set global read_only = off');
      await ask(side, 'drop database if exists teal');
      await ask(side, 'drop table if exists shop.ledger');
      await ask(side, ledger);
      await sessions[side].use(async (connection) => installTealSchema(connection, side));
      await fences[side].install(side === 'green');
    }
  });

  /** As `teal up` starts it. A slow machine may take longer than a command waits: it comes up all the same. */
  async function started(): Promise<ProxyRouter> {
    const wanted = proxyOf(loaded);
    const router = new ProxyRouter(wanted.config.controlPath);
    try {
      return await ensureProxy(wanted);
    } catch (error) {
      if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
      await waitFor({ ...patience, what: 'the proxy to answer' }, async () => aboutIfThere(router));
      return router;
    }
  }

  async function ask(side: Side, sql: string): Promise<string | undefined> {
    const { rows } = await sessions[side].use(async (connection) => connection.query(sql));
    return Object.values(rows[0] ?? {})[0] ?? undefined;
  }

  async function connect(user = 'app'): Promise<Connection> {
    const client = await createConnection({ host: '127.0.0.1', port, user, password, database: 'shop' });
    client.on('error', () => undefined);
    return client;
  }

  async function serverOf(client: Connection): Promise<unknown> {
    const [rows] = await client.query<RowDataPacket[]>('select @@server_id as id');
    return rows[0]?.['id'];
  }

  const held = async (router: ProxyRouter, cut: string): Promise<void> =>
    expect(await router.hold({ cut, leaseMs: 120_000, drainMs: 60_000 })).toMatchObject({ drained: true });

  const raise = async (from: Side, epoch: number): Promise<void> => {
    const cut = `cut ${epoch}`;
    await fences[from].raise({ cut, token: `${cut}/${from}`, epoch, lockTimeoutMs: 60_000 });
  };

  /** hold, raise, decide, point, release: what a cut does to clients. */
  async function cut(router: ProxyRouter, to: Side, epoch: number): Promise<void> {
    await held(router, `cut ${epoch}`);
    await raise(otherSide(to), epoch);
    await fences[to].lower({ epoch, owner: to, cut: `cut ${epoch}` });
    await router.point(to, epoch);
    await router.release();
  }

  async function mysql2Writer(client: number): Promise<Writer> {
    const connection = await connect();
    const over = new AbortController();
    const insert = 'insert into ledger (client, n) values (?, ?)';
    const work = (async (): Promise<number> => {
      let done = 0;
      while (!over.signal.aborted) {
        await connection.execute(insert, [client, done]);
        await connection.beginTransaction();
        await connection.execute(insert, [client, -done]);
        await connection.commit();
        done += 2;
        await connection.query('do sleep(0.02)');
      }
      await connection.end();
      return done;
    })();
    // It is waited for at the end; until then whoever waits for rows would wait in vain.
    work.catch(() => undefined);
    return {
      client,
      end: async () => {
        over.abort();
        return work;
      },
    };
  }

  function program(client: number, file: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const child = spawn(file, args, { env: { ...env, ...more }, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(child, 'close').then(([code]: unknown[]) => {
      expect(code, output).toBe(0);
      return output;
    });
    ended.catch(() => undefined);
    return { client, stdin: child.stdin, ended };
  }

  /** The command line client, fed line by line as by somebody who types. */
  function mariadbWriter(client: number): Writer {
    const args = ['--no-defaults', '-h127.0.0.1', `-P${port}`, '-uold', `-p${password}`, 'shop', '--batch', '-N'];
    const { stdin, ended } = program(client, mariadb, args);
    let lines = 0;
    stdin.write(`set @tenant = 'seven';\n`);
    const typing = setInterval(() => {
      stdin.write(`insert into ledger (client, n) values (${client}, ${lines});\n`);
      lines += 1;
    }, 50);
    return {
      client,
      end: async () => {
        clearInterval(typing);
        stdin.end('select @tenant;\n');
        expect(await ended).toContain('seven');
        return lines;
      },
    };
  }

  async function pymysqlWriter(client: number): Promise<Writer> {
    const place = resolve('.cache/pymysql');
    const made = program(client, 'python3', ['-m', 'pip', 'install', '-q', '--target', place, 'pymysql==1.2.4']);
    await made.ended;
    const args = ['-c', pymysqlProgram, String(port), password, String(client)];
    const { stdin, ended } = program(client, 'python3', args, { PYTHONPATH: place });
    return {
      client,
      end: async () => {
        stdin.end();
        return Number(await ended);
      },
    };
  }

  async function untilAllWrite(side: Side, writers: readonly Writer[]): Promise<void> {
    const before = (await ask(side, 'select coalesce(max(id), 0) from shop.ledger')) ?? '0';
    const sql = `select count(distinct client) from shop.ledger where id > ${before}`;
    const what = `every client to write on ${side}`;
    await waitFor({ ...patience, what }, async () => Number(await ask(side, sql)) === writers.length || undefined);
  }

  async function rows(): Promise<number> {
    const counts = await Promise.all(sides.map(async (side) => ask(side, 'select count(*) from shop.ledger')));
    return counts.reduce((sum, count) => sum + Number(count), 0);
  }

  test.skipIf(!tested)('a cut and the way back fail no statement of any driver', { timeout: 600_000 }, async () => {
    const router = await started();
    try {
      expect(await router.about()).toMatchObject({ migration: 'shop', port, startedBy: 'controller' });
      const writers = [...(await Promise.all([1, 2, 3].map(mysql2Writer))), mariadbWriter(4), await pymysqlWriter(5)];
      await untilAllWrite('blue', writers);
      await cut(router, 'green', 1);
      await untilAllWrite('green', writers);
      // Nobody has gone round the proxy, and nobody can.
      await using late = await connect();
      expect(await serverOf(late)).toBe(onGreen);
      expect(await fences.blue.probe()).toMatchObject({ fence: 'raised', tokens: ['cut 1/blue'] });
      await cut(router, 'blue', 2);
      await untilAllWrite('blue', writers);
      const done = await Promise.all(writers.map(async (writer) => writer.end()));
      expect(await rows()).toBe(done.reduce((sum, each) => sum + each, 0));
    } finally {
      await router.stop();
    }
  });

  test.skipIf(!tested)(
    'one that is killed in the middle of a cut comes back holding, and follows the decision',
    { timeout: 300_000 },
    async () => {
      const first = await started();
      const { pid } = await first.about();
      await held(first, 'cut 1');
      await raise('blue', 1);
      process.kill(pid, 'SIGKILL');
      await waitFor({ ...patience, what: 'it to be gone' }, async () =>
        (await aboutIfThere(first)) ? undefined : true,
      );
      const router = await started();
      try {
        expect((await router.about()).pid).not.toBe(pid);
        expect(await router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue', epoch: 0 });
        await using client = await connect();
        const answer = client.query(`insert into ledger (client, n) values (1, 1)`);
        await fences.green.lower({ epoch: 1, owner: 'green', cut: 'cut 1' });
        await answer;
        expect(await serverOf(client)).toBe(onGreen);
        expect(await router.read()).toMatchObject({ mode: 'running', pointsTo: 'green', epoch: 1 });
        expect(await ask('green', 'select count(*) from shop.ledger')).toBe('1');
      } finally {
        await router.stop();
      }
    },
  );

  test.skipIf(!tested)('`teal proxy` serves it in the foreground', { timeout: 300_000 }, async () => {
    const child = spawn(process.execPath, [tealMain, 'proxy'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(child, 'exit');
    try {
      await waitFor({ ...patience, what: 'the proxy to listen' }, () => said.includes('"listening"') || undefined);
      // As `teal up` does: it is used, and no other is started.
      const router = await ensureProxy(proxyOf(loaded));
      expect(await router.about()).toMatchObject({ pid: child.pid, startedBy: 'user' });
      await using client = await connect();
      expect(await serverOf(client)).toBe(onBlue);
      const told = await runNode(folder, env, tealMain, 'proxy', '--status', '--json');
      expect(told.code, told.err).toBe(0);
      expect(JSON.parse(told.out)).toMatchObject({
        running: true,
        state: { pointsTo: 'blue', clients: 1, pinned: [] },
      });
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
    expect(said).not.toContain(password);
  });
});
