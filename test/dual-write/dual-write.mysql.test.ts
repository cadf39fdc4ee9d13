import { describe, expect, test } from 'vitest';
import { openDualWrite, reconcile, type DualWrite } from '../../src/app/dual-write/index.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { isTested } from '../support/mysql.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const columns = `id int unsigned primary key, name varchar(60) not null unique, active tinyint(1) null, balance decimal(10,2) not null, seen datetime(3) null, spent time null`;
const columnsOnPostgres = `id bigint primary key, name text not null unique, active boolean, balance numeric(10,2) not null, seen timestamp, spent interval`;

interface Customer {
  readonly id: number;
  readonly name: string;
  readonly active: boolean | null;
}

/** The first write, and the note of it, in one transaction. */
async function save(client: MysqlConnection, dual: DualWrite, customer: Customer): Promise<string> {
  const note = dual.note({ entity: 'customer', key: String(customer.id), operation: 'save', argument: customer });
  await client.transaction(async () => {
    await client.query(
      `insert into shop.customers values (?, ?, ${customer.active ?? 'null'}, 7.50, '2024-02-29 01:02:03.4', '-30:00:01')`,
      [customer.id, customer.name],
    );
    const [sql, values] = note.statement;
    await client.query(sql, values);
  });
  return note.id;
}

const savesIn =
  (green: TestDatabase) =>
  async ({ argument }: { readonly argument: unknown }): Promise<void> => {
    const { id, name, active } = argument as Customer;
    const client = await green.connect();
    try {
      await client.query(
        `insert into customers values ($1, $2, $3, 7.5, '2024-02-29 01:02:03.4', '-30:00:01') on conflict (id) do nothing`,
        [id, name, active],
      );
    } finally {
      await client.end();
    }
  };

const series = ['mysql-8.0', 'mariadb-11.4'] as const;

describe.for(series)('dual write from %s', (each) => {
  test.skipIf(!isTested(each))(
    'makes each noted write in PostgreSQL, and the reconciler mends strays there and in another database of the family',
    async () => {
      await using server = await startMysql({ series: each });
      await using green = await testDatabase(18);
      const at = (database: string): string => `mysql://root@127.0.0.1:${server.port}/${database}`;
      await using client = await connect({ url: at(''), applicationName: 'a client' });
      for (const sql of ['create database shop', 'create database copied', 'use shop']) await client.query(sql);
      for (const database of ['shop', 'copied']) await client.query(`create table ${database}.customers (${columns})`);
      await green.query(`create table customers (${columnsOnPostgres})`);
      const rows = async (url: string): Promise<unknown> => {
        const database = url.split('/').at(-1);
        return (await client.query(`select * from ${database}.customers order by id`)).rows;
      };

      await using dual = await openDualWrite({ from: at('shop'), second: savesIn(green) });
      await save(client, dual, { id: 1, name: 'one', active: true });
      await save(client, dual, { id: 2, name: 'two é', active: null });
      const last = await save(client, dual, { id: 4_000_000_000, name: 'three', active: false });
      expect(await dual.done(last, 60_000)).toBe('written');

      const toPostgres = { from: at('shop'), to: green.url, tables: ['customers'], schemas: { shop: 'public' } };
      expect(await reconcile(toPostgres)).toMatchObject({ rows: 3n, seen: 0, rate: 1 });
      await green.query(
        `update customers set active = not active where id = 1; delete from customers where id = 4000000000; insert into customers values (9, 'stray', null, 1)`,
      );
      expect(await reconcile({ ...toPostgres, repair: false })).toMatchObject({ different: 3, repaired: 0 });
      expect(await reconcile(toPostgres)).toMatchObject({ different: 3, repaired: 3 });
      expect(await reconcile(toPostgres)).toMatchObject({ rows: 3n, seen: 0 });
      expect(await green.query('select id, active, balance, spent::text from customers order by id')).toMatchObject([
        { id: '1', active: 't', balance: '7.50', spent: '-30:00:01' },
        { id: '2', active: null },
        { id: '4000000000', active: 'f' },
      ]);

      // What stands in the way of a row goes in the same round or the next.
      const toFamily = { from: at('shop'), to: at('copied'), tables: ['customers'], schemas: { shop: 'copied' } };
      await client.query(`insert into copied.customers values (99, 'one', 1, 1, null, null)`);
      const first = await reconcile(toFamily);
      expect(first).toMatchObject({ seen: 4, different: 4 });
      expect(first.repaired + first.unsettled).toBe(4);
      await reconcile(toFamily);
      expect(await reconcile(toFamily)).toMatchObject({ rows: 3n, seen: 0, rate: 1 });
      expect(await rows(at('copied'))).toEqual(await rows(at('shop')));

      // The other way round, once the application has turned.
      await using back = await openDualWrite({ from: green.url, second: async () => undefined });
      const toMysql = { from: green.url, to: at('shop'), tables: ['customers'], schemas: { public: 'shop' } };
      await green.query('update customers set active = true where id = 2');
      expect(await reconcile(toMysql)).toMatchObject({ different: 1, repaired: 1 });
      expect(await reconcile(toMysql)).toMatchObject({ rows: 3n, seen: 0 });
      expect(await back.status()).toMatchObject({ pending: 0 });

      await green.query('alter table customers alter column seen type timestamptz');
      await expect(reconcile(toPostgres)).rejects.toThrow(/TEAL-DUALWRITE-010.*shop\.customers\.seen/);
    },
  );
});
