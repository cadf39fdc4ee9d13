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

test('so is one during which a foreign key went away: neither its rule nor the text of its table tells it', async () => {
  const keyColumn = { db: 'shop', tab: 't', name: 'k', place: '1', column_name: 'a', other_db: 'shop', other_tab: 'p' };
  const droppedAfter = (looks: number): Querier => {
    let asked = 0;
    return {
      flavour: 'mysql',
      version: [8, 0, 40],
      query: async (sql) => {
        const from = /information_schema\.(\w+)/.exec(sql)?.[1] ?? '';
        asked += from === 'key_column_usage' ? 1 : 0;
        const keys = asked > looks ? [] : [{ ...keyColumn, other_column: 'id' }];
        const rows: Readonly<Record<string, readonly MysqlRow[]>> = {
          columns: a ?? [],
          tables: [table],
          key_column_usage: keys,
        };
        const created = [{ 'Create Table': 'CREATE TABLE `t` (\n  `a` int NOT NULL\n)' }];
        return { rows: (sql.startsWith('show create table') ? created : (rows[from] ?? [])) as never, affectedRows: 0 };
      },
    };
  };
  const catalog = await readCatalog(droppedAfter(1), 'shop');
  expect(catalog.tables.map(({ foreignKeys }) => foreignKeys)).toEqual([[]]);
  await expect(readCatalog(droppedAfter(99), 'shop')).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-305' });
});

test('a schema that changes all the time is an error, not a guess', async () => {
  const changing = serverOf([a, b, a, b, a, b]);
  await expect(readCatalog(changing, 'shop')).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-305' });
});
