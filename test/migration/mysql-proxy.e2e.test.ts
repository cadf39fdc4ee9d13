import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { sleep } from '../../src/kernel/clock.ts';
import type { MigrationEvent } from '../../src/app/events.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { connect } from '../../src/systems/mysql/connection.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { asMysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { isLong } from '../support/long.ts';
import { isTested } from '../support/mysql.ts';

/** `mysql-8.0>mysql-8.0,mariadb-10.11>mysql-8.0`: from which series to which. */
const pairs = (
  process.env['TEAL_MYSQL_PAIRS'] ?? (isLong ? 'mysql-8.0>mysql-8.0,mariadb-10.11>mariadb-11.4' : 'mysql-8.0>mysql-8.0')
)
  .split(',')
  .map((pair) => pair.split('>').map(asMysqlSeries));

const password = 'not-to-be-found';
const clients = 8;

const schema = [
  'create database shop character set utf8mb4 collate utf8mb4_general_ci',
  'create table shop.account (id int primary key, balance bigint not null) engine=InnoDB',
  'create table shop.entry (id bigint auto_increment primary key, client int not null, n int not null, note varchar(60) not null, unique key once (client, n)) engine=InnoDB',
  'create table shop.word (id int auto_increment primary key, term varchar(60) not null) engine=InnoDB',
  `insert into shop.account with recursive n as (select 1 as i union all select i + 1 from n where i < 50) select i, 1000 from n`,
];

/** Writes until told to end, and remembers what it was told is stored. The first statement that fails fails the test. */
async function client(port: number, number: number, signal: AbortSignal): Promise<number> {
  const session = await createConnection({ host: '127.0.0.1', port, user: 'app', password, database: 'shop' });
  try {
    await session.query('set @tenant = ?', [`tenant ${number}`]);
    let n = 0;
    for (; !signal.aborted; n += 1) {
      const [from, to] = [1 + ((number * 7 + n) % 50), 1 + ((number * 11 + n * 3 + 1) % 50)].toSorted((a, b) => a - b);
      await session.beginTransaction();
      await session.execute('update account set balance = balance - 1 where id = ?', [from ?? 1]);
      await session.execute('update account set balance = balance + 1 where id = ?', [to ?? 1]);
      await session.execute('insert into entry (client, n, note) values (?, ?, @tenant)', [number, n]);
      await session.commit();
      await sleep(5);
    }
    return n;
  } finally {
    await session.end();
  }
}

/** What shadow writes try in a copy. */
async function author(port: number, signal: AbortSignal): Promise<void> {
  const session = await createConnection({ host: '127.0.0.1', port, user: 'app', password, database: 'shop' });
  try {
    while (!signal.aborted) {
      const [{ insertId }] = await session.execute<ResultSetHeader>(`insert into word (term) values ('first')`);
      await session.execute(`update word set term = concat(term, ', then') where id = ?`, [insertId]);
      await sleep(10);
    }
  } finally {
    await session.end();
  }
}

describe.for(pairs)('%s to %s through the proxy', ([from = 'mysql-8.0', to = from]) => {
  const tested = isTested(from) && isTested(to);
  test.skipIf(!tested)('two cuts and the way back fail no statement, and lose and double none', async () => {
    await using stack = new AsyncDisposableStack();
    const servers = {
      blue: stack.use(await startMysql({ series: from })),
      green: stack.use(await startMysql({ series: to })),
    };
    const roots = {
      blue: stack.use(
        await connect({ url: `mysql://root@127.0.0.1:${servers.blue.port}/`, applicationName: 'a test' }),
      ),
      green: stack.use(
        await connect({ url: `mysql://root@127.0.0.1:${servers.green.port}/`, applicationName: 'a test' }),
      ),
    };
    for (const sql of schema) await roots.blue.query(sql);
    for (const root of [roots.blue, roots.green]) {
      await root.query(`create user app@'%' identified by '${password}'`);
      await root.query(`grant select, insert, update, delete on shop.* to app@'%'`);
    }
    // Writes are tried there by an account that has gone when green is live.
    await roots.green.query('create database shop_copy');
    await roots.green.query('create table shop_copy.word (id int auto_increment primary key, term varchar(60))');
    const folder = await mkdtemp(join(tmpdir(), 'teal-mysql-proxy-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const [file, port] = [join(folder, 'teal.yaml'), await freePort()];
    await writeFile(
      file,
      `teal: 1\nname: shop\nblue: { system: ${servers.blue.flavour}, url: "\${BLUE_URL}" }\ngreen: { system: ${servers.green.flavour}, url: "\${GREEN_URL}" }\n` +
        `traffic: { router: proxy, listen: "127.0.0.1:${port}" }\ncutover: { maxPause: 20s, drain: 10s, lockTimeout: 5s, gates: [{ verify: full }, { person: tester }] }\n` +
        'shadow: { writes: 100%, scratch: shop_copy, for: 1s, atLeast: 20 }\n',
    );
    const cuts: MigrationEvent[] = [];
    await using migration = await openMigration({
      file,
      env: {
        ...process.env,
        BLUE_URL: `mysql://root@127.0.0.1:${servers.blue.port}/shop`,
        GREEN_URL: `mysql://root@127.0.0.1:${servers.green.port}/`,
      },
      command: 'up',
      signal: AbortSignal.timeout(550_000),
      onEvent: (event) => {
        if (event.kind === 'cut') cuts.push(event);
      },
    });
    stack.defer(async () => migration.stopProcesses());
    const stop = new AbortController();
    const crowd = Promise.all(Array.from({ length: clients }, async (_, number) => client(port, number, stop.signal)));
    // Whoever asks for the result hears of it.
    crowd.catch(() => undefined);
    const written = new AbortController();
    const words = author(port, written.signal);
    words.catch(() => undefined);
    try {
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      written.abort();
      await words;
      const tried = await roots.green.query(`select count(*) > 9 as n, max(term) as term from shop_copy.word`);
      expect(tried.rows).toEqual([{ n: '1', term: 'first, then' }]);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
      await expect
        .poll(async () => (await roots.green.query(`select user from mysql.user where user like 'teal%'`)).rows, {
          timeout: 20_000,
        })
        .toEqual([]);
      expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
    } finally {
      stop.abort();
      written.abort();
      await Promise.allSettled([crowd, words]);
    }
    const told = await crowd;
    expect(cuts).toHaveLength(3);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    const { rows } = await roots.green.query(
      `select client as client, count(*) as n, max(n) as last, count(distinct note) as notes, max(note) as note from shop.entry group by client order by client`,
    );
    expect(rows).toEqual(
      told.map((n, number) => ({
        client: String(number),
        n: String(n),
        last: String(n - 1),
        notes: '1',
        note: `tenant ${number}`,
      })),
    );
    expect((await roots.green.query('select sum(balance) as sum from shop.account')).rows).toEqual([{ sum: '50000' }]);
    expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    const late = await createConnection({ host: '127.0.0.1', port, user: 'app', password, database: 'shop' });
    const [still] = await late.query<RowDataPacket[]>('select count(*) as n from entry');
    expect(Number(still[0]?.['n'])).toBe(told.reduce((sum, n) => sum + n, 0));
    await late.end();
    await migration.closeTraffic();
  });
});
