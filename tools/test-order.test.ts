import { expect, test } from 'vitest';
import { ranks } from './test-order.ts';

test('the longest files come first, then all kinds side by side, in the order in which they came', () => {
  const files = [
    '/teal/src/app/carrier.pg.test.ts',
    '/teal/src/app/copy.pg.test.ts',
    '/teal/src/app/fence.pg.test.ts',
    '/teal/src/app/slot.pg.test.ts',
    '/teal/src/systems/mysql/copy.mysql.test.ts',
    '/teal/test/migration/tls.e2e.test.ts',
    '/teal/test/migration/ddl.e2e.test.ts',
    '/teal/test/migration/recovery.e2e.test.ts',
    '/teal/test/migration/killed-controller.e2e.test.ts',
  ];
  const rank = ranks(files);
  const ordered = files.toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  expect(ordered.map((file) => file.split('/').at(-1)?.split('.').slice(0, 2).join('.'))).toEqual([
    'killed-controller.e2e',
    'recovery.e2e',
    'carrier.pg',
    'tls.e2e',
    'copy.pg',
    'copy.mysql',
    'fence.pg',
    'ddl.e2e',
    'slot.pg',
  ]);
});
