import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { KeptSession } from './kept-session.ts';
import { aheadOf, isBehind, nextAfter, nextNumber, type SequenceRange, type SequenceState } from './sequence-values.ts';
import { postgresSequences } from './sequences.ts';

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
  const range = (increment: bigint, cycle = false): SequenceRange => ({ increment, min: 1n, max: 1_000n, cycle });

  test('is never behind the source, never out of bounds, never backwards, and settles', () => {
    const state = fc.record({ last: fc.bigInt({ min: 1n, max: 1_000n }), called: fc.boolean() });
    fc.assert(
      fc.property(
        state,
        state,
        fc.nat(2_000),
        fc.constantFrom(1n, 3n, -1n, -7n),
        (source, target, headroom, increment) => {
          const bounds = range(increment);
          const moved = nextAfter(source, target, bounds, BigInt(headroom));
          if (moved === undefined) {
            const end = increment > 0n ? bounds.max : bounds.min;
            return !isBehind(source, target, bounds) || (target.called && target.last === end);
          }
          const [was, next] = [nextNumber(target, increment), nextNumber(moved, increment)];
          const forward = increment > 0n ? next >= was : next <= was;
          return (
            forward &&
            moved.last >= 1n &&
            moved.last <= 1_000n &&
            nextAfter(source, moved, bounds, BigInt(headroom)) === undefined
          );
        },
      ),
    );
  });

  test('of a sequence that goes round is where the source was', () => {
    const at = (last: bigint): SequenceState => ({ last, called: true });
    expect(nextAfter(at(3n), at(5n), range(1n, true), 100n)).toEqual(at(3n));
  });
});

test('a sequence that was set and never called is moved too', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  for (const database of [blue, green]) await database.query('create sequence s; create table t (id serial)');
  await blue.query(`select setval('s', 777, false), setval('t_id_seq', 5000, false)`);
  await using blueSession = new KeptSession({ url: blue.url, applicationName: 'teal-test' });
  await using greenSession = new KeptSession({ url: green.url, applicationName: 'teal-test' });
  const sequences = postgresSequences({ blue: blueSession, green: greenSession }, 0);
  expect(await sequences.behind('blue', 'green')).toBe(2);
  expect(await sequences.handOver('blue', 'green')).toEqual({ sequences: 2, moved: 2 });
  expect(await sequences.behind('blue', 'green')).toBe(0);
  expect(await green.query(`select nextval('s') as s, nextval('t_id_seq') as t`)).toEqual([{ s: '777', t: '5000' }]);
});

describe('a lead', () => {
  const range = { increment: 1n, min: 1n, max: 1_000_000n, cycle: false };
  const at = (last: bigint): SequenceState => ({ last, called: true });

  test.each([
    ['both at their beginning', { last: 1n, called: false }, { last: 1n, called: false }, range, at(100n)],
    ['the target behind', at(50n), at(7n), range, at(150n)],
    ['half of it left', at(50n), at(100n), range, undefined],
    ['less than half of it left', at(52n), at(100n), range, at(152n)],
    ['the end near', at(999_960n), at(1n), range, at(999_968n)],
    ['the end there', at(999_999n), at(1n), range, undefined],
    ['one that goes round', at(50n), at(7n), { ...range, cycle: true }, undefined],
    ['downwards', at(-50n), at(-7n), { increment: -1n, min: -1_000n, max: -1n, cycle: false }, at(-150n)],
  ])('%s', (_what, source, target, of, wanted) => {
    expect(aheadOf(source, target, of, 100n)).toEqual(wanted);
  });
});
