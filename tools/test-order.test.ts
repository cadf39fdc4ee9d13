import { expect, test } from 'vitest';
import { rank } from './test-order.ts';

test('the longest files come first, then the heavier kinds', () => {
  const files = [
    '/teal/src/kernel/clock.test.ts',
    '/teal/src/app/carrier.pg.test.ts',
    '/teal/src/systems/mysql/copy.mysql.test.ts',
    '/teal/test/outbox/outbox.kafka.test.ts',
    '/teal/test/migration/tls.e2e.test.ts',
    '/teal/test/migration/recovery.e2e.test.ts',
    '/teal/test/migration/killed-controller.e2e.test.ts',
  ];
  expect(files.toSorted((a, b) => rank(a) - rank(b))).toEqual(files.toReversed());
});
