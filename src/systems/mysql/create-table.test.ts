import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { splitTable, type KnownOfTable } from './create-table.ts';

const known: KnownOfTable = { collation: 'utf8mb4_general_ci', ofColumn: () => ({}) };

function tableOf(...definitions: readonly string[]): string {
  return `CREATE TABLE \`t\` (\n  ${definitions.join(',\n  ')}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`;
}

describe('which keys come with the table', () => {
  const id = '`id` int(11) NOT NULL';
  const a = '`a` int(11) DEFAULT NULL';

  test('the primary key does, all others come after the rows', () => {
    const { create, keys } = splitTable(
      tableOf(id, a, 'PRIMARY KEY (`id`)', 'UNIQUE KEY `u` (`a`)', 'KEY `k` (`a`,`id`)', 'FULLTEXT KEY `f` (`a`)'),
      known,
    );
    expect(create).toBe(tableOf(id, a, 'PRIMARY KEY (`id`)'));
    expect(keys.map(({ name }) => name)).toEqual(['u', 'k', 'f']);
  });

  test('without a primary key every unique one does: InnoDB stores the rows by one of them', () => {
    const { create, keys } = splitTable(tableOf(id, a, 'UNIQUE KEY `u` (`a`)', 'KEY `k` (`a`)'), known);
    expect(create).toBe(tableOf(id, a, 'UNIQUE KEY `u` (`a`)'));
    expect(keys.map(({ name }) => name)).toEqual(['k']);
  });

  test('the one that an AUTO_INCREMENT needs does', () => {
    const numbered = '`n` int(11) NOT NULL AUTO_INCREMENT';
    const { create, keys } = splitTable(
      tableOf(id, numbered, 'PRIMARY KEY (`id`)', 'KEY `other` (`id`,`n`)', 'KEY `by_n` (`n`)'),
      known,
    );
    expect(create).toBe(tableOf(id, numbered, 'PRIMARY KEY (`id`)', 'KEY `by_n` (`n`)'));
    expect(keys.map(({ name }) => name)).toEqual(['other']);
  });
});

test('what looks like something else in names, literals and comments is left as it is', () => {
  const columns = [
    "`a,b (``c` varchar(40) DEFAULT 'it''s, KEY `k` (' COMMENT 'AUTO_INCREMENT \\' ) ENGINE'",
    "`KEY` int(11) GENERATED ALWAYS AS (if(`a,b (``c` = ',',1,2)) VIRTUAL",
  ];
  const check = "CONSTRAINT `c` CHECK (`KEY` <> ' FOREIGN KEY (`x`) REFERENCES ')";
  const text = tableOf(...columns, 'PRIMARY KEY (`KEY`)', check);
  expect(splitTable(text, known)).toEqual({ create: text, keys: [] });
});

test('the lines of foreign keys are left out, also of one that MariaDB does not quote', () => {
  const id = '`id` int(11) NOT NULL';
  const foreign = ['`f`k`', '`up`'].map((name) => `CONSTRAINT ${name} FOREIGN KEY (\`id\`) REFERENCES \`p\` (\`id\`)`);
  expect(splitTable(tableOf(id, ...foreign), known).create).toBe(tableOf(id));
  expect(splitTable(tableOf(id, ...foreign, 'CONSTRAINT `c` CHECK (`id` > 1)'), known).create).toBe(
    tableOf(id, 'CONSTRAINT `c` CHECK (`id` > 1)'),
  );
});

test('a collation that the server leaves out is said, and bytes are written as bytes', () => {
  const text =
    "CREATE TABLE `t` (\n  `a` varchar(9) CHARACTER SET latin1 DEFAULT 'x',\n  `b` binary(2) DEFAULT '\u0000\ufffd',\n  `c` varbinary(2) DEFAULT _binary 'A'\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
  const { create } = splitTable(text, {
    collation: 'utf8mb4_0900_ai_ci',
    ofColumn: (name) => (name === 'a' ? { collation: 'latin1_swedish_ci' } : { bytes: name === 'b' ? '00ff' : '41' }),
  });
  expect(create).toBe(
    "CREATE TABLE `t` (\n  `a` varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT 'x',\n  `b` binary(2) DEFAULT x'00ff',\n  `c` varbinary(2) DEFAULT x'41'\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
  );
});

test('what is no table is an error', () => {
  expect(() => splitTable('CREATE VIEW v AS select 1', known)).toThrow(
    expect.toSatisfy((error: unknown) => isTealError(error, 'TEAL-SYSTEMS-206')),
  );
});
