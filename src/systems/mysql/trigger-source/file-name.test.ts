import { expect, test } from 'vitest';
import { fileNameOf } from './file-name.ts';

test('names are written as the servers write them', () => {
  expect(fileNameOf({ schema: 'shop', name: 'orders_2' })).toBe('shop/orders_2');
  expect(fileNameOf({ schema: 'my-shop', name: 'a b$1' })).toBe('my@002dshop/a@0020b@00241');
});

test('a letter that no rule tells is a pattern', () => {
  // As MySQL 8.0 and MariaDB 10.11 write it.
  const pattern = fileNameOf({ schema: 'my-shop', name: 'tä b$1' });
  expect(pattern).toBeInstanceOf(RegExp);
  expect((pattern as RegExp).test('my@002dshop/t@0k@0020b@00241')).toBe(true);
  expect((pattern as RegExp).test('my@002dshop/t@0020b@00241')).toBe(false);
  expect((pattern as RegExp).test('my@002dshop/t@0k@0020b@00242')).toBe(false);
});
