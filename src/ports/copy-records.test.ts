import { expect, test } from 'vitest';
import { tableKey, type Table } from '../model/catalog.ts';
import { stayingTables, type RangeRecord } from './copy-records.ts';

const table = (name: string): Table => ({ schema: 's', name, oid: name.charCodeAt(0) }) as Table;
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(table) as [Table, Table, Table, Table];
const whole = (of: Table, epoch: number): RangeRecord => ({
  table: of,
  epoch,
  snapshot: `${epoch}`,
  from: 0,
  rows: 1n,
});
const part = (of: Table, epoch: number): RangeRecord => ({ ...whole(of, epoch), to: 7 });

function staying(records: readonly RangeRecord[], linked: readonly (readonly Table[])[], epoch = 2): string {
  const run = {
    epoch,
    snapshot: `${epoch}`,
    tables: [a, b, c, d],
    linked: linked.map((group) => new Set(group.map(tableKey))),
  };
  const found = stayingTables((of) => records.filter((each) => each.table === of), run);
  return [...found].map(({ name }) => name).join('');
}

test('a table stays when it is complete or of this epoch', () => {
  expect(staying([whole(a, 1), part(b, 1), part(c, 2)], [])).toBe('ac');
});

test('linked tables stay when all of them are complete, or of this epoch, so that they are of one snapshot', () => {
  expect(staying([whole(a, 1), part(b, 1), whole(c, 1), part(d, 1)], [[a, b]])).toBe('c');
  expect(
    staying(
      [whole(a, 1), whole(b, 1), part(d, 1)],
      [
        [a, b],
        [c, d],
      ],
    ),
  ).toBe('ab');
  expect(staying([whole(a, 1)], [[a, b]])).toBe('');
  // Begun anew, and interrupted again.
  expect(staying([whole(a, 2), part(b, 2)], [[a, b]])).toBe('ab');
  expect(staying([whole(a, 2), part(b, 2)], [[a, b]], 3)).toBe('');
  expect(staying([whole(a, 2), whole(b, 2)], [[a, b]], 3)).toBe('ab');
});
