import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldType } from './binary-values.ts';
import { encodeExecution, readBound } from './plain-command.ts';

const text = (bytes: string): string => Buffer.from(bytes, 'hex').toString('latin1');

/** MySQL manual, "COM_STMT_EXECUTE": its example, with a NULL, an unsigned and a date beside its text. */
const told = '17 01000000 00 01000000 02 01 fd00 0600 0380 0c00 03666f6f 01020304 0be2071f0a0b0c0d01000000'.replaceAll(
  ' ',
  '',
);
const bound = {
  types: [fieldType.varString, fieldType.null, fieldType.long | 0x8000, fieldType.datetime],
  values: ['foo', null, text('01020304'), text('e2071f0a0b0c0d01000000')],
};

test('an execution is read, and said again byte for byte', () => {
  const bytes = Buffer.from(told, 'hex');
  expect(readBound(bytes.subarray(5), 4)).toEqual(bound);
  expect(encodeExecution(1, bound).toString('hex')).toBe(told);
  expect(encodeExecution(7, { types: [], values: [] }).toString('hex')).toBe('17070000000001000000');
  expect(readBound(Buffer.from('0001000000', 'hex'), 0)).toEqual({ types: [], values: [] });
});

const lengths: readonly (readonly [type: number, least: number, most: number])[] = [
  [fieldType.tiny, 1, 1],
  [fieldType.short, 2, 2],
  [fieldType.double, 8, 8],
  [fieldType.time, 0, 12],
  [fieldType.blob, 0, 70_000],
];
const parameter = fc
  .constantFrom(...lengths)
  .chain(([type, minLength, maxLength]) =>
    fc.tuple(fc.constant(type), fc.option(fc.uint8Array({ minLength, maxLength }), { nil: null })),
  );

test('whatever is bound comes back', () => {
  fc.assert(
    fc.property(fc.array(parameter, { maxLength: 20 }), (parameters) => {
      const types = parameters.map(([type]) => type);
      const values = parameters.map(([, value]) => (value === null ? null : Buffer.from(value).toString('latin1')));
      const bytes = encodeExecution(1, { types, values });
      expect(readBound(bytes.subarray(5), types.length)).toEqual({ types, values });
    }),
    { numRuns: 100 },
  );
});

test.each([
  ['a cursor', '0101000000', 0],
  ['an end within a value', '0001000000 00 01 fd00 05 66', 1],
  ['more than its values', '0001000000 00 01 0100 01 02', 1],
  ['types that were bound before', '0001000000 00 00 01', 1],
  ['a type that nobody knows', '0001000000 00 01 6300 01', 1],
])('%s is refused', (_, hex, parameters) => {
  expect(() => readBound(Buffer.from(hex.replaceAll(' ', ''), 'hex'), parameters)).toThrow('TEAL-WIRE-001');
});
