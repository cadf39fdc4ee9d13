import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { connect } from '../../src/systems/postgres/connection.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { makeCertificates } from '../support/certificates.ts';
import { blueMajor, greenMajor, onDatabase, ownServer } from '../support/postgres.ts';
import { Life } from '../support/whole-life.ts';

test('every session of a whole life goes by TLS, and checks the server as the address says', async () => {
  await using certificates = await makeCertificates();
  const { authorityFile, server: ssl } = certificates;
  await using strangers = await makeCertificates();
  const options = {
    auth: 'scram-sha-256',
    superuserPassword: 'of the administrator',
    ssl,
    settings: { log_connections: 'on', logging_collector: 'off' },
  } as const;
  await using blue = await ownServer(blueMajor(), options);
  await using green = await ownServer(greenMajor(), options);
  for (const server of [blue, green]) await onlyByTls(server, server === blue);
  const address = (server: PostgresServer, mode: string, rootFile = authorityFile): string => {
    const url = new URL(onDatabase(server.url, 'shop'));
    url.search = `?sslmode=${mode}&sslrootcert=${encodeURIComponent(rootFile)}`;
    return url.href;
  };
  const deceived = connect({
    url: address(blue, 'verify-ca', strangers.authorityFile),
    applicationName: 'teal-test',
  });
  await expect(deceived).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-004' });
  await using life = await Life.begin({
    name: 'tls',
    blueUrl: address(blue, 'verify-full'),
    greenUrl: address(green, 'verify-ca'),
    tools: await pgTools(blueMajor(), greenMajor()),
    clientAuth: 'scram',
  });
  const report = await life.live(async (url, turn) => {
    const asApp = Object.assign(new URL(url), { username: 'app', password: 'of the application' });
    const client = new Client({ connectionString: asApp.href });
    await client.connect();
    await client.query(`insert into sale (note) values ('turn ${turn}')`);
    await client.end();
  });
  expect(report.pausesMs).toHaveLength(3);
  for (const server of [blue, green]) {
    const sessions = (await readFile(server.logFile, 'utf8')).match(/connection authorized: [^\n]*/g) ?? [];
    const plain = sessions.filter((line) => !line.includes('SSL enabled'));
    expect(plain, `of ${sessions.length} sessions on ${server.major}`).toEqual([]);
    const names = ['teal copy', 'teal apply', 'teal schema', 'teal roles'];
    expect(names.filter((name) => !sessions.some((line) => line.includes(name)))).toEqual([]);
  }
});

/** From here on the server refuses whoever comes without. */
async function onlyByTls(server: PostgresServer, isBlue: boolean): Promise<void> {
  const url = new URL(server.url);
  url.search = '?sslmode=no-verify';
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query('create database shop');
  await client.end();
  url.pathname = '/shop';
  const shop = new Client({ connectionString: url.href });
  await shop.connect();
  if (isBlue) {
    await shop.query(`create table sale (id bigserial primary key, note text);
      create role app login password 'of the application'; alter table sale owner to app;
      insert into sale (note) select 'n' || n from generate_series(1, 500) n`);
  }
  await writeFile(
    join(server.dataDir, 'pg_hba.conf'),
    'hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n',
  );
  await shop.query('select pg_reload_conf()');
  await shop.end();
}
