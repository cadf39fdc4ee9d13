import { expect, test } from 'vitest';
import { readsCharacterSet, textReaderOf } from './charset.ts';

/** A collation of each set, bytes, and the text in it as the servers convert it. */
test.each([
  ['latin1', 8, '80e9817f', '€é\u0081\u007f'],
  ['latin1 of MariaDB without padding', 1032, 'e9', 'é'],
  ['latin2', 9, 'b3f3bf', 'łóż'],
  ['cp850', 4, '81', 'ü'],
  ['cp1250', 26, '8a9e', 'Šž'],
  ['cp1251', 51, 'e6f3ea', 'жук'],
  ['koi8r', 7, 'd6d5cb', 'жук'],
  ['koi8u', 22, '95ae', '•╝'],
  ['hebrew', 16, 'e0af', 'א‾'],
  ['greek', 25, 'a1eb', 'ʽλ'],
  ['latin5', 30, '80fe', '\u0080ş'],
  ['cp866', 36, 'fcfd', 'ⁿ²'],
  ['tis620', 18, 'a1', 'ก'],
  ['ascii', 11, '61', 'a'],
  ['ucs2', 35, '00fc65e5', 'ü日'],
  ['utf16', 54, 'd83dde00', '😀'],
  ['utf16 of MariaDB', 2816, 'fefffeff', '\ufeff\ufeff'],
  ['utf16le', 56, '3dd800de', '😀'],
  ['utf32', 60, '0001f600', '😀'],
  ['utf8mb3', 33, 'c3bc', 'ü'],
  ['utf8mb4', 255, 'f09f9880', '😀'],
  ['utf8mb4 of MariaDB', 2304, 'f09f9880', '😀'],
  ['sjis, as far as it is ASCII', 13, '6162', 'ab'],
])('%s', (_, collation, hex, text) => {
  expect(textReaderOf(collation)(Buffer.from(hex, 'hex'))?.toString('utf8')).toBe(text);
});

test.each([
  ['half a character of UTF-8', 255, 'c3'],
  ['a surrogate in UTF-8', 255, 'eda080'],
  ['half a character of UTF-16', 54, '00'],
  ['a surrogate that is alone', 54, 'd83d'],
  ['a surrogate in UTF-32', 60, '0000d800'],
  ['beyond the last character', 60, '00110000'],
  ['beyond ASCII', 11, '80'],
  ['a place without a character', 14, '98'],
  ['Japanese', 13, '93fa'],
  ['letters of swe7', 10, '61'],
  ['a collation that nobody knows', 9_999, '61'],
])('%s is no text', (_, collation, hex) => {
  expect(textReaderOf(collation)(Buffer.from(hex, 'hex'))).toBeUndefined();
});

test.each([
  ['utf8mb4', true],
  ['utf8mb3', true],
  ['utf8', true],
  ['latin1', true],
  ['ascii', true],
  ['utf16le', true],
  ['gbk', false],
  ['sjis', false],
  ['swe7', false],
  ['of tomorrow', false],
])('whether all texts in %s are read: %s', (name, isRead) => {
  expect(readsCharacterSet(name)).toBe(isRead);
});
