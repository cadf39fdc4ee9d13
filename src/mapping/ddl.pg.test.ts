import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { ddlOf } from './ddl.ts';
import { mapCatalog } from './map-catalog.ts';
import { catalog, column, index, table } from './test-support/catalog.ts';
import { oddCatalog, shopCatalog } from './test-support/shop.ts';
import { typeRules } from './type-rules.ts';

/** One column for every rule, as the rules' own examples say. */
const everyRule = catalog([
  table(
    'every.rule',
    typeRules.map(({ name, example }) => column(name, example)),
    { checks: [{ name: 'json', expression: 'json_valid(`json-text`)', enforced: true }] },
  ),
  ...['utf8mb4_sv_0900_ai_ci', 'latin1_german2_ci', 'utf8mb4_0900_as_ci', 'utf8mb4_uca1400_ai_cs'].map((collation) =>
    table(`every.${collation}`, [column('c', 'varchar(20)', { collation })], { indexes: [index('unique c', ['c'])] }),
  ),
]);

/** Each item in a transaction of its own, as the driver of schemas runs it. */
async function make(database: TestDatabase, source: typeof shopCatalog): Promise<number> {
  const items = ddlOf(mapCatalog(source, { postgresMajor: database.major }));
  for (const { statements } of items) {
    await database.query('begin');
    for (const statement of statements) await database.query(statement);
    await database.query('commit');
  }
  return items.length;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

describe.each([...new Set([blueMajor(), greenMajor()])])('on PostgreSQL %s', (major) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase(major);
    await make(database, shopCatalog);
  });
  afterAll(async () => database[Symbol.asyncDispose]());

  test('every statement of every kind runs, and what was made can be taken away', async () => {
    await using other = await testDatabase(major);
    const sources = [everyRule, oddCatalog];
    for (const source of sources) expect(await make(other, source)).toBeGreaterThan(3);
    const [types] = await other.query(
      `select count(*) as n from pg_attribute where attrelid = 'every.rule'::regclass and attnum > 0`,
    );
    expect(types?.['n']).toBe(String(typeRules.length));
    const items = sources.flatMap((source) => ddlOf(mapCatalog(source, { postgresMajor: major })));
    for (const { drop } of items.toReversed()) if (drop !== undefined) await other.query(drop);
    const [left] = await other.query(
      `select count(*) as n from pg_class c join pg_namespace s on s.oid = c.relnamespace where nspname in ('every', 'my_pg_shop')`,
    );
    expect(left?.['n']).toBe('0');
  });

  test('texts are one to a key as far as its collation on the source held them to be', async () => {
    await using other = await testDatabase(major);
    await make(other, everyRule);
    const isOne = async (collation: string, a: string, b: string): Promise<boolean> => {
      const place = `every."${collation}"`;
      await other.query(`delete from ${place}`);
      await other.query(`insert into ${place} values ($1)`, [a]);
      return (await refusal(other.query(`insert into ${place} values ($1)`, [b]))) === '23505';
    };
    // Name, case, accent, ß and ss, ü and ue (telephone books of Germany), å and a (another letter in Sweden).
    const pairs = ['aA', 'eé', 'ß,ss', 'ü,ue', 'åa'].map((pair) =>
      pair.includes(',') ? pair.split(',') : pair.split(''),
    );
    const found: Record<string, readonly boolean[]> = {};
    for (const { name } of everyRule.tables.slice(1)) {
      const equal: boolean[] = [];
      for (const [a = '', b = ''] of pairs) equal.push(await isOne(name, a, b));
      found[name] = equal;
    }
    expect(found).toEqual({
      utf8mb4_sv_0900_ai_ci: [true, true, true, false, false],
      latin1_german2_ci: [true, true, true, true, true],
      utf8mb4_0900_as_ci: [true, false, false, false, false],
      utf8mb4_uca1400_ai_cs: [false, true, true, false, true],
    });
  });

  test('canonical values of the source go in, and those that it does not hold do not', async () => {
    await database.query(
      `insert into shop.customers (email, name, active, level, kind, tags, born, created, updated, balance, big, note) values
       ('A@x', 'ä', '1', '0', 'it''s', 'a,b', '2024-01-02', '2024-01-02 03:04:05', '2024-01-02 03:04:05.123+00', '999999.99', '18446744073709551615', repeat('long ', 5000)),
       ('b@x', null, '0', null, '', '', null, '9999-12-31 23:59:59', '1970-01-01 00:00:01+00', '0', '0', null)`,
    );
    await database.query(
      `insert into shop.orders (customer_id, email, small, medium, flags, wait, made, raw, hash, picture, price, code) values
       (42, 'a@X', '65535', '-8388608', '10101', '-838:59:59', '2155', '\\x61620000', '\\x00', '\\xff', '1.25', 'x')`,
    );
    const [order] = await database.query('select id, twice, wait::text, made from shop.orders');
    expect(order).toEqual({ id: '1', twice: '2.50', wait: '-838:59:59', made: '2155' });
    const [first] = await database.query(`select id from shop.customers where email = 'a@x'`);
    expect(first?.['id']).toBe('42');
    const wrong = [
      `insert into shop.customers (email) values ('á@X')`,
      `insert into shop.customers (email, kind) values ('c', 'NEW')`,
      `insert into shop.customers (email, tags) values ('c', 'a,c')`,
      `insert into shop.customers (email, balance) values ('c', -1)`,
      `insert into shop.customers (email, balance) values ('c', 1000000)`,
      `insert into shop.customers (email, id) values ('c', -1)`,
      `update shop.orders set small = 65536`,
      `update shop.orders set made = 1900`,
      `update shop.orders set raw = '\\x00'`,
      `update shop.orders set email = 'nobody'`,
    ];
    const codes: string[] = [];
    for (const statement of wrong) codes.push(await refusal(database.query(statement)));
    expect(codes).toEqual(['23505', ...Array.from({ length: 8 }, () => '23514'), '23503']);
  });

  test('what a row’s update does to its columns and to other rows is what it was', async () => {
    await database.query(`insert into shop.customers (id, email, updated) values (7, 'seven', '2000-01-01')`);
    await database.query(`insert into shop.orders (id, customer_id, email, code) values (7, 7, 'SEVEN', 's')`);
    const updated = async (): Promise<string> => {
      const [row] = await database.query(`select updated < '2001-01-01' as old from shop.customers where id = 7`);
      return row?.['old'] === 't' ? 'old' : 'new';
    };
    await database.query(`update shop.customers set note = note where id = 7`);
    expect(await updated()).toBe('old');
    await database.query(`update shop.customers set note = 'x', updated = '2000-02-02' where id = 7`);
    expect(await updated()).toBe('old');
    await database.query(`update shop.customers set updated = '2000-03-03' where id = 7`);
    expect(await updated()).toBe('old');
    await database.query(`update shop.customers set note = 'y' where id = 7`);
    expect(await updated()).toBe('new');
    await database.query(`update shop.customers set email = 'eight' where id = 7`);
    expect(await database.query('select email from shop.orders where id = 7')).toEqual([{ email: 'eight' }]);
    expect(await refusal(database.query('update shop.customers set id = 8 where id = 7'))).toMatch(/^23(001|503)$/);
    await database.query('delete from shop.customers where id = 7');
    expect(await database.query('select 1 from shop.orders where id = 7')).toEqual([]);
  });
});
