import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import { writePlain } from './plain-text.ts';
import { columnWriter } from './to-sql.ts';

const types = [
  'int',
  'bigint unsigned',
  'decimal(10,2)',
  'decimal(10,0)',
  'char(4)',
  'varchar(3)',
  'tinytext',
  'longtext',
  'json',
  'date',
  'datetime(3)',
  'timestamp',
];
const letters = fc.constantFrom(...Array.from(`0123456789-.+: Tt'\\"aéß`), '2024-02-29', '00:00:00', '+00');
const texts = fc.oneof(
  fc.array(letters, { maxLength: 8 }).map((parts) => Buffer.from(parts.join(''))),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
);

test('what is plain is written as the column writes it, and nothing that it refuses is plain', () => {
  let plain = 0;
  fc.assert(
    fc.property(fc.constantFrom(...types), texts, fc.nat(3), (type, text, before) => {
      const writer = columnWriter({ table: { schema: 's', name: 't' }, name: 'c', type });
      const bytes = Buffer.concat([Buffer.alloc(before, '7'), text, Buffer.from('7')]);
      const out = Buffer.alloc(before + text.length + 3);
      const end =
        writer.plain === undefined ? -1 : writePlain(writer.plain, bytes, before, before + text.length, out, before);
      if (end === -1) return;
      plain += 1;
      expect(out.toString('utf8', before, end)).toBe(literal(writer, text));
    }),
    { numRuns: 3_000, seed: 1 },
  );
  // A test that meets nothing tells nothing.
  expect(plain).toBeGreaterThan(300);
});

function literal(writer: ReturnType<typeof columnWriter>, text: Buffer): string {
  try {
    return writer.literal(text);
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

test.each([
  ['int', '-2147483648', '-2147483648'],
  ['decimal(10,2)', '-1.50', '-1.50'],
  ['varchar(3)', 'aé', `'aé'`],
  ['json', '{"a": 1}', `'{"a": 1}'`],
  ['date', '2024-02-29', `'2024-02-29'`],
  ['datetime', '2024-02-29 01:02:03', `'2024-02-29 01:02:03'`],
  ['timestamp', '2024-02-29 01:02:03+00', `'2024-02-29 01:02:03'`],
])('%s: %s is plain', (type, text, wanted) => {
  const { plain } = columnWriter({ table: { schema: 's', name: 't' }, name: 'c', type });
  const out = Buffer.alloc(40);
  const bytes = Buffer.from(text);
  expect(plain && out.toString('utf8', 0, writePlain(plain, bytes, 0, bytes.length, out, 0))).toBe(wanted);
});
