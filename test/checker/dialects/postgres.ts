import { dialectOf, statement, type Dialect, type DialectTexts } from './dialect.ts';

const texts: DialectTexts = {
  append: ({ v, k }) => statement('update lists set elements = elements || cast($1 as int) where k = $2', v, k),
  list: 'select array_to_json(elements)::text from lists where k = $1',
  transfer: 'update accounts set balance = balance + $1 where account = $2',
  balances: 'select account::text, balance::text from accounts',
  claim: 'insert into claims (by, value) values ($1, $2)',
  claimFrom: 'update claims set by = $1 where value = $2 and by = $3',
  id: 'insert into ids default values returning id::text',
  openGrave: 'delete from graves where row = $1 and version = $2',
  insert: () => 'insert into rows (row, key, version, toast) values ($1, $2, $3, $4)',
  touch: 'update rows set version = $1 where row = $2 and version = $3',
  move: 'update rows set version = $1, key = $2 where row = $3 and version = $4',
  bury: 'insert into graves (row, key, version) select row, key, cast($1 as int) from rows where row = $2 and version = $3',
  remove: 'delete from rows where row = $1 and version = $2',
  row: `select key::text, version::text, coalesce(split_part(toast, ' ', 1), '-1') from rows where row = $1`,
  bag: 'insert into bag (v) values ($1)',
  unbag: 'delete from bag where ctid = (select ctid from bag where v = $1 limit 1)',
  side: 'insert into side (v) values ($1)',
  sweep: 'truncate side',
  whereabouts: `select 'there', version::text, key::text from rows where row = $1
    union all select 'grave', version::text, key::text from graves where row = $2`,
  owner: 'select by::text from claims where value = $1',
  failing: { sql: 'select (1 / 0)::text', code: '22012' },
};

export const postgresDialect: Dialect = dialectOf(texts);

/** Of tables that came from MySQL, where a list is a text with a comma behind each element. */
export const movedDialect: Dialect = dialectOf({
  ...texts,
  append: ({ v, k }) => statement('update lists set elements = elements || $1 where k = $2', `${v},`, k),
  list: `select '[' || rtrim(elements, ',') || ']' from lists where k = $1`,
});
