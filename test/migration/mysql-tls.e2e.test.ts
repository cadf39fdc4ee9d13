import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
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

const passwords = { teal: 'of the administrator', app: 'of the application' };

const onBlue: readonly string[] = [
  'create table shop.sale (id int auto_increment primary key, note varchar(60) not null) engine=InnoDB',
  'insert into shop.sale (note) with recursive n as (select 1 as i union all select i + 1 from n where i < 500) select i from n',
];

describe.for(pairs)('%s to %s', ([from = 'mysql-8.0', to = from]) => {
  const tested = isTested(from) && isTested(to);
  test.skipIf(!tested)('every session of a whole life goes by TLS, and checks the server', async () => {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(await makeCertificates());
    const { authorityFile, client } = certificates;
    const blue = stack.use(await startTlsMysql(certificates, { series: from }));
    const green = stack.use(await startTlsMysql(certificates, { series: to }));
    await onlyByTls(blue, onBlue);
    // Who administers green shows a certificate, too.
    await onlyByTls(green, [`alter user teal@'%' require x509`]);
    const shown = { cert: join(dirname(authorityFile), 'proxy.crt'), key: join(dirname(authorityFile), 'proxy.key') };
    await writeFile(shown.cert, certificates.server.certificate);
    await writeFile(shown.key, certificates.server.key);
    await using life = await Life.begin({
      name: 'tls',
      systems: { blue: blue.flavour, green: green.flavour },
      blueUrl: address(blue, { 'ssl-mode': 'VERIFY_IDENTITY', 'ssl-ca': authorityFile }),
      greenUrl: address(green, {
        'ssl-mode': 'VERIFY_CA',
        'ssl-ca': authorityFile,
        'ssl-cert': client.certificateFile,
        'ssl-key': client.keyFile,
      }),
      clientAuth: 'password',
      tls: shown,
      maxPause: '20s',
    });
    const ca = await readFile(authorityFile, 'utf8');
    const report = await life.live(async (url, turn) => {
      const session = await createConnection({
        host: '127.0.0.1',
        port: Number(new URL(url).port),
        user: 'app',
        password: passwords.app,
        database: 'shop',
        ssl: { ca, rejectUnauthorized: true },
      });
      try {
        await session.execute('insert into sale (note) values (?)', [`turn ${turn}`]);
        const [rows] = await session.query<RowDataPacket[]>(`show session status like 'Ssl_cipher'`);
        expect(rows).toEqual([{ Variable_name: 'Ssl_cipher', Value: expect.stringMatching(/./) }]);
      } finally {
        await session.end();
      }
    });
    expect(report.pausesMs).toHaveLength(3);
    await using root = await encrypted(green);
    const { rows } = await root.query(`select note from shop.sale where note like 'turn %' order by id`);
    expect(rows.map(({ note }) => note)).toEqual(['turn 0', 'turn 1', 'turn 2', 'turn 3']);
  });
});

function address(server: MysqlServer, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters).toString();
  return `mysql://teal:${encodeURIComponent(passwords.teal)}@127.0.0.1:${server.port}/shop?${query}`;
}

async function encrypted(server: MysqlServer): Promise<MysqlConnection> {
  return connect({ url: `mysql://root@127.0.0.1:${server.port}/?ssl-mode=REQUIRED`, applicationName: 'a test' });
}

/** The accounts and `statements`; from then on the server refuses whoever comes in the clear. Leaves no session: an administrator's own would stand in a fence's way. */
async function onlyByTls(server: MysqlServer, statements: readonly string[]): Promise<void> {
  await using root = await encrypted(server);
  const accounts = [
    'create database shop',
    `create user teal@'%' identified by '${passwords.teal}'`,
    `grant all on *.* to teal@'%' with grant option`,
    `create user app@'%' identified by '${passwords.app}' require ssl`,
    `grant select, insert, update, delete on shop.* to app@'%'`,
  ];
  for (const sql of [...accounts, ...statements, 'set global require_secure_transport = on']) await root.query(sql);
  const inTheClear = connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'a test' });
  await expect(inTheClear).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-007' });
}
