import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import { columnWriter } from './to-sql.ts';

const table = { schema: 'shop', name: 'item' };

function written(type: string, text: string | Buffer, sourceTypeOid?: number): string {
  const column = { table, name: 'c', type, ...(sourceTypeOid === undefined ? {} : { sourceTypeOid }) };
  try {
    return columnWriter(column).literal(Buffer.from(text));
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYNC-130')) throw error;
    expect(error.facts).toMatchObject({ schema: 'shop', table: 'item', column: 'c' });
    return 'refused';
  }
}

describe('a canonical text as SQL', () => {
  const same: readonly (readonly [string, string, string])[] = [
    ['int(11)', '-2147483648', '-2147483648'],
    ['bigint(20) unsigned', '18446744073709551615', '18446744073709551615'],
    ['tinyint(1)', 't', '1'],
    ['tinyint(1)', 'f', '0'],
    ['decimal(10,2)', '-12345678.90', '-12345678.90'],
    ['decimal(10,2)', '1.5000', '1.50'],
    ['decimal(10,0)', '7', '7'],
    ['double', '0.1', '0.1e0'],
    ['double', '1.7976931348623157e+308', '1.7976931348623157e+308'],
    ['float', '3.4028235e+38', '3.4028234663852886e+38'],
    ['float', '-0', '-0e0'],
    ['float', '0.1', '0.10000000149011612e0'],
    ['bit(1)', 't', '1'],
    ['bit(12)', '000000000101', '5'],
    ['bit(64)', '1'.repeat(64), '18446744073709551615'],
    ['varchar(20)', `it's \\ "so"`, `'it''s \\\\ "so"'`],
    ['varchar(3)', 'x  ', `'x  '`],
    ['char(4)', 'ab', `'ab'`],
    ['binary(2)', '\\x4100', `X'4100'`],
    ['binary(16)', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', `X'a0eebc999c0b4ef8bb6d6bb9bd380a11'`],
    ['blob', '\\x', `X''`],
    ['date', '2024-02-29', `'2024-02-29'`],
    ['datetime(6)', '2024-01-01 00:00:00.000001', `'2024-01-01 00:00:00.000001'`],
    ['datetime', '2024-01-01 00:00:00.000', `'2024-01-01 00:00:00'`],
    ['datetime', '2024-01-01', `'2024-01-01 00:00:00'`],
    ['timestamp(3)', '2024-10-27 02:30:00.5+02', `'2024-10-27 00:30:00.5'`],
    ['timestamp', '2024-10-27 02:30:00-05:30', `'2024-10-27 08:00:00'`],
    ['timestamp', '2024-01-01 00:00:00+00', `'2024-01-01 00:00:00'`],
    ['datetime', '0001-01-01 00:00:00+00:19:32', `'0000-12-31 23:40:28'`],
    ['time', '838:59:59', `'838:59:59'`],
    ['time', '-838:59:59', `'-838:59:59'`],
    ['time', '34 days 22:59:59', `'838:59:59'`],
    ['time', '-1 days +02:03:04', `'-21:56:56'`],
    ['time', '3 days', `'72:00:00'`],
    ['time(6)', '00:00:00.000001', `'00:00:00.000001'`],
    ['time(6)', '-00:00:00.5', `'-00:00:00.500000'`],
    ['year(4)', '2024', `'2024'`],
    ['year(4)', '0', `'0000'`],
    [`enum('a','it''s','')`, `it's`, `'it''s'`],
    [`enum('a','')`, '', `''`],
    [`set('a','b')`, 'a,b', `'a,b'`],
    [`set('a','b')`, '', `''`],
    ['json', '{"a": "\\n"}', `'{"a": "\\\\n"}'`],
    ['point', '\\x00000000', `X'00000000'`],
    ['uuid', 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11', `'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'`],
    ['inet6', '::1', `'::1'`],
  ];
  test.each(same)('%s takes %s as %s', (type, text, sql) => {
    expect(written(type, text)).toBe(sql);
  });

  // The server itself would take each of these, as something else.
  const refused: readonly (readonly [string, string])[] = [
    ['int(11)', '1.5'],
    ['int(11)', ''],
    ['int(11)', 'true'],
    ['decimal(10,2)', '1.005'],
    ['decimal(10,2)', 'NaN'],
    ['decimal(10,2)', 'Infinity'],
    ['decimal(10,2)', '1e3'],
    ['double', 'NaN'],
    ['double', '-Infinity'],
    ['double', '1e400'],
    ['float', '0.12345678901'],
    ['float', '1e39'],
    ['double(10,2)', '1.234'],
    ['bit(4)', '101'],
    ['bit(4)', 't'],
    ['varchar(3)', 'äöü '],
    ['char(4)', 'ab '],
    ['binary(4)', '\\x41'],
    ['blob', 'text'],
    ['blob', '\\x4'],
    ['blob', `\\x41' or 1`],
    ['date', 'infinity'],
    ['date', '0044-03-15 BC'],
    ['date', '10000-01-01'],
    ['date', '2024-01-02 10:00:00'],
    ['datetime', '-infinity'],
    ['datetime', '2024-01-01 00:00:00.5'],
    ['datetime(3)', '2024-01-01 00:00:00.0001'],
    ['datetime', '9999-12-31 23:30:00-01'],
    ['datetime', '294276-12-31 23:59:59.999999'],
    ['time', '1 mon'],
    ['time', '1 year 2 days'],
    ['time', '839:00:00'],
    ['time', '12:34:56+02'],
    ['time', '11:12'],
    ['time', ''],
    ['year(4)', '24'],
    ['year(4)', '-5'],
    [`enum('a','b')`, 'A'],
    [`enum('a','b')`, '2'],
    [`enum('a','b')`, ''],
    [`set('a','b')`, 'b,c'],
    [`set('a','b')`, '3'],
    ['inet4', '10.0.0.0/8'],
    ['uuid', 'nobody'],
  ];
  test.each(refused)('%s refuses %s', (type, text) => {
    expect(written(type, text)).toBe('refused');
  });

  test('bytes that are no UTF-8 are no text, and the blanks of character(n) are none of its own', () => {
    expect(written('varchar(20)', Buffer.from([0x61, 0xff]))).toBe('refused');
    expect(written('char(4)', 'ab  ', 1042)).toBe(`'ab'`);
    expect(() => written('vector(3)', 'x')).toThrow(/TEAL-SYSTEMS-304/);
  });

  test('every single and every double comes through', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const shortest = Array.from({ length: 9 }, (_, digits) => value.toPrecision(digits + 1)).find(
          (text) => Math.fround(Number(text)) === value,
        );
        return written('float', shortest ?? '') !== 'refused' && written('float', String(value)) !== 'refused';
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = Object.is(value, -0) ? '-0' : String(value);
        return Object.is(Number(written('double', text)), value);
      }),
    );
  });

  test('what is compared is exact', () => {
    const writer = (type: string) => columnWriter({ table, name: 'c', type });
    expect(writer('float').equals('`c`', Buffer.from('0.1'))).toBe('`c` = 0.10000000149011612e0');
    expect(writer('varchar(9)').holds('`c`', Buffer.from('é'))).toBe(
      "`c` = 'é' and cast(convert(`c` using utf8mb4) as binary) = X'c3a9'",
    );
    expect(writer('bit(12)').parameter(Buffer.from('000000000101'))).toEqual(Buffer.from([0, 5]));
    expect(writer('blob').parameter(Buffer.from('\\x0aff'))).toEqual(Buffer.from([10, 255]));
  });
});
