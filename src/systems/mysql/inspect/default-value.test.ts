import { expect, test } from 'vitest';
import { defaultOf, expressionText } from './default-value.ts';

const literal = (text: string): object => ({ kind: 'literal', text });
const expression = (text: string): object => ({ kind: 'expression', text });

test.each([
  ['int', null, '', undefined],
  ['varchar(10)', '', '', literal('')],
  ['varchar(10)', 'NULL', '', literal('NULL')],
  ['varchar(20)', 'current_timestamp()', '', literal('current_timestamp()')],
  ['varchar(20)', `b'101'`, '', literal(`b'101'`)],
  ['varchar(20)', '0x41', '', literal('0x41')],
  ['int', '-7', '', literal('-7')],
  ['bit(8)', `b'101'`, '', literal('00000101')],
  ['bit(1)', `b'0'`, '', literal('0')],
  ['binary(4)', '0x41FF', '', literal('\\x41ff')],
  ['timestamp', 'CURRENT_TIMESTAMP', 'DEFAULT_GENERATED on update CURRENT_TIMESTAMP', expression('CURRENT_TIMESTAMP')],
  ['text', `_utf8mb4\\'it\\\\\\'s\\'`, 'DEFAULT_GENERATED', expression(`_utf8mb4'it\\'s'`)],
])('of MySQL: %s %s %s', (type, text, extra, expected) => {
  expect(defaultOf('mysql', { type, default_text: text, extra })).toEqual(expected);
});

test.each([
  ['int(11)', null, undefined],
  ['varchar(10)', 'NULL', undefined],
  ['varchar(10)', `'NULL'`, literal('NULL')],
  ['varchar(10)', `''`, literal('')],
  ['varchar(40)', `'it''s \\\\ \\n \\0 "a"'`, literal('it\'s \\ \n \0 "a"')],
  ['varchar(40)', `'current_timestamp()'`, literal('current_timestamp()')],
  ['int(11)', '-7', literal('-7')],
  ['double', '1e-10', literal('1e-10')],
  ['decimal(10,2)', '1.50', literal('1.50')],
  ['bit(8)', `b'101'`, literal('00000101')],
  ['varbinary(4)', `'A'`, literal('\\x41')],
  ['datetime', 'current_timestamp()', expression('current_timestamp()')],
  ['int(11)', `'1' + '2'`, expression(`'1' + '2'`)],
  ['varchar(40)', `concat('a','b')`, expression(`concat('a','b')`)],
])('of MariaDB: %s %s', (type, text, expected) => {
  expect(defaultOf('mariadb', { type, default_text: text, extra: '' })).toEqual(expected);
});

test('an expression is as SHOW CREATE TABLE writes it, whether information_schema escapes it or not', () => {
  const written = `(\`a\` <> _utf8mb4'it\\'s \\\\ \\n')`;
  expect(expressionText('mysql', `(\`a\` <> _utf8mb4\\'it\\\\\\'s \\\\\\\\ \\\\n\\')`)).toBe(written);
  expect(expressionText('mysql', written)).toBe(written);
  expect(expressionText('mariadb', written)).toBe(written);
});
