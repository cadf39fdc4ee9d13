import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import {
  containsGtidSet,
  decodeGtidSet,
  emptyGtidSet,
  encodeGtidSet,
  parseGtidSet,
  printGtidSet,
  unionOfGtidSets,
} from './gtid-set.ts';
import { hasReached, parseMariadbGtid, parseMariadbPosition, printMariadbPosition } from './mariadb-position.ts';

const one = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const two = '4350f323-7565-4e59-8763-4b1b83a0ce0e';

function refuses(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return isTealError(error, 'TEAL-WIRE-001');
  }
}

describe('sets of GTIDs', () => {
  test.each([
    ['', ''],
    [`${one}:1`, `${one}:1`],
    [`${one.toUpperCase()}:5-9:1-4`, `${one}:1-9`],
    [`${two}:7,\n${one}:1-3:5`, `${one}:1-3:5,${two}:7`],
    [`${one}:1-3,${one}:2-8`, `${one}:1-8`],
    [`${one}:1-3:tag:7:9`, `${one}:1-3,${one}:tag:7:9`],
    [`${one}:9223372036854775807`, `${one}:9223372036854775807`],
  ])('%j is %j', (text, printed) => {
    expect(printGtidSet(parseGtidSet(text))).toBe(printed);
  });

  test.each([
    one,
    `${one}:`,
    `${one}:0`,
    `${one}:3-2`,
    `${one}:x-y`,
    `${one}:9223372036854775808`,
    'zz:1',
    `${one}:1-`,
  ])('%j is refused', (text) => {
    expect(refuses(() => parseGtidSet(text))).toBe(true);
  });

  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 });
  const setOf = (a: readonly number[], b: readonly number[]): ReturnType<typeof parseGtidSet> =>
    parseGtidSet([...a.map((number) => `${one}:${number}`), ...b.map((number) => `${two}:${number}`)].join(','));

  test('behave as sets of numbers do, and survive both forms', () => {
    fc.assert(
      fc.property(numbers, numbers, numbers, numbers, (a1, a2, b1, b2) => {
        const [a, b] = [setOf(a1, a2), setOf(b1, b2)];
        const both = unionOfGtidSets(a, b);
        expect(printGtidSet(both)).toBe(printGtidSet(setOf([...a1, ...b1], [...a2, ...b2])));
        const isIn = b1.every((number) => a1.includes(number)) && b2.every((number) => a2.includes(number));
        expect(containsGtidSet(a, b)).toBe(isIn);
        expect(containsGtidSet(both, a)).toBe(true);
        expect(containsGtidSet(a, emptyGtidSet)).toBe(true);
        expect(printGtidSet(decodeGtidSet(encodeGtidSet(both)))).toBe(printGtidSet(both));
        expect(printGtidSet(parseGtidSet(printGtidSet(both)))).toBe(printGtidSet(both));
      }),
    );
  });

  test('bytes that are none are refused', () => {
    const whole = encodeGtidSet(parseGtidSet(`${one}:1-3:5`));
    for (let end = 0; end < whole.length; end += 1) {
      expect(
        refuses(() => decodeGtidSet(whole.subarray(0, end))),
        `cut at ${end}`,
      ).toBe(true);
    }
    expect(refuses(() => encodeGtidSet(parseGtidSet(`${one}:tag:1`)))).toBe(true);
  });
});

describe('positions of MariaDB', () => {
  test('are printed in the order of domains', () => {
    expect(printMariadbPosition(parseMariadbPosition('2-1-7, 0-4294967295-18446744073709551615'))).toBe(
      '0-4294967295-18446744073709551615,2-1-7',
    );
  });

  test.each(['0-1', '0-1-2-3', '4294967296-1-1', '0-1-18446744073709551616', 'a-b-c'])('%j is refused', (text) => {
    expect(refuses(() => parseMariadbGtid(text))).toBe(true);
  });

  test('a domain that is there twice is refused', () => {
    expect(refuses(() => parseMariadbPosition('0-1-1,0-2-2'))).toBe(true);
  });

  test('are reached in every domain or not at all', () => {
    const at = parseMariadbPosition('0-1-10,1-1-5');
    expect(hasReached(at, parseMariadbPosition('0-2-10'))).toBe(true);
    expect(hasReached(at, parseMariadbPosition('0-1-11'))).toBe(false);
    expect(hasReached(at, parseMariadbPosition('0-1-1,2-1-1'))).toBe(false);
    expect(hasReached(at, parseMariadbPosition(''))).toBe(true);
  });
});
