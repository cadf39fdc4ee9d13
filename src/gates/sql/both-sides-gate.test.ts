import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { bothSidesGate } from './both-sides-gate.ts';
import { differAtMost } from './within.ts';

const never = new AbortController().signal;

async function ask(blue: string | null, green: string | null, within?: string): Promise<GateAnswer> {
  const options = { id: 'g', sql: 'select 1', ...(within === undefined ? {} : { within }) };
  return bothSidesGate(options, async (side) => (side === 'blue' ? blue : green)).ask(never);
}

describe('a query on both sides', () => {
  test('is compared as text, and no value is told', async () => {
    expect(await ask('a secret', 'a secret')).toEqual({ answer: 'yes', evidence: 'the same value on both sides' });
    expect(await ask('a secret', 'another')).toEqual({
      answer: 'not yet',
      evidence: 'the sides give different values',
    });
    // What is written otherwise is another text: 007 is not 7.
    expect(await ask('1.0', '1.00')).toMatchObject({ answer: 'not yet' });
    expect(await ask(null, null)).toMatchObject({ answer: 'yes', evidence: 'NULL or no row on both sides' });
    expect(await ask(null, '0')).toMatchObject({ answer: 'not yet', evidence: expect.stringContaining('on blue') });
    expect(await ask('0', null, '1')).toMatchObject({
      answer: 'not yet',
      evidence: expect.stringContaining('on green'),
    });
  });

  test('is compared as numbers where a distance is allowed', async () => {
    expect(await ask('1.0', '1.00', '0')).toMatchObject({ answer: 'yes' });
    expect(await ask('100.00', '100.01', '0.01')).toMatchObject({ answer: 'yes' });
    expect(await ask('100.00', '100.011', '0.01')).toMatchObject({ answer: 'not yet' });
    expect(await ask('NaN', 'NaN', '1')).toMatchObject({ answer: 'yes' });
    expect(await ask('NaN', '1', '1')).toMatchObject({ answer: 'cannot tell' });
  });

  test('says what it asks', () => {
    const asks = (within?: string): string =>
      bothSidesGate({ id: 'g', sql: 's', ...(within === undefined ? {} : { within }) }, async () => null).asks;
    expect(asks()).toBe('does the query give the same value on both sides?');
    expect(asks('0.5')).toBe('does the query give values at most 0.5 apart on both sides?');
  });

  test('that one side does not answer is "cannot tell"', async () => {
    const gate = bothSidesGate({ id: 'g', sql: 's' }, async (side) => {
      if (side === 'green') throw new Error('the server is gone');
      return '1';
    });
    expect(await gate.ask(never)).toEqual({ answer: 'cannot tell', evidence: 'the server is gone' });
  });
});

describe('the distance of two decimals', () => {
  test.each([
    ['12345678901234567890.1', '12345678901234567890.2', '0.1', true],
    ['12345678901234567890.1', '12345678901234567890.3', '0.1', false],
    ['-1', '1', '2', true],
    ['1e3', '1000', '0', true],
    ['1.5E-3', '0.0015', '0', true],
    ['.5', '+0.50', '0', true],
    ['1', '1.0000001', '1e-7', true],
    ['', '1', '5', undefined],
    ['.', '1', '5', undefined],
    ['1e99999', '1', '5', undefined],
    ['0x10', '16', '5', undefined],
  ])('%s and %s, at most %s: %s', (a, b, limit, expected) => expect(differAtMost(a, b, limit)).toBe(expected));

  test('is that of whole numbers, however they are scaled', () => {
    const whole = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    fc.assert(
      fc.property(whole, whole, fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.nat(40), (a, b, limit, places) => {
        const text = (n: bigint): string => `${n}e-${places}`;
        const distance = a > b ? a - b : b - a;
        expect(differAtMost(text(a), text(b), text(limit))).toBe(distance <= limit);
      }),
      { numRuns: 300 },
    );
  });
});
