import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSelected, tableMatches } from './table-selection.ts';

/** Names as people give them: with everything that means something in a regular expression, with dots, quotes and line ends. */
const name = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '*', '+', '(', '[', '\\', '$', '"', '\n', 'é', 'A'),
  minLength: 1,
  maxLength: 6,
});
const table = fc.record({ schema: name, name });
const pattern = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '*', '*', '+', '(', '\\', '$', '\n', 'é'),
  maxLength: 8,
});

/** The meaning of a pattern, letter by letter. */
function matches(text: string, glob: string): boolean {
  if (glob === '') return text === '';
  if (glob.startsWith('*')) return matches(text, glob.slice(1)) || (text !== '' && matches(text.slice(1), glob));
  return text[0] === glob[0] && matches(text.slice(1), glob.slice(1));
}

describe('which tables a pattern means', () => {
  test('`*` is any run of characters, everything else is itself', () => {
    let matched = 0;
    fc.assert(
      fc.property(table, pattern, (one, glob) => {
        const due = matches(`${one.schema}.${one.name}`, glob);
        expect(tableMatches(one, glob)).toBe(due);
        if (due) matched += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(matched).toBeGreaterThan(50);
  });

  test('a table’s own name means it, and what replaces any part of it by `*` does, too', () => {
    const plain = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '+', '(', '\\', '$', '\n'),
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(plain, plain, fc.nat(), fc.nat(), (schema, own, from, length) => {
        const whole = `${schema}.${own}`;
        const at = from % whole.length;
        expect(tableMatches({ schema, name: own }, whole)).toBe(true);
        expect(tableMatches({ schema, name: own }, `${whole.slice(0, at)}*${whole.slice(at + (length % 4))}`)).toBe(
          true,
        );
      }),
    );
  });

  test('what is excluded wins, nothing said means everything, an empty list means nothing', () => {
    fc.assert(
      fc.property(
        table,
        fc.array(pattern, { maxLength: 4 }),
        fc.array(pattern, { maxLength: 2 }),
        (one, include, exclude) => {
          const text = `${one.schema}.${one.name}`;
          const due = include.some((glob) => matches(text, glob)) && !exclude.some((glob) => matches(text, glob));
          expect(isSelected(one, { include, exclude })).toBe(due);
          expect(isSelected(one, {})).toBe(true);
          expect(isSelected(one, { include: [] })).toBe(false);
        },
      ),
    );
  });
});
