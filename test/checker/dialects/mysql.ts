import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Statement } from '../statement.ts';
import { toastText } from '../run/tables.ts';
import type { Schedule } from '../schedule.ts';
import { changesOf, statement, type Dialect } from './dialect.ts';

/** A list is a text with a comma behind each element. */
function statementsOf(op: MicroOp, sizes: Schedule['sizes']): readonly Statement[] {
  switch (op.f) {
    case 'append':
      // Both ways to say it.
      if (op.v % 2 === 0)
        return [statement('update lists set elements = concat(elements, ?) where k = ?', `${op.v},`, op.k)];
      return [
        {
          ...statement(
            'insert into lists (k, elements) values (?, ?) on duplicate key update elements = concat(elements, values(elements))',
            op.k,
            `${op.v},`,
          ),
          // Manual, "INSERT ... ON DUPLICATE KEY UPDATE": 2 for a row that was there.
          count: 2,
        },
      ];
    case 'r':
      return [statement(`select concat('[', trim(trailing ',' from elements), ']') from lists where k = ?`, op.k)];
    case 'transfer':
      return changesOf(op).map(([account, by]) =>
        statement('update accounts set balance = balance + ? where account = ?', by, account),
      );
    case 'balances':
      return [statement('select account, balance from accounts')];
    case 'claim':
      if (op.was === null) return [statement('insert into claims (`by`, value) values (?, ?)', op.by, op.value)];
      return [statement('update claims set `by` = ? where value = ? and `by` = ?', op.by, op.value, op.was)];
    case 'id':
      return [statement('insert into ids () values ()')];
    case 'insert':
      return [
        ...(op.was === null ? [] : [statement('delete from graves where `row` = ? and version = ?', op.row, op.was)]),
        // REPLACE of a row that is there counts 2, and is taken back as one that came too late.
        statement(
          `${op.version % 2 === 0 ? 'insert' : 'replace'} into \`rows\` (\`row\`, \`key\`, version, toast) values (?, ?, ?, ?)`,
          op.row,
          op.key,
          op.version,
          toastText(op.toast, sizes.toastBytes),
        ),
      ];
    case 'touch':
      return [statement('update `rows` set version = ? where `row` = ? and version = ?', op.version, op.row, op.was)];
    case 'move':
      return [
        statement(
          'update `rows` set version = ?, `key` = ? where `row` = ? and version = ?',
          op.version,
          op.key,
          op.row,
          op.was,
        ),
      ];
    case 'delete':
      return [
        statement(
          'insert into graves (`row`, `key`, version) select `row`, `key`, ? from `rows` where `row` = ? and version = ?',
          op.version,
          op.row,
          op.was,
        ),
        statement('delete from `rows` where `row` = ? and version = ?', op.row, op.was),
      ];
    case 'row':
      return [
        statement(
          "select `key`, version, coalesce(substring_index(toast, ' ', 1), '-1') from `rows` where `row` = ?",
          op.row,
        ),
      ];
    case 'bag':
      return [statement('insert into bag (v) values (?)', op.v)];
    case 'unbag':
      return [statement('delete from bag where v = ? limit 1', op.v)];
    case 'side':
      return [statement('insert into side (v) values (?)', op.v)];
    case 'sweep':
      // TRUNCATE would commit what is open.
      return [statement('delete from side')];
  }
}

/** MySQL and MariaDB. */
export const mysqlDialect: Dialect = {
  statementsOf,
  rowOf: (row) =>
    statement(
      `select 'there', version, \`key\` from \`rows\` where \`row\` = ?
       union all select 'grave', version, \`key\` from graves where \`row\` = ?`,
      row,
      row,
    ),
  ownerOf: (value) => statement('select `by` from claims where value = ?', value),
  failing: { sql: `signal sqlstate '45000' set message_text = 'in vain'`, code: '45000' },
};
