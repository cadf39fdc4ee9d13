import { expect, test } from 'vitest';
import { mysqlRepairer } from '../systems/mysql/digest/repair.ts';
import { columnWriter } from '../systems/mysql/values/to-sql.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import type { DigestTable, Repairer, RowLook } from './digester.ts';

const column = (name: string, type: string) => ({ name, type, sameType: true, generated: false });
const table = (...key: readonly string[]): DigestTable => ({
  schema: 'shop',
  name: 'Booked',
  oid: 1,
  columns: [column('id', 'int'), column('day', 'date'), column('what', 'varchar(20)')],
  key,
  buckets: 1,
});
const postgres = postgresRepairer({ url: 'postgres://h/d' });
const mysql = mysqlRepairer({ url: 'mysql://h/d', columns: columnWriter });

test.each<readonly [string, Repairer, DigestTable, RowLook, string]>([
  [
    'rows by one key',
    postgres,
    table('id'),
    { columns: ['what'], keys: [['1'], ['2']] },
    `select "id", "what" from "shop"."Booked" where "id" in ('1', '2') order by "id"`,
  ],
  [
    'rows by a key of two columns, one of which is shown once',
    postgres,
    table('id', 'day'),
    { columns: ['day'], keys: [['1', "it's"]] },
    `select "id", "day" from "shop"."Booked" where ("id" = '1' and "day" = 'it''s') order by "id", "day"`,
  ],
  [
    'NULL in common, without a key',
    postgres,
    table(),
    { columns: ['what'], where: { column: 'what', is: null } },
    'select "what" from "shop"."Booked" where "what" is null',
  ],
  [
    'a stretch, in the words of MySQL',
    mysql,
    table('id'),
    { columns: ['id'], where: { column: 'id', from: '5', to: '9' } },
    'select `id` from `shop`.`Booked` where `id` >= 5 and `id` <= 9 order by `id`',
  ],
])('%s', (_, repairer, of, look, sql) => {
  expect(repairer.show(of, look)).toBe(sql);
});
