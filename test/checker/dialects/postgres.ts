import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Statement } from '../statement.ts';
import { toastText } from '../run/tables.ts';
import type { Schedule } from '../schedule.ts';
import { changesOf, statement, type Dialect } from './dialect.ts';

function statementsOf(op: MicroOp, sizes: Schedule['sizes']): readonly Statement[] {
  switch (op.f) {
    case 'append':
      return [statement('update lists set elements = elements || cast($1 as int) where k = $2', op.v, op.k)];
    case 'r':
      return [statement('select array_to_json(elements)::text from lists where k = $1', op.k)];
    case 'transfer':
      return changesOf(op).map(([account, by]) =>
        statement('update accounts set balance = balance + $1 where account = $2', by, account),
      );
    case 'balances':
      return [statement('select account::text, balance::text from accounts')];
    case 'claim':
      if (op.was === null) return [statement('insert into claims (by, value) values ($1, $2)', op.by, op.value)];
      return [statement('update claims set by = $1 where value = $2 and by = $3', op.by, op.value, op.was)];
    case 'id':
      return [statement('insert into ids default values returning id::text')];
    case 'insert':
      return [
        ...(op.was === null ? [] : [statement('delete from graves where row = $1 and version = $2', op.row, op.was)]),
        statement(
          'insert into rows (row, key, version, toast) values ($1, $2, $3, $4)',
          op.row,
          op.key,
          op.version,
          toastText(op.toast, sizes.toastBytes),
        ),
      ];
    case 'touch':
      return [statement('update rows set version = $1 where row = $2 and version = $3', op.version, op.row, op.was)];
    case 'move':
      return [
        statement(
          'update rows set version = $1, key = $2 where row = $3 and version = $4',
          op.version,
          op.key,
          op.row,
          op.was,
        ),
      ];
    case 'delete':
      return [
        statement(
          'insert into graves (row, key, version) select row, key, cast($1 as int) from rows where row = $2 and version = $3',
          op.version,
          op.row,
          op.was,
        ),
        statement('delete from rows where row = $1 and version = $2', op.row, op.was),
      ];
    case 'row':
      return [
        statement(
          `select key::text, version::text, coalesce(split_part(toast, ' ', 1), '-1') from rows where row = $1`,
          op.row,
        ),
      ];
    case 'bag':
      return [statement('insert into bag (v) values ($1)', op.v)];
    case 'unbag':
      return [statement('delete from bag where ctid = (select ctid from bag where v = $1 limit 1)', op.v)];
    case 'side':
      return [statement('insert into side (v) values ($1)', op.v)];
    case 'sweep':
      return [statement('truncate side')];
  }
}

export const postgresDialect: Dialect = {
  statementsOf,
  rowOf: (row) =>
    statement(
      `select 'there', version::text, key::text from rows where row = $1
    union all select 'grave', version::text, key::text from graves where row = $2`,
      row,
      row,
    ),
  ownerOf: (value) => statement('select by::text from claims where value = $1', value),
  failing: { sql: 'select (1 / 0)::text', code: '22012' },
};

/** Of tables that came from MySQL, where a list is a text with a comma behind each element. */
export const movedDialect: Dialect = {
  ...postgresDialect,
  statementsOf(op, sizes) {
    switch (op.f) {
      case 'append':
        return [statement('update lists set elements = elements || $1 where k = $2', `${op.v},`, op.k)];
      case 'r':
        return [statement(`select '[' || rtrim(elements, ',') || ']' from lists where k = $1`, op.k)];
      default:
        return statementsOf(op, sizes);
    }
  },
};
