import { expect, test } from 'vitest';
import { countPartitions, offsetsInShort, offsetsText, readPartitions } from './log-offsets.ts';

const offsets = { 'shop.payments': ['4'], 'shop.orders': ['12', '30', '7'], 'shop.new': [] };

test('offsets are told topic by topic, and what was told is read back', () => {
  const text = offsetsText(offsets);
  expect(text).toBe('shop.new, shop.orders 12 30 7, shop.payments 4');
  expect(readPartitions(text)).toEqual(
    new Map([
      ['shop.new', 0],
      ['shop.orders', 3],
      ['shop.payments', 1],
    ]),
  );
  expect(countPartitions(text)).toBe(4);
  expect(readPartitions('')).toEqual(new Map());
});

test('too many of them are counted instead, and the count is read back', () => {
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, at) => [`topic-${at}`, Array.from({ length: 30 }, () => '123456789')]),
  );
  const text = offsetsInShort(many, 200);
  expect(text).toBe('270 partitions of 9 topics: the certificate has their offsets');
  expect(countPartitions(text)).toBe(270);
  expect(offsetsInShort(offsets, 200)).toBe(offsetsText(offsets));
});

test('what is neither is not counted', () => {
  expect(readPartitions('orders 12:30')).toBeUndefined();
  expect(countPartitions('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5')).toBeUndefined();
});
