import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { compareWithBaseline, keepBaseline } from '../../src/app/baseline.ts';
import { loadSpec, type LoadedSpec } from '../../src/app/load-spec.ts';
import { replayCapture } from '../../src/app/replay.ts';
import { readStatus } from '../../src/app/status.ts';
import { openJournalReader } from '../../src/journal/journal.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { asMysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { isLong } from '../support/long.ts';
import { isTested } from '../support/mysql.ts';
import { tealMain } from '../support/program.ts';
import { endProcesses, runNode, type Ran } from '../support/teal-place.ts';

const pairs = (isLong ? ['mysql-8.0>mysql-8.0', 'mariadb-10.11>mariadb-11.4'] : ['mysql-8.0>mysql-8.0']).map((pair) =>
  pair.split('>').map(asMysqlSeries),
);
const patience = { timeoutMs: 60_000 };
const clients = 4;

const schema = [
  'create database shop character set utf8mb4 collate utf8mb4_general_ci',
  'create table shop.customer (id int primary key, email varchar(80) not null, key by_email (email)) engine=InnoDB',
  `create table shop.entry (client int not null, n int not null, primary key (client, n)) engine=InnoDB`,
  'create table shop.ten (d int primary key)',
  `insert into shop.ten values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)`,
  `insert into shop.customer select a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d as i, concat('c', a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d, '@example.org')
     from shop.ten a, shop.ten b, shop.ten c, shop.ten d, shop.ten e where e.d < 6`,
];

/** Clients that read and write, and keep what they were told. */
class Crowd {
  readonly failures: string[] = [];
  readonly acknowledged: string[] = [];
  reads = 0;
  /** Asked besides, by each client in each round. */
  alsoAsks: string | undefined;
  readonly #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  static async start(connect: () => Promise<Connection>, count: number): Promise<Crowd> {
    const crowd = new Crowd();
    const clients = await Promise.all(Array.from({ length: count }, connect));
    crowd.#running = Promise.all(clients.map(async (client, number) => crowd.#run(client, number)));
    return crowd;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  async #run(client: Connection, number: number): Promise<void> {
    client.on('error', (error) => this.failures.push(describeError(error)));
    const tried = async (work: () => Promise<unknown>): Promise<boolean> =>
      work().then(
        () => true,
        (error: unknown) => {
          this.failures.push(describeError(error));
          return false;
        },
      );
    for (let n = 0; !this.#over.signal.aborted; n += 1) {
      await sleep(10);
      const email = `c${(n * 7919 + number) % 60_000}@example.org`;
      await tried(async () => client.execute('select id from customer where email = ?', [email]));
      this.reads += 1;
      const asked = this.alsoAsks;
      if (asked !== undefined) await tried(async () => client.query(asked));
      if (n % 8 !== 0) continue;
      const isThere = await tried(async () => client.query('insert into entry values (?, ?)', [number, n]));
      if (isThere) this.acknowledged.push(`${number}-${n}`);
    }
    await client.end();
  }
}

/** What the guide has, while the crowd goes on. */
async function loadIsAskedOfGreen(
  teal: (...args: readonly string[]) => Promise<Ran>,
  loaded: LoadedSpec,
  folder: string,
  reading: (many: number) => Promise<unknown>,
): Promise<void> {
  const path = join(folder, 'monday.jsonl');
  const capturing = teal('capture', '--for', '60s', '--out', 'monday.jsonl', '--json');
  await waitFor({ what: 'all clients to be recorded', ...patience }, async () => {
    const text = await readFile(path, 'utf8').catch(() => '');
    return text.split('"k":"open"').length > clients ? true : undefined;
  });
  await reading(100);
  expect(await teal('capture', '--stop')).toMatchObject({ code: 0 });
  const { code, out } = await capturing;
  expect([code, JSON.parse(out)]).toMatchObject([0, { running: false, ended: ['asked'], dropped: 0, file: path }]);
  const { signal } = new AbortController();
  const usual = { loaded, capture: path, speed: 2, connections: 10, writes: false, slowerThan: 100, signal };
  const refusals = [
    [{ side: 'blue' }, 'TEAL-APP-021'],
    [{ side: 'green', to: loaded.spec.blue.url }, 'TEAL-APP-021'],
    [{ side: 'green', writes: true }, 'TEAL-APP-022'],
    [{ side: 'green', to: 'postgres://127.0.0.1:1/shop' }, 'TEAL-APP-070'],
  ] as const;
  for (const [wrong, refused] of refusals) {
    await expect(replayCapture({ ...usual, ...wrong })).rejects.toMatchObject({ code: refused });
  }
  const found = await replayCapture({ ...usual, side: 'green' });
  expect(found).toMatchObject({
    capture: { header: { version: 2 }, isWhole: true },
    sessionsLost: {},
    refusedWrites: 0,
  });
  expect(found.asked).toBeGreaterThanOrEqual(100);
  expect(found.skipped['a write']).toBeGreaterThan(0);
  expect(found.statements.flatMap(({ newErrors }) => Object.entries(newErrors))).toEqual([]);
  // How busy this machine is does not matter here.
  expect(found.because.filter((why) => !/keep the pace/.test(why))).toEqual([]);
  await keepBaseline(loaded, path, 'blue');
  expect(await compareWithBaseline(loaded, path, 'blue', 2)).toMatchObject({ because: [] });
}

describe.for(pairs)('%s to %s', ([from = 'mysql-8.0', to = from]) => {
  const tested = isTested(from) && isTested(to);
  test.skipIf(!tested)(
    'what clients ask of blue is asked of green; a green on which clients meet errors, and one that is slow for want of an index, are left by themselves: nothing else fails, no write is lost',
    async () => {
      await using stack = new AsyncDisposableStack();
      const [blue, green] = await Promise.all([startMysql({ series: from }), startMysql({ series: to })]);
      stack.use(blue);
      stack.use(green);
      const root = async (port: number): Promise<Connection> => {
        const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
        stack.defer(async () => connection.end());
        return connection;
      };
      const roots = { blue: await root(blue.port), green: await root(green.port) };
      for (const sql of schema) await roots.blue.query(sql);
      for (const admin of Object.values(roots)) {
        await admin.query(`create user app@'%'`);
        await admin.query(`grant select, insert, update, delete on shop.* to app@'%'`);
      }
      const folder = await mkdtemp(join(tmpdir(), 'teal-mysql-soak-'));
      stack.defer(async () => rm(folder, { recursive: true, force: true }));
      stack.defer(async () => endProcesses(folder));
      const [file, port] = [join(folder, 'teal.yaml'), await freePort()];
      const judgedBy = async (rule: string): Promise<void> =>
        writeFile(
          file,
          `teal: 1\nname: shop\nblue: { system: ${blue.flavour}, url: "\${BLUE_URL}" }\ngreen: { system: ${green.flavour}, url: "\${GREEN_URL}" }\n` +
            `traffic: { listen: "127.0.0.1:${port}", clientAuth: trust }\ncutover: { gates: [{ person: dba }] }\n` +
            `soak: { every: 500ms, failures: 2, rollBackOn: [${rule}] }\n`,
        );
      await judgedBy('{ errorRate: 1% }');
      const { PATH = '', NODE_COMPILE_CACHE: compiled } = process.env;
      const env = {
        PATH,
        HOME: folder,
        ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
        NO_COLOR: '1',
        BLUE_URL: `mysql://root@127.0.0.1:${blue.port}/shop`,
        GREEN_URL: `mysql://root@127.0.0.1:${green.port}/`,
      };
      const teal = async (...args: readonly string[]): Promise<Ran> => runNode(folder, env, tealMain, ...args);
      const untilBlue = async (): Promise<unknown> =>
        waitFor({ what: 'blue to be live again', ...patience }, () => {
          const status = readStatus(loadSpec(file, env));
          return status.live === 'blue' && status.controller === undefined ? true : undefined;
        });
      expect(await teal('up')).toMatchObject({ code: 4 });
      const crowd = await Crowd.start(
        async () => createConnection({ host: '127.0.0.1', port, user: 'app', database: 'shop' }),
        clients,
      );
      const reading = async (many: number): Promise<unknown> => {
        const until = crowd.reads + many;
        return waitFor({ what: 'clients to go on', ...patience }, () => (crowd.reads > until ? true : undefined));
      };
      await reading(200);

      await loadIsAskedOfGreen(teal, loadSpec(file, env), folder, reading);

      // On green alone the subquery has two rows.
      const planted = `select if(@@port = ${green.port}, (select 1 union select 2), 1)`;
      expect(await teal('cutover')).toMatchObject({ code: 0 });
      await reading(200);
      expect(crowd.failures).toEqual([]);
      expect(readStatus(loadSpec(file, env)).live).toBe('green');
      crowd.alsoAsks = planted;
      await untilBlue();
      crowd.alsoAsks = undefined;
      using reader = openJournalReader(join(folder, '.teal', 'shop'));
      expect(reader.refresh().rollbacks.at(-1)).toMatchObject({
        by: 'soak.rollBackOn',
        reason: expect.stringMatching(/fail.* no, \d+ times in a row.*class 21/),
      });
      expect(crowd.failures.length).toBeGreaterThan(0);
      expect(crowd.failures.filter((failure) => !/Subquery returns more than 1 row/.test(failure))).toEqual([]);

      crowd.failures.length = 0;
      await judgedBy('{ p95: 2x }');
      await reading(200);
      expect(await teal('cutover')).toMatchObject({ code: 0 });
      await roots.green.query('drop index by_email on shop.customer');
      await untilBlue();
      expect(reader.refresh().rollbacks.at(-1)).toMatchObject({
        by: 'soak.rollBackOn',
        reason: expect.stringMatching(/p95 at most 2 times .* no, \d+ times in a row/),
      });
      await reading(60);
      await crowd.stop();
      expect(crowd.failures).toEqual([]);
      const [rows] = await roots.blue.query<RowDataPacket[]>(`select concat(client, '-', n) as name from shop.entry`);
      expect(rows.map((row) => String(row['name'])).toSorted()).toEqual(crowd.acknowledged.toSorted());
    },
  );
});
