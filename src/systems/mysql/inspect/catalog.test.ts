import { expect, test } from 'vitest';
import { TealError } from '../../../kernel/errors.ts';
import type { MysqlRow } from '../connection.ts';
import { readCatalog } from './catalog.ts';
import type { Querier } from './querier.ts';

const table = { db: 'shop', tab: 't', kind: 'BASE TABLE', engine: 'InnoDB', comment: '' };
const column = (name: string): MysqlRow => ({
  db: 'shop',
  tab: 't',
  name,
  place: '1',
  default_text: null,
  nullable: 'NO',
  type: 'int',
  character_set: null,
  collation: null,
  extra: '',
  generated_as: null,
  comment: '',
});

/** Answers each question for the columns with the next of these. */
function serverOf(looks: readonly (readonly MysqlRow[] | Error)[]): Querier {
  const left = [...looks];
  return {
    flavour: 'mariadb',
    version: [10, 11, 0],
    query: async (sql) => {
      const from = /information_schema\.(\w+)/.exec(sql)?.[1];
      const rows: readonly MysqlRow[] | Error | undefined =
        from === 'columns' ? left.shift() : from === 'tables' ? [table] : [];
      if (rows instanceof Error) throw rows;
      return { rows: (rows ?? []) as never, affectedRows: 0 };
    },
  };
}

const [a, b] = [[column('a')], [column('b')]];

test('a look during which the columns changed is taken anew', async () => {
  const catalog = await readCatalog(serverOf([a, b, b, b]), 'shop');
  expect(catalog.tables[0]?.columns.map(({ name }) => name)).toEqual(['b']);
});

test('so is one during which a table went away; any other refusal is an error', async () => {
  const refused = (number: number): TealError => new TealError('TEAL-SYSTEMS-007', 'refused', { number });
  const catalog = await readCatalog(serverOf([refused(1146), a, a]), 'shop');
  expect(catalog.tables).toHaveLength(1);
  await expect(readCatalog(serverOf([refused(1064)]), 'shop')).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-007' });
});

test('a schema that changes all the time is an error, not a guess', async () => {
  const changing = serverOf([a, b, a, b, a, b]);
  await expect(readCatalog(changing, 'shop')).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-305' });
});
