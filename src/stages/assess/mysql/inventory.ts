import { tableKey } from '../../../model/catalog.ts';
import { valueOr, type Fact } from '../../../model/facts.ts';
import type { MysqlFacts } from '../../../model/mysql-facts.ts';
import type { MysqlTable } from '../../../model/mysql-catalog.ts';
import type { Inventory, InventorySection } from '../inventory.ts';
import { bytesText, countText } from '../text.ts';
import { sidesOf, type MysqlSideView, type MysqlSituation } from './situation.ts';

/** What the databases hold and hang on, as tables of plain texts. */
export function mysqlInventory(situation: MysqlSituation): Inventory {
  const sections = [
    systemsSection(situation),
    settingsSection(situation),
    tablesSection(situation),
    foreignKeysSection(situation),
    numbersSection(situation),
    programsSection(situation.blue),
    accountsSection(situation.blue),
    unknownSection(situation),
  ];
  return Object.freeze({ sections: sections.filter(({ rows }) => rows.length > 0) });
}

function systemsSection(situation: MysqlSituation): InventorySection {
  const sides = sidesOf(situation).map(([, view]) => view);
  const shown = <T>(fact: Fact<T>, text: (value: T) => string): string => (fact.known ? text(fact.value) : 'unknown');
  const row = (what: string, of: (view: MysqlSideView) => string): readonly string[] => [what, ...sides.map(of)];
  return {
    title: 'Systems',
    about: 'Who the sides of this family are.',
    columns: ['', ...sidesOf(situation).map(([side]) => side)],
    rows: [
      row('address', ({ identity }) => identity.address),
      row('version', ({ identity }) => `${identity.kind} ${identity.version}`),
      row('role', ({ identity }) => identity.role),
      row('account', ({ identity }) => identity.user),
      row('server', ({ identity }) => identity.identity.cluster),
      row('databases', ({ identity }) => identity.identity.database),
      row('size of the databases', ({ facts }) => shown(facts.databaseBytes, bytesText)),
      row('log on disk', ({ facts }) => shown(facts.logBytesOnDisk, bytesText)),
      row('GTIDs', ({ facts }) => shown(facts.gtids, (gtids) => (gtids === '' ? 'none' : gtids))),
    ],
  };
}

function settingsSection(situation: MysqlSituation): InventorySection {
  const ofSides = sidesOf(situation).map(([, { facts }]) => valueOr(facts.settings, {}));
  const names = [...new Set(ofSides.flatMap((settings) => Object.keys(settings)))].sort();
  return {
    title: 'Settings',
    about: 'What the migration needs, and what clients notice.',
    columns: ['setting', ...sidesOf(situation).map(([side]) => side)],
    rows: names.map((name) => [name].concat(ofSides.map((settings) => settings[name]?.value ?? '–'))),
  };
}

function tablesSection({ blue, managed, leftOut }: MysqlSituation): InventorySection {
  const writes = new Map(valueOr(blue.facts.writes, { tables: [] }).tables.map((table) => [tableKey(table), table]));
  const isLeftOut = new Set(leftOut);
  const row = (table: MysqlTable): readonly string[] => {
    const counted = writes.get(tableKey(table));
    return [
      tableKey(table),
      [table.engine, ...table.options].join(', '),
      isLeftOut.has(table) ? 'no' : 'yes',
      countText(table.estimatedRows),
      bytesText(table.totalBytes),
      table.replicaIdentity.kind === 'key' ? table.replicaIdentity.columns.join(', ') : 'whole rows (no key)',
      table.collation,
      counted === undefined ? '–' : `${counted.inserted} / ${counted.updated} / ${counted.deleted}`,
    ];
  };
  return {
    title: 'Tables',
    about: 'Rows are estimates of the server.',
    columns: ['table', 'stored', 'moved', 'rows', 'size', 'told apart by', 'collation', 'inserted / updated / deleted'],
    rows: [...managed, ...leftOut].toSorted((a, b) => Number(b.totalBytes - a.totalBytes)).map(row),
  };
}

function foreignKeysSection({ blue }: MysqlSituation): InventorySection {
  return {
    title: 'Foreign keys',
    about: 'Which tables must be moved together, and what changes by itself.',
    columns: ['table', 'columns', 'refers to', 'on delete', 'on update', 'constraint'],
    rows: blue.catalog.tables.flatMap((table) =>
      table.foreignKeys.map((key) => [
        tableKey(table),
        key.columns.join(', '),
        tableKey(key.references),
        key.onDelete,
        key.onUpdate,
        key.name,
      ]),
    ),
  };
}

function numbersSection({ blue }: MysqlSituation): InventorySection {
  return {
    title: 'Numbers',
    about: 'AUTO_INCREMENT and sequences: read behind the fence and set on green with a margin.',
    columns: ['of', 'next', 'type'],
    rows: [
      ...blue.catalog.tables.flatMap((table) =>
        table.columns
          .filter(({ autoIncrement }) => autoIncrement)
          .map(({ name, type }) => [`${tableKey(table)}.${name}`, String(table.nextAutoIncrement ?? 'unknown'), type]),
      ),
      ...blue.catalog.sequences.map((sequence) => [tableKey(sequence), 'not read', 'sequence']),
    ],
  };
}

function programsSection({ facts }: MysqlSideView): InventorySection {
  return {
    title: 'Views and programs',
    about: 'What runs inside of the server, with the rights of its definer.',
    columns: ['name', 'kind', 'definer'],
    rows: valueOr(facts.definedObjects, []).map(({ schema, name, kind, definer, enabled }) => [
      `${schema}.${name}`,
      enabled === false ? `${kind}, not enabled` : kind,
      definer,
    ]),
  };
}

function accountsSection({ facts }: MysqlSideView): InventorySection {
  const passing = new Set(valueOr(facts.passesReadOnly, []));
  return {
    title: 'Accounts',
    about: 'Of the server of blue: clients log in with these after the cut.',
    columns: ['account', 'plugin', 'notes'],
    rows: valueOr(facts.accounts, []).map(({ name, plugin, locked }) => [
      name,
      plugin,
      [...(locked ? ['locked, or a role'] : []), ...(passing.has(name) ? ['writes while read_only is on'] : [])].join(
        ', ',
      ) || '–',
    ]),
  };
}

function unknownSection(situation: MysqlSituation): InventorySection {
  return {
    title: 'What could not be known',
    about: 'Beside these no server tells: settings that sessions make for themselves, and what applications assume.',
    columns: ['side', 'fact', 'why'],
    rows: sidesOf(situation).flatMap(([side, { facts }]) =>
      (Object.keys(facts) as (keyof MysqlFacts)[]).flatMap((name) => {
        const fact = facts[name];
        return fact.known ? [] : [[side, name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), fact.why]];
      }),
    ),
  };
}
