import { test } from 'vitest';
import type { MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import type { MatrixTitle } from '../../tools/type-matrix-page.ts';
import { isTested } from '../support/mysql.ts';
import { testDatabase } from '../support/postgres.ts';
import { compareWithPage } from './compare-with-page.ts';
import { observeTypes } from './matrix.ts';
import { mysqlToPostgres, mysqlTwins } from './mysql-pairs.ts';
import { mysqlTypesOf } from './mysql-types.ts';

const settings = { 'max-allowed-packet': '64M' };
const patience = { timeout: 600_000 };

const heterogeneous: readonly (readonly [MysqlSeries, MatrixTitle])[] = [
  ['mysql-8.0', 'MySQL 8.0 → PostgreSQL 18'],
  ['mariadb-11.4', 'MariaDB 11.4 → PostgreSQL 18'],
];
const twins: readonly (readonly [MysqlSeries, MatrixTitle])[] = [
  ['mysql-8.0', 'MySQL 8.0 → MySQL 8.0'],
  ['mariadb-11.4', 'MariaDB 11.4 → MariaDB 11.4'],
];

for (const [series, title] of heterogeneous) {
  test.skipIf(!isTested(series))(`every value of every type, ${title}: what the page says`, patience, async () => {
    await using server = await startMysql({ series, settings });
    await using green = await testDatabase(18);
    await using pair = await mysqlToPostgres(server, green);
    compareWithPage(title, await observeTypes(pair, mysqlTypesOf(server.flavour)));
  });
}

for (const [series, title] of twins) {
  test.skipIf(!isTested(series))(`every value of every type, ${title}: what the page says`, patience, async () => {
    await using blue = await startMysql({ series, settings });
    await using green = await startMysql({ series, settings: { ...settings, 'server-id': '2' } });
    await using pair = await mysqlTwins(blue, green);
    compareWithPage(title, await observeTypes(pair, mysqlTypesOf(blue.flavour)));
  });
}
