import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { controlPath } from '../../src/app/control-path.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import type { ShadowTally } from '../../src/ports/shadow.ts';
import { connect } from '../../src/systems/mysql/connection.ts';
import { ProxyRouter } from '../../src/traffic/proxy/client.ts';
import { asMysqlSeries } from '../../tools/servers/install-mysql.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startTlsMysql } from '../support/mysql-tls.ts';
import { isTested } from '../support/mysql.ts';
import { Life } from '../support/whole-life.ts';

/** `mysql-8.0>mariadb-11.4`: from which series to which. */
const pairs = (process.env['TEAL_MYSQL_PAIRS'] ?? 'mysql-8.0>mariadb-11.4')
  .split(',')
  .map((pair) => pair.split('>').map(asMysqlSeries));

const soon = { timeoutMs: 120_000 };
const password = 'of the application';
/** Of each type a column. */
const kinds = `id int auto_increment primary key, tiny tinyint(1), whole int unsigned zerofill, big bigint unsigned, exact decimal(12,4), single float, twice double, bits bit(5),
  day date, at datetime(6), stamp timestamp(3) null default null, hour time(2), in_year year, fixed char(4), words varchar(60), bytes varbinary(60), note text, photo mediumblob, mood enum('calm', 'busy'), tags set('a', 'b'),
  doc json, spot point, half decimal(12,4) generated always as (exact / 2) virtual`;
const onBlue: readonly string[] = [
  `create table shop.kind (${kinds}) engine=InnoDB`,
  `insert into shop.kind (tiny, whole, big, exact, single, twice, bits, day, at, stamp, hour, in_year, fixed, words, bytes, note, photo, mood, tags, doc, spot)
    values (1, 7, 18446744073709551615, 1234.5678, 0.1, 1e100, b'10101', '2026-02-03', '2026-02-03 04:05:06.789012', '2026-02-03 04:05:06.789', '-12:30:00.25', 1999, 'ab', 'café 😀', x'00ff', 'note', x'80ff', 'busy', 'a,b',
      '{"n": 1, "list": [true, null, "two"]}', point(1.5, -2)), (0, null, null, null, null, null, null, null, null, null, null, null, null, '', null, null, null, null, '', null, null)`,
  'create table shop.orders (id int primary key, customer int, note varchar(100), seen int not null default 0, key of_customer (customer)) engine=InnoDB',
  `insert into shop.orders (id, customer, note) with recursive n as (select 1 as i union all select i + 1 from n where i < 300) select (a.i - 1) * 200 + b.i, ((a.i - 1) * 200 + b.i) % 2000, repeat('x', 100) from n a join n b on b.i <= 200`,
];
const reads: readonly string[] = [
  'select * from kind order by id',
  'select tiny, whole, big, exact, single, twice, bits, half from kind',
  'select doc, mood, tags, spot from kind where id = 1',
  'select count(*), sum(exact), avg(whole), max(at), group_concat(words), min(doc) from kind',
  `select concat(words, note), date_format(at, '%Y'), coalesce(mood, 'none'), if(tiny, 'yes', 'no'), cast(exact as signed), exact * 2, whole / 3, hex(bytes) from kind order by id`,
  "select 1 as one, null as nothing, true as yes, 1.5 as half, 1e3 as much, x'41' as letter, 'text' as text",
];

/** Reads and writes by Teal's proxy for as long as it is not disposed of. Its failure is the test's. */
class Client implements AsyncDisposable {
  failure: unknown;
  readonly #session: Connection;
  /** A row that it alone writes. */
  readonly #own: number;
  readonly #working: Promise<void>;
  #ended = false;

  constructor(session: Connection, own: number) {
    this.#session = session;
    this.#own = own;
    this.#working = this.#work();
  }

  async #work(): Promise<void> {
    try {
      let written = 0;
      for (let round = 1; !this.#ended; round += 1) {
        for (const sql of round % 10 === 1 ? reads : []) {
          await this.#session.query(sql);
          await this.#session.execute(sql);
        }
        const [rows] = await this.#session.execute('select id from orders where customer = ?', [round % 2_000]);
        if (!Array.isArray(rows) || rows.length !== 30) throw new Error('other rows than 30');
        if (round % 10 === 5) {
          await this.#session.query('update orders set seen = ? where id = ?', [round, this.#own]);
          written = round;
        }
        // Whoever answers it: what the session wrote last is there.
        const [seen] = await this.#session.query<RowDataPacket[]>('select seen from orders where id = ?', [this.#own]);
        if (seen[0]?.['seen'] !== written) throw new Error(`${round}: ${String(seen[0]?.['seen'])}`);
        await sleep(5);
      }
    } catch (error) {
      this.failure = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#working;
    await this.#session.end();
  }
}

describe.for(pairs)('%s to %s', ([from = 'mysql-8.0', to = from]) => {
  const tested = isTested(from) && isTested(to);
  test.skipIf(!tested)(
    'before the cut green is asked what clients read, who come by TLS to a proxy of two processes, and answers it as long as it is not slower',
    async () => {
      await using stack = new AsyncDisposableStack();
      const certificates = stack.use(await makeCertificates());
      const [blue, green] = await Promise.all([
        startTlsMysql(certificates, { series: from }),
        startTlsMysql(certificates, { series: to }),
      ]);
      stack.use(blue);
      stack.use(green);
      await prepare(blue, onBlue);
      // From MariaDB a client proves itself by a method that MySQL does not give an account by itself.
      const method = blue.flavour === 'mariadb' && green.flavour === 'mysql' ? 'with mysql_native_password' : '';
      await prepare(green, [], method);
      const { authorityFile } = certificates;
      const shown = { cert: join(dirname(authorityFile), 'proxy.crt'), key: join(dirname(authorityFile), 'proxy.key') };
      await writeFile(shown.cert, certificates.server.certificate);
      await writeFile(shown.key, certificates.server.key);
      const env = { ssl: 'VERIFY_CA', file: authorityFile };
      const urlOf = (server: MysqlServer): string =>
        `mysql://root@127.0.0.1:${server.port}/shop?${new URLSearchParams({ 'ssl-mode': env.ssl, 'ssl-ca': env.file }).toString()}`;
      await using life = await Life.begin({
        name: 'reads',
        systems: { blue: blue.flavour, green: green.flavour },
        blueUrl: urlOf(blue),
        greenUrl: urlOf(green),
        clientAuth: 'password',
        tls: shown,
        processes: 2,
        maxPause: '20s',
        spec: 'shadow: { reads: 100%, for: 2s, atLeast: 100 }\ncanary: { reads: 100%, hold: 3s, atLeast: 300 }\n',
        gates: '[{ person: tester }]',
      });
      const router = new ProxyRouter(controlPath(join(life.folder, '.teal', 'reads'), 'proxy'));
      const ca = await readFile(authorityFile, 'utf8');
      const opened = (async () => {
        const connectOne = async (own: number): Promise<Client> => {
          const session = await waitFor({ what: 'the proxy to take clients', ...soon }, async () =>
            createConnection({
              host: '127.0.0.1',
              port: Number(new URL(life.proxyUrl).port),
              user: 'app',
              password,
              database: 'shop',
              ssl: { ca, rejectUnauthorized: true },
            }).catch(() => undefined),
          );
          return new Client(session, own);
        };
        return Promise.all([1, 2, 3].map(connectOne));
      })();
      const found = async (): Promise<ShadowTally> => router.shadow.tally();
      const toldOf = async (what: string, look: (tally: ShadowTally) => boolean): Promise<ShadowTally> =>
        waitFor({ what, ...soon }, async () => {
          const tally = await found().catch(() => undefined);
          return tally !== undefined && look(tally) ? tally : undefined;
        });
      const failed = life.migration.up().catch((error: unknown) => error);
      await using clients = new AsyncDisposableStack();
      for (const client of await opened) clients.use(client);
      const compared = toldOf('a read to be compared', ({ equal }) => equal > 0);
      expect(await Promise.race([compared, failed])).toMatchObject({ share: 1 });
      // An index that is missing there ends the canary by itself, and once it is made the step is held.
      {
        await using root = await connect({ url: urlOf(green), applicationName: 'a test' });
        await root.query('drop index of_customer on shop.orders');
        // Those of a busy client too.
        await toldOf('every session to be watched', ({ sessionsLeftOut }) => sessionsLeftOut === 0);
        const all = await toldOf(
          'all reads to be compared',
          ({ statements }) => statements.length === reads.length + 2,
        );
        expect(all).toMatchObject({ real: 0, unanswered: 0, share: 1 });
        const caught = await failed;
        expect(caught).toMatchObject({ code: 'TEAL-STAGES-160' });
        expect(String(caught)).toMatch(/green is slower: p50 .* p = .*: select id from orders where customer = \?/);
        expect(await router.canary.tally()).toMatchObject({ share: 0 });
        await root.query('create index of_customer on shop.orders (customer)');
      }
      expect(await life.timed('up', async () => life.migration.up())).toMatchObject({
        outcome: 'waiting',
        live: 'blue',
      });
      expect(await found()).toMatchObject({ real: 0, unanswered: 0 });
      const held = await router.canary.tally();
      expect(held).toMatchObject({ share: 0, errors: 0, unanswered: 0 });
      expect(held.reads).toBeGreaterThanOrEqual(300);
      const onGreen = held.statements.filter(({ green: counts }) => Object.keys(counts).length > 0);
      expect(onGreen).toHaveLength(reads.length + 2);
      expect(await life.timed('cutover', async () => life.migration.cutover())).toMatchObject({ live: 'green' });
      for (const client of await opened) expect(client.failure).toBe(undefined);
    },
  );
});

async function prepare(server: MysqlServer, statements: readonly string[], method = ''): Promise<void> {
  await using root = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'a test' });
  const accounts = [
    'create database shop',
    `create user app@'%' identified ${method} by '${password}' require ssl`,
    `grant select, insert, update, delete on shop.* to app@'%'`,
  ];
  for (const sql of [...accounts, ...statements]) await root.query(sql);
}
