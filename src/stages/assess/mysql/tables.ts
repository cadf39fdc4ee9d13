import { actingKeysOf, acts, clashingKeys } from '../../../model/acting-keys.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type { MysqlColumn, MysqlForeignKey, MysqlTable } from '../../../model/mysql-catalog.ts';
import { countOf, finding, keysOf, type Finding } from '../finding.ts';
import { aboutTables, isMariadb, perTable, readsLog, type MysqlSituation } from './situation.ts';
import { sqlName, sqlTable } from './sql.ts';

/** What the tables of blue hold that stands in the way, or that a person must know. */
export function checkTables(situation: MysqlSituation): readonly Finding[] {
  if (situation.managed.length === 0) {
    return [
      finding('ASSESS-NO-TABLES', {
        side: 'blue',
        what: `None of the ${situation.leftOut.length} tables of blue is selected.`,
        why: 'There would be nothing to move.',
        mend: '-- correct `tables.include` and `tables.exclude`; patterns are database.table with * for any text.',
      }),
    ];
  }
  return [
    ...checkSelection(situation),
    ...checkStorage(situation),
    ...checkColumns(situation),
    ...checkForeignKeys(situation),
    ...checkTriggers(situation),
    ...checkShapes(situation),
    ...(situation.green === undefined ? checkForPostgres(situation) : []),
  ];
}

function checkSelection(situation: MysqlSituation): readonly Finding[] {
  const { managed, leftOut } = situation;
  const isLeftOut = new Set(keysOf(leftOut));
  const outside = managed.flatMap((table) =>
    table.foreignKeys.filter(({ references }) => isLeftOut.has(tableKey(references))).map((key) => ({ table, key })),
  );
  return [
    ...aboutTables(
      'ASSESS-LEFT-OUT',
      leftOut,
      `of blue ${leftOut.length === 1 ? 'is' : 'are'} not selected`,
      'Their rows stay behind, the proxy does not move their clients, and they will not be filled on green after the cut.',
    ),
    ...outside.flatMap(({ table, key }) => {
      const why = whyNotOutside(situation, key);
      if (why === undefined) return [];
      return finding('ASSESS-FOREIGN-KEY-OUTSIDE', {
        side: 'blue',
        object: tableKey(table),
        what: `${tableKey(table)} refers to ${tableKey(key.references)} (${key.name}), which is left out.`,
        why,
        mend: `-- include ${tableKey(key.references)}, exclude ${tableKey(table)}, or on blue:\nALTER TABLE ${sqlTable(table)} DROP FOREIGN KEY ${sqlName(key.name)};`,
      });
    }),
  ];
}

/**
 * Why a foreign key may not lead to a table that is left out. Undefined where it may: on PostgreSQL the mapping does not make it, and says so; a key that only forbids changes no row that
 * is carried.
 */
function whyNotOutside(situation: MysqlSituation, key: MysqlForeignKey): string | undefined {
  if (situation.green !== undefined)
    return 'The foreign key would be made on green, where the rows that it refers to are not: no row that refers to one could be inserted there.';
  if (!acts(key) || logsCascades(situation)) return undefined;
  return 'It deletes or changes rows by itself when its parent changes, and of that nothing is in the log but the change of the parent, which is not carried: green would keep rows that blue has no more.';
}

function checkStorage({ managed }: MysqlSituation): readonly Finding[] {
  return [
    ...perTable('ASSESS-MYSQL-ENGINE', managed, (table) =>
      table.engine === 'InnoDB'
        ? undefined
        : {
            what: `${tableKey(table)} is stored by ${table.engine}.`,
            why: 'It knows no transactions: no snapshot holds it, and a statement that fails half way leaves rows that the log does not have.',
            mend: `ALTER TABLE ${sqlTable(table)} ENGINE = InnoDB;`,
          },
    ),
    ...perTable('ASSESS-MYSQL-VERSIONED', managed, (table) =>
      isVersioned(table)
        ? {
            what: `${tableKey(table)} keeps old rows by system versioning.`,
            why: 'Its log holds rows of the history with columns of their own, which Teal does not carry.',
            mend: `-- the history of its rows is lost by this:\nALTER TABLE ${sqlTable(table)} DROP SYSTEM VERSIONING;`,
          }
        : undefined,
    ),
  ];
}

function isVersioned({ options }: MysqlTable): boolean {
  return options.includes('WITH SYSTEM VERSIONING');
}

function isCompressed({ type }: MysqlColumn): boolean {
  return /\bCOMPRESSED\b/.test(type);
}

function checkColumns({ managed, options }: MysqlSituation): readonly Finding[] {
  const carried = (table: MysqlTable): readonly MysqlColumn[] =>
    table.columns.filter(({ name }) => options.isDropped?.(table, name) !== true);
  return [
    ...perTable('ASSESS-MYSQL-TYPE', managed, (table) => {
      const columns = carried(table).filter(({ type }) => !options.knowsType(type));
      if (columns.length === 0) return undefined;
      const names = columns.map(({ name, type }) => `${name} ${type}`);
      return {
        what: `${tableKey(table)} has ${countOf('column', names)} of a type that Teal does not know.`,
        why: 'Their values could be neither read from the log nor written.',
        mend: `-- exclude ${tableKey(table)} (tables.exclude), or change the type of the column`,
      };
    }),
    ...perTable('ASSESS-MYSQL-CHARSET', managed, (table) => {
      const columns = carried(table).filter(
        ({ characterSet }) => characterSet !== undefined && !options.readsCharacterSet(characterSet),
      );
      if (columns.length === 0) return undefined;
      const names = columns.map(({ name, characterSet }) => `${name} in ${characterSet}`);
      return {
        what: `${tableKey(table)} has ${countOf('column', names)}, which Teal has no table of characters for.`,
        why: 'The log holds the bytes of a text as they are: the first one beyond ASCII would end the flow.',
        mend: columns
          .map((column) => modified(table, { ...column, characterSet: 'utf8mb4', collation: 'utf8mb4_unicode_ci' }))
          .join('\n'),
      };
    }),
    ...perTable('ASSESS-MYSQL-COMPRESSED', managed, (table) => {
      const columns = carried(table).filter(isCompressed);
      if (columns.length === 0) return undefined;
      return {
        what: `${tableKey(table)} has ${countOf(
          'compressed column',
          columns.map(({ name }) => name),
        )}.`,
        why: 'The log holds their values packed in a way that only the server can open.',
        mend: columns.map((column) => modified(table, column)).join('\n'),
      };
    }),
  ];
}

/** The column as it is said here, not compressed. */
function modified(
  table: MysqlTable,
  { name, type, characterSet, collation, notNull, default: value }: MysqlColumn,
): string {
  const words = [
    type.replace(/\s*\/\*.*\*\/\s*$/s, ''),
    ...(characterSet === undefined ? [] : [`CHARACTER SET ${characterSet} COLLATE ${collation ?? ''}`.trimEnd()]),
    ...(notNull ? ['NOT NULL'] : []),
  ];
  const repeat = value === undefined ? '' : '-- repeat its default in this:\n';
  return `${repeat}ALTER TABLE ${sqlTable(table)} MODIFY COLUMN ${sqlName(name)} ${words.join(' ')};`;
}

/** The first series whose server writes what a foreign key does to the child's rows to the log (manual of 9.7, "Replication and Foreign Keys"). */
function logsCascades({ blue }: MysqlSituation): boolean {
  const { major, minor } = blue.identity;
  return !isMariadb(blue) && (major > 9 || (major === 9 && minor >= 6));
}

/** What foreign keys do to children by themselves: done on green by Teal, but for what depends on an order that nobody knows. */
function checkForeignKeys(situation: MysqlSituation): readonly Finding[] {
  const { managed, green } = situation;
  if (readsLog(situation.options, 'blue') && logsCascades(situation)) return [];
  const acting = actingKeysOf(managed);
  const isPolled = situation.options.method === 'polling';
  const clashing = new Set(clashingKeys(acting).flatMap((pair) => pair.map(keyId)));
  const isLost = (table: MysqlTable, key: MysqlForeignKey): boolean =>
    setsDefault(key) || clashing.has(keyId({ child: table, name: key.name }));
  const children = new Set(acting.map(({ child }) => tableKey(child)));
  const lost = managed.filter((table) => table.foreignKeys.some((key) => isLost(table, key)));
  return [
    ...aboutTables(
      'ASSESS-MYSQL-CASCADE',
      // What polls do not see is said with them.
      managed.filter((table) => !isPolled && children.has(tableKey(table)) && !lost.includes(table)),
      'with foreign keys that delete or change their rows by themselves',
      `The log holds the change of the parent only: Teal does what the key does to its children on green, in the same transaction${
        green === undefined ? '' : ', and on blue for what comes back'
      }. Which keys act must not change while it follows.`,
    ),
    ...aboutTables(
      'ASSESS-MYSQL-CASCADE-LOST',
      lost,
      'with foreign keys of which it is not known what they do',
      'The log holds the change of the parent only. Two keys share a column here and one of them sets it to NULL, so that what is left of a row depends on which of them the server goes first; or a key says SET DEFAULT.',
      (table) =>
        restricted(
          table,
          table.foreignKeys.filter((key) => isLost(table, key)),
        ),
    ),
  ];
}

function keyId({ child, name }: { readonly child: TableName; readonly name: string }): string {
  return JSON.stringify([child.schema, child.name, name]);
}

function setsDefault({ onDelete, onUpdate }: MysqlForeignKey): boolean {
  return onDelete === 'set default' || onUpdate === 'set default';
}

/** The application must then do what the keys did. */
function restricted(table: MysqlTable, keys: readonly MysqlForeignKey[]): string {
  return keys
    .map((key) => {
      const list = (names: readonly string[]): string => names.map((one) => sqlName(one)).join(', ');
      const again = `ADD CONSTRAINT ${sqlName(key.name)} FOREIGN KEY (${list(key.columns)}) REFERENCES ${sqlTable(key.references)} (${list(key.referencedColumns)})`;
      return (
        `-- then the application must change the children itself:\n` +
        `ALTER TABLE ${sqlTable(table)} DROP FOREIGN KEY ${sqlName(key.name)};\nALTER TABLE ${sqlTable(table)} ${again};`
      );
    })
    .join('\n');
}

function checkTriggers({ managed }: MysqlSituation): readonly Finding[] {
  return perTable('ASSESS-MYSQL-TRIGGER', managed, (table) => {
    const names = table.triggers.map(({ name }) => name);
    if (names.length === 0) return undefined;
    return {
      what: `${tableKey(table)} has ${countOf('trigger', names)}.`,
      why: 'Nothing keeps a trigger from firing for what Teal applies after a cut, and what it did is among those changes already: it would be done twice.',
      mend: `-- keep their text (SHOW CREATE TRIGGER), and let the application do their work meanwhile:\n${names.map((name) => `DROP TRIGGER ${sqlName(table.schema, name)};`).join('\n')}`,
    };
  });
}

function checkShapes(situation: MysqlSituation): readonly Finding[] {
  const { managed, blue } = situation;
  return [
    ...aboutTables(
      'ASSESS-MYSQL-NO-KEY',
      managed.filter(({ replicaIdentity }) => replicaIdentity.kind !== 'key'),
      'without a key of columns that are never NULL',
      'Applying an UPDATE or DELETE looks for the row by all its columns: slow in big tables, and it stops where two rows are equal.',
      (table) =>
        `ALTER TABLE ${sqlTable(table)} ADD COLUMN \`row_id\` bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY INVISIBLE;`,
    ),
    ...perTable('ASSESS-MYSQL-KEY-PREFIX', managed, ({ schema, name, indexes }) => {
      const primary = indexes.find((index) => index.name === 'PRIMARY');
      const parts = primary?.parts.flatMap(({ column, prefix }) =>
        column === undefined || prefix === undefined ? [] : [`${column}(${prefix})`],
      );
      if (parts === undefined || parts.length === 0) return undefined;
      return {
        what: `The primary key of ${tableKey({ schema, name })} is over the beginnings of values: ${parts.join(', ')}.`,
        why: 'A change is told of the row with a value, not with the beginning of one: the flow would wait at the first.',
        mend: `-- give it a primary key of whole columns, or leave the table out (tables.exclude)`,
      };
    }),
    ...managed.flatMap((table) => checkNumbers(table)),
    ...aboutTables(
      'ASSESS-MYSQL-GENERATED',
      managed.filter(({ columns }) => columns.some(({ generated }) => generated !== 'no')),
      'with generated columns',
      'Their values are not carried: green computes them, by an expression that must mean the same there.',
    ),
    ...aboutTables(
      'ASSESS-MYSQL-OPTIONS',
      managed.filter((table) => table.options.length > 0 && !isVersioned(table)),
      'with partitions, compression or other options of storage',
      situation.green === undefined
        ? 'They become plain tables on PostgreSQL; how their rows are stored there is decided there.'
        : 'They are made on green with the same words, which it must know.',
    ),
    ...aboutTables(
      'ASSESS-MYSQL-CHECK-OFF',
      managed.filter(({ checks }) => checks.some(({ enforced }) => !enforced)),
      'with checks that are not enforced',
      'Rows may break them: they are not made on a green that would enforce them.',
    ),
    // Between two of this family they are made, and the cut hands their numbers over.
    ...(situation.green === undefined ? checkSequences(blue.catalog.sequences) : []),
  ];
}

const largest: Readonly<Record<string, bigint>> = {
  tinyint: 127n,
  smallint: 32_767n,
  mediumint: 8_388_607n,
  int: 2_147_483_647n,
  bigint: 9_223_372_036_854_775_807n,
};

/** Share of the numbers of a type from which on it is worth a word. */
const nearEndPercent = 80n;

function checkNumbers(table: MysqlTable): readonly Finding[] {
  const column = table.columns.find(({ autoIncrement }) => autoIncrement);
  const [word = ''] = column?.type.split(/[\s(]/) ?? [];
  const signed = largest[word];
  if (column === undefined || signed === undefined || table.nextAutoIncrement === undefined) return [];
  const end = /\bunsigned\b/.test(column.type) ? signed * 2n + 1n : signed;
  if (table.nextAutoIncrement * 100n < end * nearEndPercent) return [];
  return [
    finding('ASSESS-MYSQL-NUMBERS-END', {
      side: 'blue',
      object: tableKey(table),
      what: `The next number of ${tableKey(table)}.${column.name} is ${table.nextAutoIncrement} of ${end}.`,
      why: 'A cut leaves a margin of numbers unused, and an insert fails where none is left.',
      mend: `-- where the type allows: ALTER TABLE ${sqlTable(table)} MODIFY COLUMN ${sqlName(column.name)} bigint unsigned NOT NULL AUTO_INCREMENT;`,
    }),
  ];
}

function checkSequences(sequences: readonly TableName[]): readonly Finding[] {
  if (sequences.length === 0) return [];
  const names = keysOf(sequences);
  return [
    finding('ASSESS-MYSQL-SEQUENCE', {
      side: 'blue',
      object: names.join(', '),
      what: `Blue has ${countOf('sequence', names)}.`,
      why: 'Neither they nor where they stand is carried: make them on green, and set them behind the last number of blue in the pause of the cut.',
      mend: sequences.map((name) => `-- SHOW CREATE SEQUENCE ${sqlTable(name)};`).join('\n'),
    }),
  ];
}

/** PostgreSQL cuts longer names off. */
const longestName = 63;

function checkForPostgres({ managed }: MysqlSituation): readonly Finding[] {
  return [
    ...perTable('ASSESS-MYSQL-NAME-LENGTH', managed, (table) => {
      const names = [table.schema, table.name, ...table.columns.map(({ name }) => name)];
      const long = [...new Set(names)].filter((name) => Buffer.byteLength(name) > longestName);
      if (long.length === 0) return undefined;
      return {
        what: `${tableKey(table)} has ${countOf('name', long)} of more than ${longestName} bytes.`,
        why: 'PostgreSQL would cut it off, and statements of clients would name something else.',
        mend: `-- rename it on blue, or give it another name for green in the mapping`,
      };
    }),
    ...aboutTables(
      'ASSESS-MYSQL-COLLATION',
      managed.filter(hasLooseKey),
      'with keys on texts that are compared without case, accents or trailing blanks',
      "For blue 'a', 'A' and 'a ' are one key. On green they are told apart unless the column gets a collation that does the same.",
    ),
    ...aboutTables(
      'ASSESS-MYSQL-INDEX',
      managed.filter(({ indexes }) =>
        indexes.some(
          ({ kind, parts }) =>
            kind === 'fulltext' || kind === 'spatial' || parts.some((part) => part.prefix !== undefined),
        ),
      ),
      'with full-text, spatial or prefix indexes',
      'They are not made on PostgreSQL as they are: queries that need them need another index there.',
    ),
  ];
}

/** Binary collations compare by code points; those of UCA 9.0.0 do not pad with blanks, but compare without case all the same when they are `_ci`. */
function hasLooseKey({ columns, uniqueKeys }: MysqlTable): boolean {
  const loose = new Set(
    columns
      .filter(({ collation }) => collation !== undefined && !/_(?:bin|cs)$|^binary$/.test(collation))
      .map(({ name }) => name),
  );
  return uniqueKeys.some((key) => key.columns.some((name) => loose.has(name)));
}
