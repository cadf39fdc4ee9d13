import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/stages/assess/finding.ts';
import { connect } from '../../src/systems/mysql/connection.ts';
import { asPostgresMajor } from '../../tools/servers/install-postgres.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { startPostgres } from '../../tools/servers/postgres.ts';
import { withClient } from '../../tools/servers/with-client.ts';
import { allSeries } from '../support/mysql.ts';
import { runNode } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const shop = [
  'create database shop',
  `create table shop.customer (id int unsigned not null auto_increment primary key, email varchar(100) not null unique, active tinyint(1) not null,
    born date, level enum('new', 'old') not null default 'new') engine=innodb default charset=utf8mb4 collate utf8mb4_general_ci`,
  `create table shop.visit (id bigint not null primary key, customer int unsigned not null, at datetime(3),
    foreign key (customer) references shop.customer (id)) engine=innodb`,
  'create view shop.recent as select id from shop.visit',
];

async function spoil(server: MysqlServer): Promise<void> {
  await using root = await connect({ url: urlOf(server), applicationName: 'teal test' });
  for (const sql of shop) await root.query(sql);
  await root.query(
    `insert into shop.customer values (1, 'a@x', 1, '2000-01-01', 'new'), (2, 'b@x', 3, '0000-00-00', 'old')`,
  );
  await root.query(`insert into shop.visit values (7, 1, '2024-01-01 10:00:00.5')`);
}

function urlOf({ port }: MysqlServer, database = ''): string {
  return `mysql://root@127.0.0.1:${port}/${database}`;
}

interface Place extends AsyncDisposable {
  readonly folder: string;
  teal(...args: readonly string[]): ReturnType<typeof runNode>;
}

async function placeWith(text: string, env: Readonly<Record<string, string>>): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-assess-'));
  await writeFile(join(folder, 'teal.yaml'), text);
  return {
    folder,
    teal: async (...args) => runNode(folder, { ...(process.env as Record<string, string>), ...env }, tealMain, ...args),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
  };
}

const file = (system: string, more = ''): string =>
  `teal: 1\nname: shop\nblue: { system: ${system}, url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n${more}`;

function codes(out: string): readonly string[] {
  return (JSON.parse(out) as { findings: Finding[] }).findings.map(({ code }) => code);
}

describe.each(allSeries.map(({ series, tested }) => [series, tested] as const))(
  'from %s to PostgreSQL',
  (series, tested) => {
    test.runIf(tested)(
      'assess tells what a migration would meet, with the mapping and the rows that do not fit',
      async () => {
        await using server = await startMysql({ series });
        await using green = await startPostgres({ major: asPostgresMajor(18) });
        await spoil(server);
        const env = { BLUE_URL: urlOf(server, 'shop'), GREEN_URL: green.url };
        await using place = await placeWith(file(server.flavour), env);

        const unread = await place.teal('assess', '--json');
        expect(codes(unread.out), unread.err).toContain('ASSESS-MYSQL-DATA-UNREAD');

        const mapping = join(place.folder, 'mapping.md');
        const read = await place.teal('assess', '--json', '--profile', '--mapping', mapping);
        expect(read.code, read.err).toBe(3);
        const { findings } = JSON.parse(read.out) as { findings: Finding[] };
        const data = findings.filter(({ code }) => code.startsWith('ASSESS-MYSQL-DATA'));
        expect(data.map(({ code, object }) => `${code} ${object ?? ''}`).sort()).toEqual([
          'ASSESS-MYSQL-DATA-CHANGES shop.customer (active)',
          'ASSESS-MYSQL-DATA-STOPS shop.customer (born)',
        ]);
        expect(data.find(({ object }) => object?.includes('born'))).toMatchObject({
          what: expect.stringMatching(/^1 × .*id = 2/) as string,
          mend: expect.stringContaining('update `shop`.`customer`') as string,
        });
        expect(findings.map(({ code }) => code)).toContain('ASSESS-MYSQL-VIEW');
        const document = await readFile(mapping, 'utf8');
        expect(document).toContain('smallint');
        expect(document).toContain('timestamp(3)');
        // A look changes nothing.
        expect(
          await withClient(
            green.url,
            async (client) =>
              (await client.query(`select from pg_class where relnamespace = 'public'::regnamespace`)).rowCount,
          ),
        ).toBe(0);
      },
    );

    test.runIf(tested)('what the file says is done, and what cannot be carried both ways is refused', async () => {
      await using server = await startMysql({ series });
      await using green = await startPostgres({ major: asPostgresMajor(14) });
      await spoil(server);
      const env = { BLUE_URL: urlOf(server), GREEN_URL: green.url };
      await using place = await placeWith(
        file(
          server.flavour,
          'mapping: { schemas: { shop: public }, values: { zeroDate: "null" }, tables: { "shop.customer": { columns: { active: { drop: true } } }, "shop.visit": { columns: { id: { expression: "1" } } } } }\n',
        ),
        env,
      );
      const path = join(place.folder, 'mapping.json');
      const read = await place.teal('assess', '--json', '--profile', '--mapping', path);
      expect(codes(read.out), read.err).not.toContain('ASSESS-MYSQL-DATA-STOPS');
      const { findings } = JSON.parse(read.out) as { findings: Finding[] };
      const refused = findings.filter(({ code }) => /-NOT-MOVED$|-NO-WAY-BACK$/.test(code));
      expect(refused.map(({ code, object }) => `${code} ${object ?? ''}`).sort()).toEqual([
        'ASSESS-MYSQL-NO-WAY-BACK shop.customer.active',
        'ASSESS-MYSQL-NOT-MOVED shop.visit.id',
      ]);
      expect(JSON.stringify(JSON.parse(readFileSync(path, 'utf8')))).toContain('"public"');
      for (const command of ['plan', 'up', 'cutover']) {
        expect([command, (await place.teal(command)).code]).toEqual([command, 3]);
      }
    });
  },
);
