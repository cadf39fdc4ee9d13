import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { must } from '../../../kernel/assert.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { MysqlCatalog, MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import { quoteIdent } from '../quote.ts';
import { parseType } from '../../../model/mysql-type.ts';
import { tableNumber } from '../table-number.ts';
import { readCatalog } from './catalog.ts';
import { readForeignKeys, type KeyedTable } from './foreign-keys.ts';
import { startInspected, type Inspected } from './test-support/inspected.ts';

function tableOf(catalog: MysqlCatalog, key: string): MysqlTable {
  return must(
    catalog.tables.find((table) => tableKey(table) === key),
    key,
  );
}

function columnOf(table: MysqlTable, name: string): MysqlColumn {
  return must(
    table.columns.find((column) => column.name === name),
    name,
  );
}

describe.for(allSeries)('describe, $series', ({ series, tested }) => {
  let inspected: Inspected;
  let catalog: MysqlCatalog;
  let keyed: readonly KeyedTable[];
  beforeAll(async () => {
    if (!tested) return;
    inspected = await startInspected(series);
    await using connection = await inspected.open();
    catalog = await readCatalog(connection);
    keyed = await readForeignKeys(connection);
  });
  afterAll(async () => inspected?.[Symbol.asyncDispose]());
  const table = (name: string): MysqlTable => tableOf(catalog, `shop.${name}`);
  const isMysql = series.startsWith('mysql');

  test.skipIf(!tested)('lists everything of users, and nothing of the system’s or Teal’s', () => {
    const common = ['checked', 'child', 'defaults', 'every_type', 'generated', 'half_key', 'indexed', 'isam'].concat(
      ['memory_only', 'no_key', 'old_words', 'other_key', 'parent', 'parted'],
      isMysql ? ['packed_rows', 'unchecked'] : ['aria', 'compressed', 'versioned'],
    );
    expect(catalog.tables.map(tableKey)).toEqual([
      'Odd`Name.Table "q"; drop',
      'Odd`Name.far',
      ...common.sort().map((name) => `shop.${name}`),
    ]);
    expect(catalog.tables.map(({ oid }) => oid)).toEqual(catalog.tables.map(tableNumber));
    expect(catalog.views).toEqual([
      { schema: 'shop', name: 'aa_view' },
      { schema: 'shop', name: 'zz_view' },
    ]);
    expect(catalog.routines).toEqual([
      { schema: 'shop', name: 'do_it', kind: 'procedure' },
      { schema: 'shop', name: 'times', kind: 'function' },
    ]);
    expect(catalog.events.map(({ name }) => name)).toEqual(['never', 'nightly']);
    const ticket = { schema: 'shop', name: 'ticket', type: 'bigint', increment: 5n, min: 5n, max: 1000n, cache: 3n };
    expect(catalog.sequences).toEqual(isMysql ? [] : [{ ...ticket, cycle: true }]);
  });

  test.skipIf(!tested)('knows every column of every type', () => {
    const types = new Map(table('every_type').columns.map((column) => [column.name, column.type]));
    expect(types.get('c_ubigint')).toBe(isMysql ? 'bigint unsigned' : 'bigint(20) unsigned');
    expect(types.get('c_bool')).toBe('tinyint(1)');
    expect(types.get('c_zero')).toBe('int(7) unsigned zerofill');
    expect(types.get('c_udecimal')).toBe('decimal(65,30) unsigned');
    // A backslash of a label is written twice here, by both families.
    expect(types.get('c_enum')).toBe(`enum('sad','it''s','','a\\\\b','é')`);
    const bases = new Set([...types.values()].map((type) => parseType(type).base));
    // The JSON of MariaDB is a text with a check; DECIMAL has one base for all its names.
    const missing = isMysql ? ['uuid', 'inet4', 'inet6'] : ['json'];
    const all = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double', 'bit', 'char']
      .concat(['varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'binary', 'varbinary', 'tinyblob', 'blob'])
      .concat(['mediumblob', 'longblob', 'date', 'time', 'datetime', 'timestamp', 'year', 'enum', 'set', 'json'])
      .concat(['geometry', 'uuid', 'inet4', 'inet6']);
    expect(all.filter((base) => !bases.has(base as never))).toEqual(missing);
    expect(columnOf(table('every_type'), 'c_enum')).toMatchObject({ characterSet: 'latin1' });
    expect(columnOf(table('every_type'), 'c_blob')).not.toHaveProperty('characterSet');
    expect(columnOf(table('old_words'), 'a')).toMatchObject({
      characterSet: 'latin1',
      collation: 'latin1_swedish_ci',
    });
    expect(columnOf(table('old_words'), 'b')).toMatchObject({ characterSet: 'utf8mb4', collation: 'utf8mb4_bin' });
    expect(table('old_words').collation).toBe('utf8mb4_bin');
    if (!isMysql) {
      expect(table('every_type').checks).toEqual([
        { name: 'c_json', expression: 'json_valid(`c_json`)', enforced: true },
      ]);
    }
  });

  test.skipIf(!tested)('tells a default that is a literal from one that is an expression', () => {
    const { columns } = table('defaults');
    const shown = Object.fromEntries(columns.map((one) => [one.name, [one.default?.kind, one.default?.text]]));
    const now = isMysql ? 'CURRENT_TIMESTAMP' : 'current_timestamp()';
    const concat = isMysql ? `concat(_utf8mb4'a',_utf8mb4'it\\'s',_utf8mb4'\\\\')` : `concat('a','it\\'s','\\\\')`;
    expect(shown).toEqual({
      id: [undefined, undefined],
      c_none: [undefined, undefined],
      c_null: [undefined, undefined],
      c_empty: ['literal', ''],
      c_text_null: ['literal', 'NULL'],
      c_quote: ['literal', 'it\'s "a" \\ \n end'],
      c_looks: ['literal', 'current_timestamp()'],
      c_digits: ['literal', '42'],
      c_int: ['literal', '7'],
      c_negative: ['literal', '-7'],
      c_decimal: ['literal', '1.50'],
      c_double: ['literal', '10000000000'],
      c_bit: ['literal', '00000101'],
      c_binary: ['literal', '\\x00ff4100'],
      c_varbinary: ['literal', '\\x41'],
      c_enum: ['literal', 'b'],
      c_set: ['literal', 'x,y'],
      c_bool: ['literal', '1'],
      c_date: ['literal', '2024-01-02'],
      c_time: ['literal', '10:11:12'],
      c_year: ['literal', '2024'],
      c_datetime: ['expression', isMysql ? 'CURRENT_TIMESTAMP(3)' : 'current_timestamp(3)'],
      c_timestamp: ['expression', now],
      c_latin: ['literal', 'äß'],
      c_expression: ['expression', concat],
      c_uuid: ['expression', 'uuid()'],
      c_text: isMysql ? ['expression', `_utf8mb4'long'`] : ['literal', 'long'],
      c_number: ['expression', '(1 + 2)'],
      c_json: isMysql ? ['expression', 'json_array()'] : ['literal', '[]'],
    });
    expect(columns.filter(({ setOnUpdate }) => setOnUpdate).map(({ name }) => name)).toEqual([
      'c_datetime',
      'c_timestamp',
    ]);
    expect(columns.filter(({ hasDefault }) => !hasDefault).map(({ name }) => name)).toEqual(['id', 'c_none', 'c_null']);
    expect(columnOf(table('defaults'), 'id')).toMatchObject({
      autoIncrement: true,
      identity: 'by default',
      notNull: true,
    });
    expect(table('defaults')).toMatchObject({ nextAutoIncrement: 1000n, comment: `defaults of all kinds, it's` });
    expect(table('isam')).not.toHaveProperty('nextAutoIncrement');
  });

  test.skipIf(!tested)(
    'the texts of defaults, generated columns and checks are SQL that the server takes',
    async () => {
      await using connection = await inspected.open();
      const take = async (expression: string): Promise<void> => {
        await connection.query('drop table if exists empty_one.trial');
        await connection.query(
          `create table empty_one.trial (a int, name varchar(40), x varchar(200) default (${expression}))`,
        );
      };
      for (const { default: value } of table('defaults').columns) {
        if (value?.kind === 'expression') await take(value.text);
      }
      const { generatedAs } = columnOf(table('generated'), 'kept');
      await connection.query('drop table if exists empty_one.trial');
      await connection.query(
        `create table empty_one.trial (name varchar(40), kept varchar(100) as (${generatedAs}), check (${table('checked').checks[0]?.expression}))`,
      );
      await connection.query('drop table empty_one.trial');
    },
  );

  test.skipIf(!tested)('knows generated, invisible and described columns', () => {
    const generated = table('generated');
    const kept = isMysql ? `concat(\`name\`,_utf8mb4'it\\'s')` : `concat(\`name\`,'it\\'s')`;
    expect(columnOf(generated, 'twice')).toMatchObject({
      generated: 'virtual',
      generatedAs: isMysql ? '(`a` * 2)' : '`a` * 2',
      hasDefault: false,
    });
    expect(columnOf(generated, 'kept')).toMatchObject({ generated: 'stored', generatedAs: kept });
    expect(columnOf(generated, 'hidden')).toMatchObject({
      invisible: true,
      generated: 'no',
      default: { kind: 'literal', text: '5' },
    });
    expect(columnOf(generated, 'name')).toMatchObject({ invisible: false, comment: `a 'name'` });
  });

  test.skipIf(!tested)('knows every index with its parts', () => {
    const indexes = new Map(table('indexed').indexes.map((index) => [index.name, index]));
    expect([...indexes.keys()]).toEqual(
      isMysql
        ? ['PRIMARY', 'by_expression', 'by_name', 'by_note', 'places', 'unique_expression', 'unseen', 'words']
        : ['PRIMARY', 'by_expression', 'by_name', 'by_note', 'places', 'unique_long', 'unseen', 'words'],
    );
    const part = (column: string, more: object = {}): object => ({ column, descending: false, ...more });
    expect(indexes.get('PRIMARY')).toEqual({
      name: 'PRIMARY',
      unique: true,
      kind: 'btree',
      parts: [part('part'), part('id')],
      invisible: false,
      comment: '',
    });
    expect(indexes.get('by_name')).toMatchObject({ unique: true, parts: [part('name', { prefix: 20 }), part('b')] });
    expect(indexes.get('by_note')).toMatchObject({ unique: false, parts: [part('note', { prefix: 30 })] });
    expect(indexes.get('words')).toMatchObject({ kind: 'fulltext', comment: 'to search', parts: [part('note')] });
    expect(indexes.get('places')).toMatchObject({ kind: 'spatial', parts: [part('place')] });
    expect(indexes.get('unseen')).toMatchObject({ invisible: true });
    expect(indexes.get('by_expression')?.parts).toEqual(
      isMysql
        ? [{ expression: 'lower(`name`)', descending: false }, part('id', { descending: true })]
        : [part('name', { descending: true }), part('id')],
    );
    const keys = table('indexed').uniqueKeys.map((key) => [key.index, key.columns, key.partialOrExpression]);
    expect(keys).toEqual([
      ['PRIMARY', ['part', 'id'], false],
      ['by_name', ['name', 'b'], true],
      isMysql ? ['unique_expression', [], true] : ['unique_long', ['note'], false],
    ]);
    expect(table('indexed').primaryKey).toEqual(['part', 'id']);
  });

  test.skipIf(!tested)('knows foreign keys with their actions, across databases too', () => {
    const without = isMysql ? 'no action' : 'restrict';
    const shown = table('child').foreignKeys.map((key) => [key.name, key.onDelete, key.onUpdate]);
    expect(shown).toEqual([
      ['fk_cascade', 'cascade', 'cascade'],
      ['fk_nothing', 'no action', 'no action'],
      ['fk_null', 'set null', without],
      ['fk_plain', without, without],
      ['fk_restrict', 'restrict', 'restrict'],
    ]);
    expect(tableOf(catalog, 'Odd`Name.far').foreignKeys).toEqual([
      {
        name: 'f`k',
        columns: ['parent_id'],
        references: { schema: 'shop', name: 'parent' },
        referencedColumns: ['id'],
        onDelete: without,
        onUpdate: without,
      },
    ]);
    expect(keyed.map(({ schema, name, foreignKeys }) => [schema, name, foreignKeys])).toEqual(
      catalog.tables.map(({ schema, name, foreignKeys }) => [schema, name, foreignKeys]),
    );
  });

  test.skipIf(!tested)('knows checks, triggers, partitions, engines and sizes', () => {
    const name = isMysql ? `(\`name\` <> _utf8mb4'it\\'s')` : `\`name\` <> 'it\\'s'`;
    expect(table('checked').checks).toEqual([
      { name: 'named', expression: name, enforced: true },
      { name: 'positive', expression: isMysql ? '(`a` > 0)' : '`a` > 0', enforced: true },
    ]);
    expect(table('no_key').triggers).toEqual([
      { name: 'touch', fires: 'always' },
      { name: 'touch_after', fires: 'always' },
    ]);
    expect(table('parted').options).toEqual([
      'PARTITION BY RANGE (year(`at`)) (PARTITION `p0` VALUES LESS THAN (2024), PARTITION `p1` VALUES LESS THAN (MAXVALUE))',
    ]);
    expect(table('parent').options).toEqual([]);
    expect([table('parent'), table('isam'), table('memory_only')].map(({ engine }) => engine)).toEqual([
      'InnoDB',
      'MyISAM',
      'MEMORY',
    ]);
    expect(table('no_key').estimatedRows).toBe(500);
    expect(table('no_key').pages).toBeGreaterThan(0);
    expect(table('indexed').totalBytes).toBeGreaterThan(table('indexed').heapBytes);
    if (isMysql) {
      expect(table('unchecked').checks).toMatchObject([{ name: 'lax', enforced: false }]);
      expect(table('packed_rows').options).toEqual(['row_format=COMPRESSED', 'KEY_BLOCK_SIZE=8']);
    } else {
      expect(table('versioned').options).toEqual(['WITH SYSTEM VERSIONING']);
      expect(columnOf(table('compressed'), 'a').type).toContain('COMPRESSED');
      expect(table('aria').options).toEqual(['transactional=1']);
    }
  });

  test.skipIf(!tested)('tells by what a change is found again', () => {
    const identity = (name: string): unknown => table(name).replicaIdentity;
    expect(identity('parent')).toEqual({ kind: 'key', index: 'PRIMARY', columns: ['id'] });
    expect(identity('no_key')).toEqual({ kind: 'full' });
    expect(identity('half_key')).toEqual({ kind: 'full' });
    expect(identity('other_key')).toEqual({ kind: 'key', index: 'z_key', columns: ['c', 'b'] });
    expect(table('other_key')).not.toHaveProperty('primaryKey');
  });

  test.skipIf(!tested)('takes odd names as they are, and one database by its name', async () => {
    const odd = tableOf(catalog, 'Odd`Name.Table "q"; drop');
    expect(odd.columns.map(({ name }) => name)).toEqual(['a `b', 'Ünder', 'UPPER']);
    expect(odd.uniqueKeys.map(({ index }) => index)).toEqual(['PRIMARY', 'k`ey']);
    await using connection = await inspected.open();
    const one = await readCatalog(connection, 'Odd`Name');
    expect(one.tables.map(({ name }) => name)).toEqual(['Table "q"; drop', 'far']);
    expect(one.views).toEqual([]);
    expect((await readCatalog(connection, 'empty_one')).tables).toEqual([]);
    // Names of another case are another database, also where the server compares them without.
    await connection.query(`create database ${quoteIdent('SHOP')}`);
    await connection.query('create table SHOP.other (id int primary key)');
    expect((await readCatalog(connection, 'SHOP')).tables.map(({ name }) => name)).toEqual(['other']);
    expect((await readCatalog(connection, 'shop')).tables).toHaveLength(
      catalog.tables.filter(({ schema }) => schema === 'shop').length,
    );
    await connection.query('drop database SHOP');
  });

  test.skipIf(!tested)('sees the next AUTO_INCREMENT and the rows of now, not those of a day ago', async () => {
    await using connection = await inspected.open();
    const next = async (): Promise<unknown> =>
      tableOf(await readCatalog(connection, 'empty_one'), 'empty_one.counted').nextAutoIncrement;
    await connection.query('create table empty_one.counted (id int auto_increment primary key)');
    expect(await next()).toBe(1n);
    await connection.query('insert into empty_one.counted values (41)');
    expect(await next()).toBe(42n);
    await connection.query('drop table empty_one.counted');
  });

  test.skipIf(!tested)('asks as many queries for many tables as for a few', async () => {
    await using connection = await inspected.open();
    let statements = 0;
    const counting: Parameters<typeof readCatalog>[0] = {
      flavour: connection.flavour,
      version: connection.version,
      query: async (sql, parameters) => {
        statements += 1;
        return connection.query(sql, parameters);
      },
    };
    await readCatalog(counting);
    const all = statements;
    statements = 0;
    await readCatalog(counting, 'Odd`Name');
    expect(all).toBeLessThanOrEqual(statements + 3);
    expect(all).toBeLessThanOrEqual(17);
  });
});
