import { describe, expect, test } from 'vitest';
import type { MysqlFlavour } from './connection.ts';
import type { SchemaItem } from './schema-capture.ts';
import { fitItem, fitItems, type FittedItem, type TargetFacts } from './schema-fit.ts';

const collations = ['utf8mb4_general_ci', 'utf8mb4_bin', 'utf8_bin'];
const targets: Readonly<Record<MysqlFlavour, TargetFacts>> = {
  mysql: { flavour: 'mysql', version: [8, 0, 33], collations: new Set(collations) },
  mariadb: { flavour: 'mariadb', version: [10, 5, 9], collations: new Set(collations) },
};

function itemOf(kind: SchemaItem['kind'], sql: string, more: Partial<SchemaItem> = {}): SchemaItem {
  return { kind, schema: 'shop', name: 't', part: 'tables', sql, holds: [], settings: {}, ...more };
}

function columnOf(definition: string): SchemaItem {
  return itemOf(
    'table',
    `CREATE TABLE \`t\` (\n  ${definition}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  );
}

function column({ item, unfit }: FittedItem): string {
  expect(unfit).toEqual([]);
  return /\(\n {2}(.*)\n\)/s.exec(item.sql)?.[1] ?? '';
}

function key(sql: string, source: MysqlFlavour, target: MysqlFlavour): FittedItem {
  return fitItem(itemOf('keys', '', { holds: [{ name: 'k', sql }] }), source, targets[target]);
}

describe('from MariaDB to MySQL', () => {
  test.each([
    ['`a` varchar(36) DEFAULT uuid()', '`a` varchar(36) DEFAULT (uuid())'],
    ["`a` text DEFAULT 'x' COMMENT 'DEFAULT'", "`a` text DEFAULT ('x') COMMENT 'DEFAULT'"],
    [
      "`a` varchar(9) DEFAULT concat('a',',\n  `') CHECK (`a` > 1)",
      "`a` varchar(9) DEFAULT (concat('a',',\n  `')) CHECK (`a` > 1)",
    ],
    ['`a` text DEFAULT NULL', '`a` text DEFAULT NULL'],
    ['`a` double DEFAULT -1.5e10', '`a` double DEFAULT -1.5e10'],
    ["`a` bit(3) DEFAULT b'101'", "`a` bit(3) DEFAULT b'101'"],
    [
      '`a` timestamp(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3)',
      '`a` timestamp(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3)',
    ],
    ['`a` int(11) DEFAULT (1 + 2)', '`a` int(11) DEFAULT ((1 + 2))'],
  ])('%s', (given, wanted) => {
    expect(column(fitItem(columnOf(given), 'mariadb', targets.mysql))).toBe(wanted);
  });

  test('an index that is not used is called otherwise', () => {
    expect(key('KEY `IGNORED` (`a`) IGNORED', 'mariadb', 'mysql').item.holds[0]?.sql).toBe(
      'KEY `IGNORED` (`a`) INVISIBLE',
    );
  });

  test('what MySQL has not is told', () => {
    const unfit = [
      columnOf('`a` uuid DEFAULT NULL'),
      columnOf('`a` bigint(20) DEFAULT nextval(`shop`.`s`)'),
      itemOf('sequence', 'CREATE SEQUENCE `s`'),
    ].map((item) => fitItem(item, 'mariadb', targets.mysql).unfit);
    expect(unfit).toEqual([
      ['table shop.t: MySQL has no type uuid'],
      ['table shop.t: MySQL has no sequences, and a default is the next number of one'],
      ['sequence shop.t: MySQL has no sequences'],
    ]);
  });

  test('a check that has no name of its own gets none, and names that MySQL knows once are told', () => {
    const checked = (name: string, check: string): SchemaItem =>
      itemOf(
        'table',
        `CREATE TABLE \`${name}\` (\n  \`a\` int(11) DEFAULT NULL,\n  CONSTRAINT \`${check}\` CHECK (\`a\` > 1)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
        { name },
      );
    const nameless = fitItems([checked('t', 'CONSTRAINT_1'), checked('u', 'CONSTRAINT_1')], 'mariadb', targets.mysql);
    expect(nameless.flatMap(({ unfit }) => unfit)).toEqual([]);
    expect(nameless.map((each) => column(each).split('\n  ')[1])).toEqual(['CHECK (`a` > 1)', 'CHECK (`a` > 1)']);
    const named = [checked('t', 'positive'), checked('u', 'Positive')];
    expect(fitItems(named, 'mariadb', targets.mysql).flatMap(({ unfit }) => unfit)).toEqual([
      'table shop.u: MySQL knows one check of a name in a database, and Positive is one of table shop.t too',
    ]);
    expect(fitItems(named, 'mariadb', targets.mariadb).flatMap(({ unfit }) => unfit)).toEqual([]);
  });

  test('keys by hash and options that MySQL has not are told', () => {
    expect(key('UNIQUE KEY `k` (`note`) USING HASH', 'mariadb', 'mysql').unfit).toEqual([
      'keys shop.t: MySQL has no unique keys by hash, which MariaDB makes for long texts',
    ]);
    expect(key('UNIQUE KEY `USING HASH` (`note`)', 'mariadb', 'mysql').unfit).toEqual([]);
    const sql =
      "CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='ENCRYPTED=YES' `PAGE_COMPRESSED`=1";
    expect(fitItem(itemOf('table', sql), 'mariadb', targets.mysql).unfit).toEqual([
      'table shop.t: the target has no option PAGE_COMPRESSED of tables',
    ]);
  });

  test('a mode that MySQL always has is left out of those in which a program was made', () => {
    const settings = { sql_mode: `'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER'` };
    const { item } = fitItem(itemOf('procedure', 'x', { settings }), 'mariadb', targets.mysql);
    expect(item.settings).toEqual({ sql_mode: `'STRICT_TRANS_TABLES'` });
  });
});

describe('from MySQL to MariaDB', () => {
  test('what stands in a comment that MariaDB passes over is said aloud, but in a literal', () => {
    expect(
      column(
        fitItem(
          columnOf("`a` int DEFAULT '5' /*!80023 INVISIBLE */ COMMENT '/*!80023 INVISIBLE */'"),
          'mysql',
          targets.mariadb,
        ),
      ),
    ).toBe("`a` int DEFAULT '5' INVISIBLE COMMENT '/*!80023 INVISIBLE */'");
    expect(key('KEY `k` (`a`) /*!80000 INVISIBLE */', 'mysql', 'mariadb').item.holds[0]?.sql).toBe(
      'KEY `k` (`a`) IGNORED',
    );
  });

  test('a literal of the character set that is spoken anyhow does not name it', () => {
    const given = "`a` text DEFAULT (concat(_utf8mb4'it\\'s',_latin1'x','_utf8mb4'))";
    expect(column(fitItem(columnOf(given), 'mysql', targets.mariadb))).toBe(
      "`a` text DEFAULT (concat('it\\'s',_latin1'x','_utf8mb4'))",
    );
  });

  test('what MariaDB has not is told', () => {
    const check = fitItem(
      columnOf('`a` int, CONSTRAINT `c` CHECK (`a` > 1) /*!80016 NOT ENFORCED */'),
      'mysql',
      targets.mariadb,
    );
    expect(check.unfit).toEqual(['table shop.t: MariaDB passes over /*!80016 NOT ENFORCED */']);
    expect(key('KEY `k` ((lower(`a`)))', 'mysql', 'mariadb').unfit).toEqual([
      'keys shop.t: MariaDB has no indexes on expressions',
    ]);
    expect(key('KEY `k` (`a`(10),`b` DESC)', 'mysql', 'mariadb').unfit).toEqual([]);
    expect(key('FULLTEXT KEY `k` (`a`) /*!50100 WITH PARSER `ngram` */ ', 'mysql', 'mariadb').unfit).toEqual([
      'keys shop.t: MariaDB has no parsers for full-text indexes',
    ]);
    const packed =
      "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMPRESSION='zlib'";
    expect(fitItem(itemOf('table', packed), 'mysql', targets.mariadb).unfit).toEqual([
      'table shop.t: the target has no option COMPRESSION of tables',
    ]);
  });

  test('partitions stand in a comment that MariaDB reads', () => {
    const sql = 'CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB\n/*!50100 PARTITION BY HASH (`a`) */';
    expect(fitItem(itemOf('table', sql), 'mysql', targets.mariadb).unfit).toEqual([]);
  });
});

test('a collation that is called otherwise is called so, one that is not there is told', () => {
  const known = fitItem(columnOf('`a` text CHARACTER SET utf8mb3 COLLATE utf8mb3_bin'), 'mysql', targets.mysql);
  expect(column(known)).toBe('`a` text CHARACTER SET utf8mb3 COLLATE utf8_bin');
  const unknown = fitItem(columnOf('`a` text COLLATE utf8mb4_0900_ai_ci'), 'mysql', targets.mysql);
  expect(unknown.unfit).toEqual(['table shop.t: the target does not know the collation utf8mb4_0900_ai_ci']);
});
