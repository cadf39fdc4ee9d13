import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { ddlOf } from '../mapping/ddl.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { oddCatalog, shopCatalog } from '../mapping/test-support/shop.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import { postgresSide } from '../systems/postgres/digest/side.ts';
import { compareObjects } from '../verify/objects.ts';
import { foundObjects, mappedObjects } from './unlike-objects.ts';

const both: MysqlCatalog = { ...shopCatalog, tables: [...shopCatalog.tables, ...oddCatalog.tables] };

describe.each([...new Set([blueMajor(), greenMajor()])])('objects of green on PostgreSQL %s', (major) => {
  let database: TestDatabase;
  let mapping: Mapping;
  const compared = async (): Promise<ReturnType<typeof compareObjects>> => {
    const green = postgresSide({ side: 'green', url: database.url });
    const found = foundObjects(mapping, await green.objects(), await green.describe());
    return compareObjects(
      { side: 'blue', major: 8_000, objects: mappedObjects(mapping) },
      { side: 'green', major, objects: found },
    );
  };

  beforeAll(async () => {
    database = await testDatabase(major);
    mapping = mapCatalog(both, { postgresMajor: major });
    for (const { statements } of ddlOf(mapping)) for (const sql of statements) await database.query(sql);
  });
  afterAll(async () => database[Symbol.asyncDispose]());

  test('are those that the mapping makes, whatever their names are', async () => {
    const { compared: counts, differences } = await compared();
    expect(differences).toEqual([]);
    expect(counts['column']).toBeGreaterThan(20);
    for (const kind of ['constraint', 'index', 'trigger']) expect([kind, counts[kind] ?? 0]).not.toEqual([kind, 0]);
  });

  test('are told where somebody has changed them', async () => {
    const inShop = async (...statements: readonly string[]): Promise<readonly string[]> => {
      await database.query('begin');
      for (const sql of statements) await database.query(sql);
      await database.query('commit');
      return (await compared()).differences.map(({ kind, name, what }) => `${kind} ${name}: ${what}`);
    };
    expect(await inShop('drop index shop.customers_newest')).toEqual([
      'index customers_newest on shop.customers: only on blue',
    ]);
    expect(await inShop('create unique index customers_newest on shop.customers (created desc, id)')).toEqual([
      'index customers_newest on shop.customers: defined differently',
    ]);
    await inShop(
      'drop index shop.customers_newest',
      'create index customers_newest on shop.customers (created desc, id)',
    );
    expect(
      await inShop(
        'alter table shop.customers drop constraint not_rich',
        'alter table shop.customers alter born set not null',
      ),
    ).toEqual([
      'column born on shop.customers: defined differently',
      'constraint not_rich on shop.customers: only on blue',
    ]);
    await inShop(
      'alter table shop.customers add constraint not_rich check (balance < 1000000)',
      'alter table shop.customers alter born drop not null',
    );
    expect(
      await inShop(
        'create function shop.act() returns trigger language plpgsql as $$ begin return new; end $$',
        'create trigger acts before insert on shop.customers for each row execute function shop.act()',
      ),
    ).toEqual(['trigger acts on shop.customers: only on green']);
    await inShop('drop function shop.act() cascade');
    const key = mapping.tables.flatMap((table) => table.foreignKeys.map((each) => ({ table: table.target, each })))[0];
    expect(key).toBeDefined();
    const place = `${key?.table.schema}.${key?.table.name}`;
    const name = `"${key?.each.name}"`;
    const list = key?.each.columns.join(', ');
    const to = `${key?.each.references.schema}.${key?.each.references.name} (${key?.each.referencedColumns.join(', ')})`;
    expect(
      await inShop(
        `alter table ${place} drop constraint ${name}`,
        `alter table ${place} add constraint ${name} foreign key (${list}) references ${to} on delete set default not valid`,
      ),
    ).toEqual([`constraint ${key?.each.name} on ${place}: defined differently`]);
  });
});
