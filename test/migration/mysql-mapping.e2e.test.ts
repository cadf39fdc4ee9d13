import { describe, expect, test } from 'vitest';
import type { Migration } from '../../src/app/migration.ts';
import type { MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { longSeriesOr } from '../support/mysql.ts';
import { greenMajor } from '../support/postgres.ts';
import { Place } from './unlike-place.ts';

/** Values that PostgreSQL does not have are in rows 1 to 4. What Teal could not read from the log is in columns that are left out. */
const blue = (series: MysqlSeries): readonly string[] => [
  'create database shop',
  `create table shop.customer (
     id int unsigned not null auto_increment primary key, mail varchar(190) not null, born date not null, seen datetime(3) null, kind enum('person', 'firm') null, note text null,
     legacy varchar(20) not null default 'old', foreign_text varchar(20) character set sjis null,
     packed text ${series.startsWith('mariadb') ? 'compressed' : ''} null, size int null, unique key by_mail (mail), key by_legacy (legacy)) engine=InnoDB`,
  `create table shop.purchase (
     id bigint not null auto_increment primary key, customer int unsigned not null, total decimal(10,2) not null,
     constraint purchase_customer foreign key (customer) references shop.customer (id)
       on delete cascade on update cascade) engine=InnoDB`,
  `create table shop.history (id int not null auto_increment primary key, at datetime not null, what text not null) engine=InnoDB`,
  `set @@session.sql_mode = ''`,
  `insert into shop.customer (mail, born, seen, kind, note, size)
   with recursive n as (select 1 as i union all select i + 1 from n where i < 60)
   select concat('c', i, '@example.org'), if(i < 4, '0000-00-00', '1980-05-17'), if(i in (1, 3), '0000-00-00', '2024-01-01 00:00:00.25'), if(i in (2, 4), 'none', 'firm'),
          if(i = 3, 'with\\0zero', 'plain'), i from n`,
  'insert into shop.purchase (customer, total) select id, id * 1.5 from shop.customer',
  `insert into shop.history (at, what) values ('0000-00-00', 'never carried')`,
];

const mapping = `mapping:
  schemas: { shop: public }
  tables:
    "shop.customer":
      rename: client
      columns:
        mail: { rename: email }
        legacy: { drop: true }
        foreign_text: { drop: true }
        packed: { drop: true }
        size: { expression: "length(email)" }
    "shop.purchase": { columns: { customer: { rename: client } } }
    "shop.history": { drop: true }
  values: { zeroDate: "null", invalidEnum: "null", nulByte: remove }
`;

async function equal(migration: Migration): Promise<void> {
  const { verified, result } = await migration.verify();
  expect(verified).toMatchObject({ equal: true });
  // A certificate names what it is not about.
  const customers = result.certificate.tables.find(({ name }) => name === 'customer');
  expect(customers?.leftOut).toEqual([
    { column: 'legacy', why: 'only on blue' },
    { column: 'foreign_text', why: 'only on blue' },
    { column: 'packed', why: 'only on blue' },
    { column: 'size', why: 'excluded' },
  ]);
}

describe.for(longSeriesOr('mariadb-11.4'))('$series to PostgreSQL', ({ series, tested }) => {
  test.skipIf(!tested)(
    'under other names, without what is left out, with values changed: up, over, back, over again',
    { timeout: 600_000 },
    async () => {
      await using place = await Place.make(series, greenMajor(), blue(series));
      await place.writeFile(mapping);
      const { client } = place;
      const onBlue = async (list: string, where: string): Promise<readonly (string | null)[]> => {
        const { rows } = await place.root.query(
          `select ${list} as found from shop.customer where ${where} order by id`,
        );
        return rows.map(({ found }) => found ?? null);
      };
      const onGreen = async (list: string, where: string): Promise<readonly (string | null)[]> => {
        const rows = await place.onGreen(`select ${list} as found from public.client where ${where} order by id`);
        return rows.map(({ found }) => found ?? null);
      };
      await using migration = await place.open('up');
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      expect(await onGreen(`concat_ws('|', email, born, seen, kind, note, size)`, 'id in (1, 2, 3, 4)')).toEqual([
        'c1@example.org|firm|plain|14',
        'c2@example.org|2024-01-01 00:00:00.25|plain|14',
        'c3@example.org|firm|withzero|14',
        'c4@example.org|1980-05-17|2024-01-01 00:00:00.25|plain|14',
      ]);

      // The flow has the same rules as the copy.
      await client.query(`set @@session.sql_mode = ''`);
      await client.transaction(async () => {
        await client.query(`insert into customer (mail, born, legacy) values ('during@example.org', 0, 'kept')`);
        await client.query('insert into purchase (customer, total) values (last_insert_id(), 1)');
        await client.query(`insert into history (at, what) values (0, 'stays')`);
      });
      await client.query(`update customer set seen = 0, note = 'a\\0b', kind = 'none', size = 5 where id = 10`);
      await client.query(
        `update customer set legacy = 'alone', foreign_text = '日本ソ', packed = repeat('long ', 500) where id = 11`,
      );
      await client.query('delete from purchase where id = 20');
      // What foreign keys do is in no log of blue.
      await client.query('delete from customer where id = 30');
      await client.query('update customer set id = 1040 where id = 40');
      await equal(migration);
      expect(
        await onGreen(`concat_ws('|', born, seen, kind, note, size)`, `id = 10 or email = 'during@example.org'`),
      ).toEqual(['1980-05-17|ab|15', '18']);
      expect(await place.onGreen('select count(*) from public.purchase where client in (30, 40)')).toEqual([
        { count: '0' },
      ]);
      expect(await place.onGreen('select id from public.purchase where client = 1040')).toEqual([{ id: '40' }]);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });

      await place.onGreen(
        `with made as (insert into public.client (email, kind) values ('green@example.org', 'person') returning id)
         insert into public.purchase (client, total) select id, 2.5 from made;
         update public.client set note = 'seen by green' where id in (1, 3, 12);
         update public.client set email = 'moved@example.org' where id = 13;
         delete from public.purchase where client = 14`,
      );
      await equal(migration);
      expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      // A date that takes no NULL is the zero date again; others that had no form became NULL with the first update on green, and stay where there was none.
      expect(
        await onBlue(
          `concat_ws('|', mail, born, coalesce(seen + 0, 'NULL'), legacy, note)`,
          `id in (1, 2, 3, 4) or mail like 'green%' or mail like 'during%'`,
        ),
      ).toEqual([
        'c1@example.org|0000-00-00|NULL|old|seen by green',
        'c2@example.org|0000-00-00|20240101000000.250|old|plain',
        'c3@example.org|0000-00-00|NULL|old|seen by green',
        'c4@example.org|1980-05-17|20240101000000.250|old|plain',
        'during@example.org|0000-00-00|NULL|kept',
        'green@example.org|0000-00-00|NULL|old',
      ]);
      expect(await onBlue(`concat_ws('|', mail, legacy, size)`, 'id in (10, 11, 13)')).toEqual([
        'c10@example.org|old|5',
        'c11@example.org|alone|11',
        'moved@example.org|old|13',
      ]);
      expect(await onBlue('kind + 0', 'id in (2, 10)')).toEqual(['0', '0']);
      await equal(migration);

      await client.query(`insert into customer (mail, born) values ('again@example.org', 0)`);
      await equal(migration);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await place.onGreen(`insert into public.client (email) values ('last@example.org')`);
      await equal(migration);
      expect(await onBlue('mail', `mail like 'last%' and born = 0`)).toEqual(['last@example.org']);
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    },
  );

  test.skipIf(!tested)(
    'what differs is repaired on either side, and a column that comes later moves under the name of its table',
    { timeout: 600_000 },
    async () => {
      await using place = await Place.make(series, greenMajor(), blue(series));
      await place.writeFile(mapping);
      await using migration = await place.open('up');
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });

      await place.root.query('alter table shop.customer add column extra int null');
      await place.client.query(`update customer set extra = 7 where id < 3`);
      await place.onGreen('alter table public.client add column extra integer');
      await equal(migration);
      expect(await place.onGreen('select id, extra from public.client where extra is not null order by id')).toEqual([
        { id: '1', extra: '7' },
        { id: '2', extra: '7' },
      ]);

      await place.onGreen(
        `set session_replication_role = replica; update public.client set note = 'spoilt' where id in (1, 5); delete from public.purchase where client = 6;
         insert into public.client (id, email) values (9999, 'stray@example.org')`,
      );
      const onGreen = await migration.verify(true);
      expect(onGreen.verified.equal).toBe(false);
      const script = (await migration.repairScript(onGreen)).join('\n');
      expect(script).toMatch(/\bclient\b/);
      expect(script).not.toMatch(/\bcustomer\b/);
      expect(await migration.repair(onGreen)).toBe(4);
      await equal(migration);

      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      // Its account passes the fence.
      await place.root.query(`update shop.customer set note = 'spoilt' where id in (1, 3, 5)`);
      await place.root.query(`delete from shop.purchase where customer = 2`);
      await place.root.query(`delete from shop.customer where id = 2`);
      await place.root.query(`insert into shop.customer (id, mail, born) values (9999, 'stray@example.org', 0)`);
      const onBlue = await migration.verify();
      expect(onBlue.verified.equal).toBe(false);
      expect(await migration.repair(onBlue)).toBe(6);
      await equal(migration);
      const { rows } = await place.root.query(
        "select concat_ws('|', id, born, seen + 0, legacy, note) as found from shop.customer where id < 4 order by id",
      );
      expect(rows.map(({ found }) => found)).toEqual([
        '1|0000-00-00|0.000|old|plain',
        '2|0000-00-00|20240101000000.250|old|plain',
        '3|0000-00-00|0.000|old|withzero',
      ]);
    },
  );

  test.skipIf(!tested)(
    'what was made in a schema that was there is taken away again',
    { timeout: 600_000 },
    async () => {
      await using place = await Place.make(series, greenMajor(), blue(series));
      await place.writeFile(mapping);
      const tables = `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`;
      {
        await using migration = await place.open('up');
        expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
        expect(await place.onGreen(tables)).toEqual([{ name: 'client' }, { name: 'purchase' }]);
      }
      await using migration = await place.open('abort');
      expect(await migration.abort('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await place.onGreen(tables)).toEqual([]);
      expect(await place.schemasOnGreen()).toEqual([]);
      await place.client.query(`update customer set note = 'goes on' where id = 1`);
    },
  );
});
