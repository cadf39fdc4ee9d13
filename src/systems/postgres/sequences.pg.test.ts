import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { KeptSession } from './kept-session.ts';
import { isBehind, postgresSequences, sequenceTarget, type SequenceValue } from './sequences.ts';

const schema = `
  create sequence plain;
  create sequence cached cache 50;
  create sequence down increment -2 minvalue -1000 maxvalue -1 start -1;
  create sequence nearly maxvalue 12;
  create sequence untouched;
  create sequence round minvalue 1 maxvalue 5 cycle;
  create table t (id bigint generated always as identity, "odd ""id""" serial)`;

test('hands over all kinds in both directions, and no number is given twice', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  for (const database of [blue, green]) await database.query(schema);
  await using blueSession = new KeptSession({ url: blue.url, applicationName: 'teal-test' });
  await using greenSession = new KeptSession({ url: green.url, applicationName: 'teal-test' });
  const sequences = postgresSequences({ blue: blueSession, green: greenSession }, 100);
  const names = ['plain', 'cached', 'down', 'nearly', 't_id_seq', '"t_odd ""id""_seq"'];
  const given = new Map(names.map((name) => [name, new Set<string>()]));
  const take = async (database: typeof blue, name: string): Promise<void> => {
    const [row] = await database.query(`select nextval('${name}') as value`);
    const value = row?.['value'] ?? '';
    const seen = given.get(name) ?? new Set();
    expect(seen.has(value), `${name} gave ${value} twice`).toBe(false);
    seen.add(value);
  };
  for (const name of names) for (let n = 0; n < 10; n += 1) await take(blue, name);
  expect(await sequences.behind('blue', 'green')).toBe(names.length);
  expect(await sequences.handOver('blue', 'green')).toEqual({ sequences: 8, moved: names.length });
  expect(await sequences.behind('blue', 'green')).toBe(0);
  expect(await sequences.handOver('blue', 'green')).toEqual({ sequences: 8, moved: 0 });
  for (const name of names) await take(green, name);
  await sequences.handOver('green', 'blue');
  for (const name of names.filter((it) => it !== 'nearly')) await take(blue, name);
  expect(await blue.query(`select last_value, is_called from untouched`)).toEqual([
    { last_value: '1', is_called: 'f' },
  ]);
});

describe('the place to move a sequence to', () => {
  const value = (last: bigint | undefined, over: Partial<SequenceValue> = {}): SequenceValue => ({
    schema: 's',
    name: 'n',
    increment: 1n,
    min: 1n,
    max: 1_000n,
    cycle: false,
    last,
    ...over,
  });

  test('is never behind the source, never out of bounds, and settles', () => {
    const last = fc.option(fc.bigInt({ min: 1n, max: 1_000n }), { nil: undefined });
    fc.assert(
      fc.property(
        last,
        last,
        fc.nat(2_000),
        fc.constantFrom(1n, 3n, -1n, -7n),
        (source, target, headroom, increment) => {
          const from = value(source, { increment });
          const to = value(target, { increment });
          const moved = sequenceTarget(from, to, headroom);
          if (moved === undefined) return !isBehind(from, to);
          const after = value(moved, { increment });
          return (
            moved >= to.min &&
            moved <= to.max &&
            !isBehind(from, after) &&
            sequenceTarget(from, after, headroom) === undefined
          );
        },
      ),
    );
  });

  test('of a sequence that goes round is where the source was', () => {
    expect(sequenceTarget(value(3n, { cycle: true }), value(5n, { cycle: true }), 100)).toBe(3n);
  });
});
