import { expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { must } from '../kernel/assert.ts';
import type { Repairer } from '../ports/digester.ts';
import { connect } from '../systems/postgres/connection.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import { postgresRowProbe } from '../systems/postgres/digest/row-probe.ts';
import { pairTables } from './pair-tables.ts';
import { recheck } from './recheck.ts';
import { planRepair, repairSamePosition, type RepairOptions } from './repair.ts';
import { namesOf, twoSides, type TwoSides } from './test-support/two-sides.ts';

const make = `
  create type mood as enum ('sad', 'glad');
  create table keyed (id bigint generated always as identity primary key, a text, n numeric, f float8, j json, c char(6), m mood, by bytea, ar text[],
    g text generated always as ('g' || a) stored);
  insert into keyed (a, n, f, j, c, m, by, ar) select 'a' || k, k, k / 7.0, '{"a" : 1}', 'c', 'sad', '\\x00', array['x', null] from generate_series(1, 50) k;
  create table swapped (id int primary key, code text unique);
  insert into swapped values (1, 'one'), (2, 'two'), (3, 'three');
  create table no_key (a int, b json);
  insert into no_key select k % 3, '{"b":1}' from generate_series(1, 30) k;
  create table parent (id int primary key);
  insert into parent values (1), (2);
  create table child (id int primary key, of int references parent on delete cascade);
  insert into child values (1, 1), (2, 2);
  create table moved (id numeric primary key, v text);
  insert into moved values (1.0, 'E''s \\ back'), (2, null);`;
const spoil = `
  update keyed set a = E'it''s \\\\', n = 1.00, f = '-0', j = '{"a":1}', c = 'other', m = 'glad', by = '\\xff', ar = '{}' where id = 7;
  delete from keyed where id in (8, 9);
  insert into keyed (a) values ('too many');
  update swapped set code = 'x' where id = 1;
  update swapped set code = 'one' where id = 2;
  update swapped set code = 'two' where id = 1;
  delete from no_key where ctid in (select ctid from no_key where a = 1 limit 3);
  insert into no_key values (5, null), (5, null);
  delete from parent where id = 2;
  insert into parent values (3);
  update moved set id = 1.00 where id = 1;`;

async function spoilt(): Promise<TwoSides> {
  const sides = await twoSides();
  await sides.both(make);
  await sides.green.query(spoil);
  return sides;
}

async function optionsOf(sides: TwoSides, changes: Partial<RepairOptions> = {}): Promise<RepairOptions> {
  return {
    live: sides.blueSide,
    other: sides.greenSide,
    tables: await namesOf(sides.blueSide),
    stopAt: async (position) => position,
    resume: async () => undefined,
    signal: new AbortController().signal,
    repairer: postgresRepairer({ url: sides.green.url, origin: `teal_${sides.green.name}_repair` }),
    ...changes,
  };
}

async function dropOrigin(sides: TwoSides): Promise<void> {
  await sides.green.query('select pg_replication_origin_drop($1)', [`teal_${sides.green.name}_repair`]);
}

test('a repair makes both sides equal, and blue is not touched', async () => {
  await using sides = await spoilt();
  const before = await sides.verify();
  expect(before.tables.filter(({ outcome }) => outcome === 'differs').map(({ name }) => name.name)).toHaveLength(6);
  const changed = await repairSamePosition(await optionsOf(sides));
  expect(changed).toBe(4 + 4 + 5 + 2 + 1 + 2);
  const after = await sides.verify();
  expect(after.certificate.result).toBe('equal');
  const digests = (result: typeof before) => result.certificate.tables.map(({ digest }) => digest?.blue);
  expect(digests(after)).toEqual(digests(before));
  await dropOrigin(sides);
});

test('its changes carry the origin, so that the flow back does not take them for a client’s', async () => {
  await using sides = await spoilt();
  await sides.green.query(`select pg_create_logical_replication_slot('teal_seen', 'test_decoding')`);
  await repairSamePosition(await optionsOf(sides));
  const local = `select data from pg_logical_slot_peek_changes('teal_seen', null, null, 'only-local', '1') where data like 'table%'`;
  expect(await sides.green.query(local)).toEqual([]);
  const all = `select data from pg_logical_slot_peek_changes('teal_seen', null, null) where data like 'table%'`;
  expect((await sides.green.query(all)).length).toBeGreaterThan(10);
  await sides.green.query(`select pg_drop_replication_slot('teal_seen')`);
  await dropOrigin(sides);
});

test('the printed SQL does the same', async () => {
  await using sides = await spoilt();
  const repairs = planRepair((await sides.verify()).tables, await sides.greenSide.describe());
  const printed = postgresRepairer({ url: 'postgres://nobody@localhost/none' }).render(repairs);
  expect(printed.at(-1)).toBe('commit;');
  await sides.green.query(printed.join('\n'));
  expect((await sides.verify()).certificate.result).toBe('equal');
});

test('a row that was changed since is not overwritten: nothing is', async () => {
  await using sides = await spoilt();
  const repairer = postgresRepairer({ url: sides.green.url });
  const late: Repairer = {
    show: () => '',
    render: () => [],
    apply: async (repairs, signal) => {
      await sides.green.query(`update keyed set n = 99 where id = 7`);
      return repairer.apply(repairs, signal);
    },
  };
  const [before] = await sides.green.query(`select count(*) as n from no_key`);
  const refused = await repairSamePosition(await optionsOf(sides, { repairer: late })).catch((error: unknown) => error);
  expect(isTealError(refused, 'TEAL-VERIFY-005')).toBe(true);
  expect(await sides.green.query(`select count(*) as n from no_key`)).toEqual([before]);
});

test('more differences than a repair may hold are refused before anything is changed', async () => {
  await using sides = await spoilt();
  const refused = await repairSamePosition(await optionsOf(sides, { maxRows: 2 })).catch((error: unknown) => error);
  expect(isTealError(refused, 'TEAL-VERIFY-006')).toBe(true);
});

test('single keys can be looked at again while writes go on', async () => {
  await using sides = await spoilt();
  await using live = await connect({ url: sides.blue.url, applicationName: 'test' });
  await using other = await connect({ url: sides.green.url, applicationName: 'test' });
  const [liveCatalog, otherCatalog] = [await sides.blueSide.describe(), await sides.greenSide.describe()];
  const { pairs } = pairTables(liveCatalog, otherCatalog, [{ schema: 'public', name: 'keyed' }], { liveSide: 'blue' });
  const look = async (id: string) =>
    recheck({
      pair: must(pairs[0], 'the pair'),
      key: [id],
      live: postgresRowProbe(live),
      other: postgresRowProbe(other),
      waitApplied: async () => undefined,
      rounds: 2,
      signal: new AbortController().signal,
    });
  expect(await look('1')).toBe('equal');
  expect(await look('7')).toBe('different');
  expect(await look('8')).toBe('different');
  expect(await look('51')).toBe('different');
  expect(await look('1000')).toBe('equal');
});
