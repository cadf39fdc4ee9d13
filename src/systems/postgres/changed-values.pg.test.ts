import { expect, test } from 'vitest';
import { blueMajor, testDatabase } from '../../../test/support/postgres.ts';
import { connect } from './connection.ts';
import { findChangedValues } from './changed-values.ts';
import { createIntrospector } from './inspect/introspector.ts';

/** A type, a value that the path keeps, and one that it does not. */
const cases: readonly (readonly [type: string, kept: string, changed: string])[] = [
  ['float8', '0.5', '-0'],
  ['numeric', '1.5', '1.50'],
  ['numeric(10,2)', '1.50', 'NaN'],
  ['date', '1582-10-15', '1582-10-14'],
  ['timestamptz', '9999-12-31 23:59:59+00', 'infinity'],
  ['timestamp', '294246-12-31 23:59:59', '294247-01-01 00:00:00'],
  ['time', '23:59:59.999999', '24:00'],
  ['int4[]', '{}', '[0:1]={1,2}'],
  ['text[]', '{a,NULL}', '{{a},{b}}'],
  // Of a domain what it is made of is asked for, and of a domain over that.
  ['whole', '2', '2.0'],
  ['wholer', '2', 'NaN'],
];

test('a column holds what the path changes, or could, or holds what it always keeps', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(
    `create domain whole as numeric; create domain wholer as whole; create type mood as enum ('good'); create domain moody as mood`,
  );
  const columns = cases.map(([type], at) => `c${at} ${type}`);
  for (const [table, pick] of [
    ['kept', 1],
    ['changed', 2],
  ] as const) {
    await database.query(`create table ${table} (${columns.join(', ')}, place point, born mood, dead moody)`);
    const values = cases.map((each) => `'${each[pick]}'`).join(', ');
    await database.query(`insert into ${table} values (${values}, ${pick === 1 ? 'null' : `'(1,2)'`}, 'good', 'good')`);
  }
  await using connection = await connect({ url: database.url, applicationName: 'teal test' });
  const { tables } = await createIntrospector(connection, { address: '' }).describe();
  const found = await findChangedValues(connection, tables);
  const told = (table: string) =>
    found.filter(({ name }) => name === table).map(({ column, holds }) => [column, holds] as const);
  const names = [...cases.map((_, at) => `c${at}`), 'place'];
  expect(told('kept')).toEqual(names.map((column) => [column, false]));
  expect(told('changed')).toEqual(names.map((column) => [column, true]));
  expect(found.find(({ column }) => column === 'place')).toMatchObject({ type: 'point', butFor: undefined });
});
