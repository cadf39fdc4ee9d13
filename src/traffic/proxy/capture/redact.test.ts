import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokensOf } from '../shadow/tokens.ts';
import { Redactor } from './redact.ts';

const redactor = new Redactor('00ff'.repeat(16));
const kindOf = (text: string): string => text.replace(/\d/g, '9').replace(/[a-z]/g, 'a').replace(/[A-Z]/g, 'A');

test.each(['Ada Lovelace', 'ada@example.org', '42', '-17.50', '100', '2026-11-30 14:05:06', "it's", 'ab_1%'])(
  'the value %s becomes another of its kind and length, the same each time',
  (value) => {
    const redacted = redactor.value(value);
    expect(kindOf(redacted)).toBe(kindOf(value));
    expect(redactor.value(value)).toBe(redacted);
  },
);

test('values stay what they are: dates, UUIDs, booleans, bytes, JSON and numbers that fit', () => {
  expect(Date.parse(redactor.value('2026-02-28'))).not.toBeNaN();
  expect(redactor.value('0190d0aa-6b1c-7d2e-8f3a-9b4c5d6e7f80')).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  expect(redactor.value('\\xdeadbeef')).toMatch(/^\\x[\da-f]{8}$/);
  expect(['t', 'f']).toContain(redactor.value('t'));
  const json = redactor.value(String.raw`{"name": "Zoë", "on": true, "n": [10, null], "é": "a\"b"}`);
  expect(JSON.parse(json)).toMatchObject({});
  expect(json).not.toMatch(/name|Zo/);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (number) => {
      const redacted = redactor.value(String(number));
      expect(BigInt(redacted) <= number).toBe(true);
      expect(redacted).toHaveLength(String(number).length);
    }),
    { numRuns: 200 },
  );
});

test('the key decides', () => {
  expect(redactor.value('Ada Lovelace')).not.toBe(new Redactor('11'.repeat(32)).value('Ada Lovelace'));
});

test('of a statement only its values are replaced, and comments go', () => {
  const text = `select "Name", 'O''Brien' /* for Ada */ from people where id = 4711 and note like E'a\\'b%' and n = $1 -- Ada`;
  const redacted = redactor.statement(text) ?? '';
  expect(redacted).toMatch(
    /^select "Name", '[A-Z]''[A-Z][a-z]{4}' from people where id = \d{4} and note like E'\w{3}%' and n = \$1$/,
  );
  expect(redacted).not.toMatch(/O''Brien|4711|Ada/);
  expect(tokensOf(redacted)?.length).toBe(tokensOf(text)?.length);
  expect(redactor.statement('select 12.5e3, 0xFF')).toMatch(/^select 1\d\.\de\d, 0x11$/);
  expect(redactor.statement(`select 'it does not end`)).toBeUndefined();
});

test('parameters in binary form are replaced by their type, and are 0 where the type is not known well enough', () => {
  const bind = (value: string, type: number): string | null | undefined => {
    const plain = redactor.message(['B', '', 's', [1], [value], []], () => [type]);
    return plain?.[0] === 'B' ? plain[4][0] : undefined;
  };
  const int4 = Buffer.from(bind('\0\0\x12\x34', 23) ?? '', 'latin1').readInt32BE();
  expect([int4 >= 0, int4 <= 0x1234]).toEqual([true, true]);
  expect(bind('Ada', 25)).toMatch(/^[A-Z][a-z]{2}$/);
  expect(bind('\0\x02\0\0', 1700)).toBe('\0\0\0\0');
});
