import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../../test/support/postgres.ts';
import { must } from '../../../kernel/assert.ts';
import type { DigestForm, DigestTable } from '../../../ports/digester.ts';
import { hashedRows, hashProbeSql } from './row-hash.ts';
import { rangesOf } from './side.ts';

/** Letters out of which one column could be mistaken for two: everything that record_out quotes or separates with, and what is nearly nothing. */
const value = fc.option(
  fc.string({ unit: fc.constantFrom(',', '"', '(', ')', '\\', ' ', 'a', 'N', '\n', 'é', '{', '}'), maxLength: 3 }),
  { nil: null },
);
const rows = fc.uniqueArray(fc.tuple(value, value, value), {
  minLength: 100,
  maxLength: 300,
  selector: (row) => JSON.stringify(row),
});

function tableOf(sameType: boolean): DigestTable {
  const column = (name: string, type: string) => ({ name, type, sameType, generated: false });
  return {
    schema: 'public',
    name: 't',
    oid: 0,
    columns: [column('a', 'text'), column('b', 'text'), column('c', 'character varying(5)')],
    key: [],
    buckets: 1,
  };
}

const forms: readonly { readonly form: DigestForm; readonly sameType: boolean }[] = [
  { form: 'quick', sameType: true },
  { form: 'quick', sameType: false },
  { form: 'text', sameType: true },
];

test('no two different rows have one form', async () => {
  await using database = await testDatabase(greenMajor());
  await database.query(`create table t (a text, b text, c varchar(5))`);
  await fc.assert(
    fc.asyncProperty(rows, async (all) => {
      await database.query('truncate t');
      await database.query(`insert into t select j ->> 0, j ->> 1, j ->> 2 from json_array_elements($1::json) j`, [
        JSON.stringify(all),
      ]);
      for (const { form, sameType } of forms) {
        const [counted] = await database.query(
          `select count(distinct (h0, h1))::text as n from (${hashedRows(tableOf(sameType), form, [])}) hashed`,
        );
        expect(counted?.['n']).toBe(String(all.length));
      }
    }),
    { numRuns: 25 },
  );
});

test('the hash functions of the oldest and the newest version agree, so that the quick form can be compared', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const [a, b] = [await blue.query(hashProbeSql), await green.query(hashProbeSql)];
  expect(must(a[0]?.['probe'], 'probe').split(' ')).toHaveLength(18);
  expect(a).toEqual(b);
});

test('ranges hold every page once, whatever the number of parts', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(`create table t (a text); insert into t select repeat('x', 700) from generate_series(1, 500)`);
  const [size] = await database.query(
    `select pg_relation_size('t') / 8192 as pages, count(distinct ctid)::text as rows from t`,
  );
  const pages = Number(size?.['pages']);
  for (const parts of [1, 2, 7, pages, pages + 10]) {
    const selects = rangesOf(pages, parts).map((range) => `select ctid from t where ${range}`);
    expect(selects.length).toBe(Math.min(parts, pages));
    const [counted] = await database.query(
      `select count(*)::text as n, count(distinct ctid)::text as d from (${selects.join(' union all ')}) r`,
    );
    expect(counted).toEqual({ n: size?.['rows'], d: size?.['rows'] });
  }
  expect(rangesOf(0, 5)).toHaveLength(1);
});
