import { dialectOf, statement, type Dialect } from './dialect.ts';

/** MySQL and MariaDB. A list is a text with a comma behind each element. */
export const mysqlDialect: Dialect = dialectOf({
  append({ v, k }) {
    // Both ways to say it.
    if (v % 2 === 0) return statement('update lists set elements = concat(elements, ?) where k = ?', `${v},`, k);
    const sql =
      'insert into lists (k, elements) values (?, ?) on duplicate key update elements = concat(elements, values(elements))';
    // Manual, "INSERT ... ON DUPLICATE KEY UPDATE": 2 for a row that was there.
    return { ...statement(sql, k, `${v},`), count: 2 };
  },
  list: `select concat('[', trim(trailing ',' from elements), ']') from lists where k = ?`,
  transfer: 'update accounts set balance = balance + ? where account = ?',
  balances: 'select account, balance from accounts',
  claim: 'insert into claims (`by`, value) values (?, ?)',
  claimFrom: 'update claims set `by` = ? where value = ? and `by` = ?',
  id: 'insert into ids () values ()',
  openGrave: 'delete from graves where `row` = ? and version = ?',
  // REPLACE of a row that is there counts 2, and is taken back as one that came too late.
  insert: (version) =>
    `${version % 2 === 0 ? 'insert' : 'replace'} into \`rows\` (\`row\`, \`key\`, version, toast) values (?, ?, ?, ?)`,
  touch: 'update `rows` set version = ? where `row` = ? and version = ?',
  move: 'update `rows` set version = ?, `key` = ? where `row` = ? and version = ?',
  bury: 'insert into graves (`row`, `key`, version) select `row`, `key`, ? from `rows` where `row` = ? and version = ?',
  remove: 'delete from `rows` where `row` = ? and version = ?',
  row: "select `key`, version, coalesce(substring_index(toast, ' ', 1), '-1') from `rows` where `row` = ?",
  bag: 'insert into bag (v) values (?)',
  unbag: 'delete from bag where v = ? limit 1',
  side: 'insert into side (v) values (?)',
  // TRUNCATE would commit what is open.
  sweep: 'delete from side',
  whereabouts: `select 'there', version, \`key\` from \`rows\` where \`row\` = ?
       union all select 'grave', version, \`key\` from graves where \`row\` = ?`,
  owner: 'select `by` from claims where value = ?',
  failing: { sql: `signal sqlstate '45000' set message_text = 'in vain'`, code: '45000' },
});
