import { expect, test } from 'vitest';
import { must } from '../../kernel/assert.ts';
import { postgresRepairer } from '../../systems/postgres/digest/repair.ts';
import { twoSides } from '../test-support/two-sides.ts';
import { causesOf } from './causes.ts';

const make = `
  create table booked (id int primary key, starts_at timestamptz not null, price numeric not null, tenant text not null, made_at timestamptz not null);
  insert into booked select n, '2026-03-01 09:00Z'::timestamptz + n * interval '37 minutes', n * 1.2345, 'tenant ' || n % 9,
    '2026-01-01 00:00Z'::timestamptz + n * interval '1 hour' from generate_series(1, 3000) n;
  create table visit (at timestamp not null, what text);
  insert into visit select '2026-01-01'::timestamp + n * interval '1 minute', 'seen' from generate_series(1, 400) n;`;
const spoil = `
  update booked set starts_at = starts_at + interval '2 hours' where id % 40 = 0;
  update booked set price = round(price, 2) where id % 40 = 1;
  delete from booked where made_at >= '2026-04-20' and id % 40 > 1;
  delete from visit where at >= '2026-01-01 05:00';`;

test('of two real sides the planted causes are told, and their SQL shows the rows', async () => {
  await using sides = await twoSides();
  await sides.both(make);
  await sides.green.query(spoil);
  const { tables } = await sides.verify();
  const causes = Object.fromEntries(
    tables.map((outcome) => {
      expect(outcome.outcome).toBe('differs');
      const differences = 'differences' in outcome ? outcome.differences : undefined;
      return [outcome.name.name, causesOf(must(outcome.pair, 'a pair'), must(differences, 'differences'))];
    }),
  );
  const told = (of: string): unknown => causes[of]?.map(({ cause, columns, count }) => [cause, ...columns, count]);
  expect(told('booked')).toEqual([
    ['since', expect.stringMatching(/^(made_at|starts_at)$/), 366],
    ['time zone', 'starts_at', 75],
    ['rounding', 'price', 75],
  ]);
  expect(told('visit')).toEqual([['since', 'at', 101]]);

  const repairer = postgresRepairer({ url: 'postgres://nobody@localhost/none' });
  const rows = async (side: 'blue' | 'green', table: string, cause: string) => {
    const outcome = must(
      tables.find(({ name }) => name.name === table),
      table,
    );
    const { look } = must(
      causes[table]?.find((each) => each.cause === cause),
      cause,
    );
    return sides[side].query(repairer.show(must(outcome.pair, 'a pair').live, look));
  };
  expect(await rows('blue', 'booked', 'time zone')).toHaveLength(5);
  expect(Object.keys((await rows('green', 'booked', 'rounding'))[0] ?? {})).toEqual(['id', 'price']);
  expect([(await rows('blue', 'visit', 'since')).length, (await rows('green', 'visit', 'since')).length]).toEqual([
    101, 0,
  ]);
});
