import { expect, test } from 'vitest';
import { plainTable } from '../../test/support/catalogs.ts';
import { tableKey, type Table } from '../model/catalog.ts';
import type { CopyTarget, RowStream } from '../ports/snapshot-source.ts';
import { translatedTarget } from './translated-target.ts';

const customer = plainTable({ schema: 'shop', name: 'customer' }, { oid: 7 });
const client = plainTable({ schema: 'public', name: 'client' }, { oid: 7 });
const run = { epoch: 1, snapshot: 's', tables: [customer], linked: [new Set([tableKey(customer), 'not.copied'])] };
const rows: RowStream = { format: 'text', spans: (async function* () {})(), rowCount: () => 0n };

test('a copy speaks of the source’s tables, and the target is told of its own', async () => {
  const told: string[] = [];
  const nameOf = ({ schema, name }: Pick<Table, 'schema' | 'name'>): string => `${schema}.${name}`;
  const target: CopyTarget = {
    begin: async ({ tables, linked = [] }) => {
      told.push(...tables.map(nameOf));
      for (const group of linked) told.push(`linked ${[...group].join(', ')}`);
      return [{ snapshot: 's', table: client, from: 0, to: 4, rows: 2n }];
    },
    done: async (tables) => {
      told.push(...tables.map(nameOf));
      return [{ snapshot: 's', table: client, from: 4, rows: 1n }];
    },
    epoch: async () => 3,
    open: async ({ tables }) => {
      told.push(...tables.map(nameOf));
      return {
        write: async (range) => {
          told.push(`write ${nameOf(range.table)} ${range.from}`);
          return { state: 'written', rows: 0n };
        },
        [Symbol.asyncDispose]: async () => {
          told.push('closed');
        },
      };
    },
  };
  const translated = translatedTarget(target, [[customer, client]]);
  const signal = new AbortController().signal;
  expect(await translated.begin(run, signal)).toEqual([{ snapshot: 's', table: customer, from: 0, to: 4, rows: 2n }]);
  expect(await translated.done([customer])).toEqual([{ snapshot: 's', table: customer, from: 4, rows: 1n }]);
  expect(await translated.epoch()).toBe(3);
  {
    await using writer = await translated.open(run, signal);
    await writer.write({ table: customer, from: 4 }, rows);
  }
  expect(told).toEqual([
    'public.client',
    'linked public.client',
    'public.client',
    'public.client',
    'write public.client 4',
    'closed',
  ]);
  await expect(translated.done([plainTable({ schema: 'shop', name: 'other' }, { oid: 8 })])).rejects.toThrow(
    'the table of the target',
  );
});
