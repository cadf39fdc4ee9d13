import { expect, test } from 'vitest';
import { fieldType } from '../../../../wire/mysql/binary-values.ts';
import { tokensOf } from '../shadow/tokens.ts';
import { MysqlRedactor } from './redact.ts';

const redactor = new MysqlRedactor('00ff'.repeat(16));

test('of a statement only its values are replaced, names keep their case, and comments go', () => {
  const text = `SELECT \`Name\`, 'O''Brien', "say \\"Ada\\"" /* for Ada */ FROM People p WHERE p.Id = 4711 AND h = x'416461' AND b = b'1010' AND n = ? # Ada`;
  const redacted = redactor.statement(text) ?? '';
  expect(redacted).toMatch(
    /^SELECT `Name`, '[A-Z]''[A-Z][a-z]{4}', "[a-z]{3} [a-z][A-Z][a-z]{3}" FROM People p WHERE p\.Id = \d{4} AND h = x'[\da-f]{6}' AND b = b'1111' AND n = \?$/,
  );
  expect(redacted).not.toMatch(/O''Brien|4711|Ada|416461/);
  expect(tokensOf(redacted)?.length).toBe(tokensOf(text)?.length);
  expect(redactor.statement(`select 'it does not end`)).toBeUndefined();
  expect(redactor.statement('select 1 /*! into outfile "Ada" */')).toBeUndefined();
});

test('settings keep their values, what a user sets does not', () => {
  const settings = `SET NAMES 'utf8mb4', @@session.sql_mode = 'ANSI', time_zone = '+03:00'`;
  expect(redactor.statement(settings)).toBe(settings);
  for (const text of [
    `set @a = 'Ada'`,
    `set sql_mode = 'ANSI', @a := 'Ada'`,
    `set password = 'Ada'`,
    `set sql_mode = ''; select 'Ada'`,
  ]) {
    expect(redactor.statement(text)).not.toContain('Ada');
  }
});

const bytes = (type: number, value: Buffer): Buffer =>
  Buffer.from(redactor.bound({ types: [type], values: [value.toString('latin1')] }).values[0] ?? '', 'latin1');

test('parameters stay of their type and length: numbers no larger, days that are some, and equal to what they are as text', () => {
  const long = Buffer.alloc(4);
  long.writeInt32LE(-4711);
  const number = bytes(fieldType.long, long).readInt32LE();
  expect(number).toBeGreaterThanOrEqual(-4711);
  expect(number).toBeLessThanOrEqual(-1000);
  expect(redactor.statement('4711')).toBe(String(-number));
  const most = Buffer.alloc(8, 0xff);
  expect(bytes(fieldType.longlong | 0x8000, most).readBigUInt64LE()).toBeLessThanOrEqual(2n ** 64n - 1n);
  const double = Buffer.alloc(8);
  double.writeDoubleLE(-1234.5);
  expect(bytes(fieldType.double, double).readDoubleLE()).toBeLessThan(0);
  const moment = bytes(fieldType.datetime, Buffer.from('e2070c1f0a3b3b40420f00', 'hex'));
  expect(moment).toHaveLength(11);
  expect(moment.readUInt16LE()).toBeLessThanOrEqual(2018);
  expect([moment[2], moment[3]].every((part = 0) => part >= 1 && part <= 28)).toBe(true);
  expect(moment[4]).toBeLessThanOrEqual(10);
  expect(bytes(fieldType.varString, Buffer.from('Ada')).toString()).toMatch(/^[A-Z][a-z]{2}$/);
  expect(redactor.bound({ types: [fieldType.blob, fieldType.date], values: [null, ''] }).values).toEqual([null, '']);
});
