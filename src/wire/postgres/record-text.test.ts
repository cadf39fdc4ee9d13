import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecordText } from './record-text.ts';

/** As `record_out` of PostgreSQL writes a row (utils/adt/rowtypes.c). */
function recordOut(fields: readonly (string | null)[]): string {
  const written = fields.map((field) => {
    if (field === null) return '';
    const quoted = field === '' || /["\\(),\s]/.test(field);
    return quoted ? `"${field.replaceAll('\\', '\\\\').replaceAll('"', '""')}"` : field;
  });
  return `(${written.join(',')})`;
}

describe('the text of a row', () => {
  test.each([
    ['(1,abc)', ['1', 'abc']],
    ['(,)', [null, null]],
    ['("",)', ['', null]],
    ['("a,b)","(c")', ['a,b)', '(c']],
    ['("say ""x""","back\\\\slash")', ['say "x"', 'back\\slash']],
    ['("""",x)', ['"', 'x']],
    ['("(1,""a b"")")', ['(1,"a b")']],
  ])('%s', (text, fields) => {
    expect(parseRecordText(text)).toEqual(fields);
  });

  test('of any values is read as it was', () => {
    const cell = fc.option(fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '(', ')', ' ', '\n', 'é') }), {
      nil: null,
    });
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1 }), (fields) => {
        expect(parseRecordText(recordOut(fields))).toEqual(fields);
      }),
    );
  });

  test.each(['', '(', '1,2', '("a', '("a"b)', '(a'])('%s is refused', (text) => {
    expect(() => parseRecordText(text)).toThrow('TEAL-WIRE-001');
  });
});
