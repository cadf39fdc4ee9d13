import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MysqlColumn } from '../model/mysql-catalog.ts';
import { parseType } from '../model/mysql-type.ts';
import { equalityOf, icuCollationFor, likeIcu } from './collations.ts';
import { checksFor, integerRange } from './data-checks.ts';
import { mapDefault } from './defaults.ts';
import { Namespace } from './names.ts';
import { column, expression, literal } from './test-support/catalog.ts';
import { readTarget } from './target-type.ts';
import { typeRules } from './type-rules.ts';

describe('collations', () => {
  test.each([
    ['utf8mb4_general_ci', 'und-u-ks-level1', true],
    ['utf8mb4_0900_ai_ci', 'und-u-ks-level1', false],
    ['utf8mb4_0900_as_ci', 'und-u-ks-level2', false],
    ['utf8mb4_0900_as_cs', undefined, false],
    ['utf8mb4_0900_bin', undefined, true],
    ['utf8mb4_bin', undefined, true],
    ['latin1_general_cs', undefined, true],
    ['latin1_swedish_ci', 'sv-u-ks-level1', true],
    ['utf8mb4_sv_0900_ai_ci', 'sv-u-ks-level1', false],
    ['utf8mb4_de_pb_0900_ai_ci', 'de-u-co-phonebk-ks-level1', false],
    ['utf8mb3_german2_ci', 'de-u-co-phonebk-ks-level1', true],
    ['utf8mb4_unicode_520_ci', 'und-u-ks-level1', true],
    ['utf8mb4_uca1400_ai_ci', 'und-u-ks-level1', true],
    ['utf8mb4_uca1400_nopad_as_ci', 'und-u-ks-level2', false],
    ['utf8mb4_uca1400_swedish_ai_cs', 'sv-u-kc-true-ks-level1', true],
    ['utf8mb4_nopad_bin', undefined, false],
    ['latin1_general_ci', 'und-u-ks-level2', true],
    ['utf8mb3_general_mysql500_ci', 'und-u-ks-level1', true],
    ['utf8mb4_sr_latn_0900_ai_ci', 'sr-Latn-u-ks-level1', false],
  ])('%s is %s', (name, locale, pads) => {
    const equality = equalityOf(name);
    expect(icuCollationFor(equality)?.locale).toBe(locale);
    expect(equality.pads).toBe(pads);
    expect(equality.unknownLanguage).toBe(false);
  });

  test('a language without a locale is told, and the search takes the server’s own names', () => {
    expect(equalityOf('utf8mb4_klingon_ci')).toMatchObject({ unknownLanguage: true, locale: 'und' });
    expect(likeIcu(equalityOf('latin1_swedish_ci'), 'mysql')).toBe('utf8mb4_sv_0900_ai_ci');
    expect(likeIcu(equalityOf('latin1_swedish_ci'), 'mariadb')).toBe('utf8mb4_uca1400_swedish_nopad_ai_ci');
    expect(likeIcu(equalityOf('utf8mb4_0900_as_ci'), 'mysql')).toBe('utf8mb4_0900_as_ci');
    expect(likeIcu(equalityOf('utf8mb4_general_ci'), 'mariadb')).toBe('utf8mb4_uca1400_nopad_ai_ci');
  });
});

describe('defaults', () => {
  const sqlOf = (type: string, more: Partial<MysqlColumn>, target = 'text'): string | undefined => {
    const mapped = mapDefault(column('c', type, more), parseType(type), target);
    return mapped?.sql ?? mapped?.note;
  };

  test.each([
    ['int unsigned zerofill', literal('0042'), 'bigint', '42'],
    ['int', literal('-0'), 'integer', '-0'],
    ['tinyint(1)', literal('0'), 'boolean', 'false'],
    ['decimal(5,2)', literal('+1.50'), 'numeric(5,2)', '1.50'],
    ['double', literal('1e100'), 'double precision', '1e100'],
    ['bit(3)', literal('001'), 'bit(3)', `B'001'`],
    ['varchar(9)', literal(`it's \\`), 'varchar(9)', String.raw`E'it''s \\'`],
    ['varbinary(9)', literal('\\x00ff'), 'bytea', String.raw`E'\\x00ff'`],
    ["enum('a')", literal('a'), 'text', `'a'`],
    ["set('a','b')", literal('a,b'), 'text', `'a,b'`],
    ['date', literal('2024-02-29'), 'date', `'2024-02-29'`],
    ['timestamp', literal('2024-01-01 00:00:00'), 'timestamp(0) with time zone', `'2024-01-01 00:00:00+00'`],
    ['time', literal('-10:00:00'), 'interval(0)', `'-10:00:00'`],
    ['year', literal('2024'), 'smallint', '2024'],
    ['int', literal('7'), 'text', `'7'`],
    ['timestamp(6)', expression('current_timestamp(6)'), 'timestamp(6) with time zone', 'CURRENT_TIMESTAMP(6)'],
    ['datetime', expression('(now())'), 'timestamp(0)', 'LOCALTIMESTAMP(0)'],
    ['date', expression('(curdate())'), 'date', 'CURRENT_DATE'],
    ['char(36)', expression('(uuid())'), 'varchar(36)', '(gen_random_uuid())::text'],
    ['int', expression('(1 + 1)'), 'integer', '((1 + 1))'],
    ['text', expression(`(_utf8mb4'abc')`), 'text', `('abc')`],
    ['json', expression('json_array()'), 'json', `'[]'`],
  ] as const)('%s %o', (type, value, target, sql) => {
    expect(sqlOf(type, value, target)).toBe(sql);
  });

  test.each([
    ['tinyint(1)', literal('2'), 'boolean'],
    ['int', literal('x'), 'integer'],
    ['bit(1)', literal('11'), 'bit(1)'],
    ['varbinary(3)', literal('abc'), 'bytea'],
    ["enum('a')", literal(''), 'text'],
    ['date', literal('2023-02-29'), 'date'],
    ['date', literal('0000-00-00'), 'date'],
    ['datetime', literal('2024-00-01 00:00:00'), 'timestamp'],
    ['text', literal('a\0b'), 'text'],
    ['time', expression('current_timestamp()'), 'interval'],
    ['bit(1)', literal('1'), 'boolean'],
    ['binary(1)', literal('\\x00'), 'uuid'],
    ['int', expression('(floor(rand() * 10))'), 'integer'],
    ['int', expression(`('a')`), 'integer'],
    ['binary(16)', expression('(uuid_to_bin(uuid()))'), 'bytea'],
  ] as const)('%s %o is left out, and told', (type, value, target) => {
    expect(sqlOf(type, value, target)).toMatch(/^the default is left out: /);
  });

  test('none is none', () => {
    expect(sqlOf('int', {})).toBeUndefined();
  });
});

describe('names', () => {
  test('are unique and no longer than 63 bytes, whatever is asked, and whole where they can be', () => {
    const names = fc.array(
      fc.oneof(
        fc.constantFrom('a', 'é'.repeat(40), 'x'.repeat(63)),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }),
      ),
    );
    fc.assert(
      fc.property(names, (wanted) => {
        const space = new Namespace();
        const given = wanted.map((name) => space.take(name));
        expect(new Set(given).size).toBe(given.length);
        for (const [at, name] of given.entries()) {
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
          expect(name.isWellFormed()).toBe(true);
          const isFirst = wanted.indexOf(wanted[at] ?? '') === at && !given.slice(0, at).includes(wanted[at] ?? '');
          if (isFirst && Buffer.byteLength(wanted[at] ?? '') <= 63) expect(name).toBe(wanted[at]);
        }
      }),
    );
  });
});

describe('rules', () => {
  test('have names of their own, and each takes its own example first', () => {
    expect(new Set(typeRules.map(({ name }) => name)).size).toBe(typeRules.length);
    for (const rule of typeRules) {
      const question = {
        type: parseType(rule.example),
        zerofill: false,
        counts: rule.name === 'unsigned-big-counter',
        notBoolean: false,
        holdsJson: rule.name === 'json-text',
      };
      expect(typeRules.find((each) => each.takes(question))?.name).toBe(rule.name);
    }
  });

  test('a target holds every number of its source, but for the counter', () => {
    for (const { name, example, targetType } of typeRules) {
      const type = parseType(example);
      const looked = checksFor(type, targetType(type)).includes('outOfRange');
      if (integerRange(type) !== undefined && name !== 'boolean')
        expect([name, looked]).toEqual([name, name === 'unsigned-big-counter']);
    }
  });

  test.each([
    ['bigint unsigned', 'bigint', ['outOfRange']],
    ['bigint unsigned', 'numeric(20,0)', []],
    ['decimal(10,2)', 'numeric(10,2)', []],
    ['decimal(10,2)', 'numeric(9,2)', ['outOfRange']],
    ['double', 'integer', ['outOfRange']],
    ['int', 'boolean', ['notBoolean']],
    ['time', 'time(3) without time zone', ['timeBeyondDay']],
    ['time', 'interval', []],
    ['varchar(10)', 'varchar(10)', ['nulByte', 'invalidText']],
    ['varchar(10)', 'varchar(9)', ['nulByte', 'invalidText', 'tooLong']],
    ['mediumtext', 'text', ['nulByte', 'invalidText']],
    ['longtext', 'text', ['nulByte', 'invalidText', 'tooLong']],
    ['longblob', 'bytea', ['tooLong']],
    ['longtext', 'jsonb', ['nulByte', 'invalidText', 'tooLong', 'invalidJson', 'nulInJson']],
    ['json', 'json', []],
    ['timestamp', 'timestamptz', ['zeroDate']],
    ['datetime', 'timestamp', ['zeroDate', 'partialDate']],
  ])('%s into %s: %o', (source, target, checks) => {
    expect(checksFor(parseType(source), target)).toEqual(checks);
  });

  test('targets are read apart, also those of a user’s', () => {
    expect(readTarget('timestamp(3) with time zone')).toEqual({ name: 'timestamp with time zone', first: 3 });
    expect(readTarget('NUMERIC ( 5 , 2 )')).toEqual({ name: 'numeric', first: 5, second: 2 });
    expect(readTarget('double precision')).toEqual({ name: 'double precision' });
    expect(readTarget('Character  Varying(5)')).toEqual({ name: 'varchar', first: 5 });
    expect(readTarget('TIMESTAMPTZ(3)')).toEqual({ name: 'timestamp with time zone', first: 3 });
    expect(readTarget('char')).toEqual({ name: 'char', first: 1 });
    expect(readTarget('int4')).toEqual({ name: 'integer' });
    expect(readTarget('my."type"[]')).toEqual({ name: 'my."type"[]' });
  });
});
