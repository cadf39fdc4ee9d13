import { expect, test } from 'vitest';
import { checkData, type UnfitRows } from './data.ts';

const rows: UnfitRows = {
  table: { schema: 'shop', name: 'customer' },
  columns: ['born'],
  count: 1_200n,
  meaning: 'zero dates',
  policy: 'stop: the copy ends at such a row',
  samples: ['id = 2', 'id = 5'],
  cleansing: { statement: 'update `shop`.`customer` set `born` = null where …', note: 'puts NULL in their place' },
};

test('rows that stop the copy are a blocker with the statement that mends them', () => {
  expect(checkData([rows])).toEqual([
    {
      code: 'ASSESS-MYSQL-DATA-STOPS',
      severity: 'blocker',
      side: 'blue',
      object: 'shop.customer (born)',
      what: '1,200 × zero dates. Some of them: id = 2; id = 5.',
      why: 'Stop: the copy ends at such a row.',
      mend: '-- puts NULL in their place\nupdate `shop`.`customer` set `born` = null where …;',
    },
  ]);
});

test('rows that are changed as the file says are a warning; without samples none are shown', () => {
  const [found] = checkData([{ ...rows, policy: 'null: NULL takes its place', samples: [] }]);
  expect(found).toMatchObject({ code: 'ASSESS-MYSQL-DATA-CHANGES', severity: 'warning', what: '1,200 × zero dates.' });
});

test('rows that were not read are told, and that all fit is no finding', () => {
  expect(checkData(undefined)).toMatchObject([{ code: 'ASSESS-MYSQL-DATA-UNREAD', severity: 'note' }]);
  expect(checkData([])).toEqual([]);
});
