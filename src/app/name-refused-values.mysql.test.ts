import { describe, expect, test } from 'vitest';
import { isTested } from '../../test/support/mysql.ts';
import { greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { asMysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { must } from '../kernel/assert.ts';
import { isTealError, type TealError } from '../kernel/errors.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import { targetTables } from '../mapping/target-tables.ts';
import { copyInEpochs } from '../sync/epochs.ts';
import { translatedTarget } from '../sync/translated-target.ts';
import { connect } from '../systems/mysql/connection.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { mysqlSnapshotKeeper } from '../systems/mysql/snapshot.ts';
import { connect as connectPostgres } from '../systems/postgres/connection.ts';
import { postgresCopyTarget } from '../systems/postgres/copy-target.ts';
import { installTealSchema } from '../systems/postgres/teal-schema.ts';
import { namingRefusedValues } from './name-refused-values.ts';

const signal = new AbortController().signal;

describe.for(['mysql-8.0', 'mariadb-11.4'].map(asMysqlSeries))('a copy of %s', (series) => {
  const tested = isTested(series);
  test.skipIf(!tested)('names table, column and key of a value that PostgreSQL refuses, and no value', async () => {
    await using server = await startMysql({ series });
    const url = `mysql://root@127.0.0.1:${server.port}/`;
    await using blue = await connect({ url, applicationName: 'teal test' });
    for (const sql of [
      'create database shop',
      `create table shop.flags (shop int not null, id int not null, note varchar(60), flag tinyint(1), primary key (shop, id)) engine=InnoDB`,
      `insert into shop.flags values (1, 1, 'a secret', 1), (1, 2, 'a secret', 5), (1, 3, 'a secret', null), (2, 1, 'a secret', 7)`,
      'create table shop.loose (flag tinyint(1), size smallint) engine=InnoDB',
      'insert into shop.loose values (0, 0), (9, 1)',
    ])
      await blue.query(sql);
    const catalog = await readCatalog(blue, 'shop');
    const mapping = mapCatalog(catalog, { postgresMajor: 16 });
    await using green = await testDatabase(greenMajor());
    await green.query(
      `create schema shop; create table shop.flags (shop int, id int, note varchar(60), flag boolean); create table shop.loose (flag boolean, size smallint)`,
    );
    {
      await using control = await connectPostgres({ url: green.url, applicationName: 'teal test' });
      await installTealSchema(control, 'green');
    }
    const others = targetTables(mapping);
    const target = namingRefusedValues(
      translatedTarget(
        postgresCopyTarget(green.url),
        catalog.tables.map((table, at) => [table, must(others[at], 'the table of green')] as const),
      ),
      url,
      mapping,
    );
    const refusal = async (name: string): Promise<TealError> => {
      const tables = catalog.tables.filter((table) => table.name === name);
      await using keeper = mysqlSnapshotKeeper({ url, tables, sessions: 1 });
      const error: unknown = await copyInEpochs({ keeper, target, tables, workers: 1, signal }).catch(
        (thrown: unknown) => thrown,
      );
      await keeper.letGo(signal);
      if (!isTealError(error)) throw error;
      return error;
    };

    const error = await refusal('flags');
    expect(error).toMatchObject({
      code: 'TEAL-SYNC-134',
      message: expect.stringContaining('shop.flags.flag holds a tinyint(1) that is neither 0 nor 1'),
      facts: { schema: 'shop', table: 'flags', column: 'flag', key: ['shop', 'id'], sqlState: '22P02' },
    });
    expect(JSON.stringify({ ...error.facts, message: error.message })).not.toContain('a secret');
    // The statements of the error do what it says of them.
    const { rows } = await blue.query(String(error.facts['rows']));
    expect(rows).toEqual([
      { shop: '1', id: '2' },
      { shop: '2', id: '1' },
    ]);
    await blue.query(String(error.facts['mend']));
    expect((await blue.query(String(error.facts['rows']))).rows).toEqual([]);

    expect(await refusal('loose')).toMatchObject({ code: 'TEAL-SYNC-134', facts: { column: 'flag', key: [] } });
    // Where nothing is known that could be wrong, or is found, the table is told all the same.
    await blue.query('update shop.loose set flag = 1');
    await green.query('alter table shop.loose alter size type boolean using null');
    await blue.query('update shop.loose set size = 5');
    const { facts, message } = await refusal('loose');
    expect(message).toContain('shop.loose holds a value that green does not take');
    expect(facts).toMatchObject({ schema: 'shop', table: 'loose', look: expect.stringContaining('no row') });
    expect(facts).not.toHaveProperty('column');
  });
});
