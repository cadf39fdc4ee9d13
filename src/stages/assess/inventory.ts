import { tableKey, type Side, type Table } from '../../model/catalog.ts';
import { valueOr, type Fact, type SystemFacts } from '../../model/facts.ts';
import { bothSides, type SideView, type Situation } from './finding.ts';
import { bytesText, countText } from './text.ts';

/** One table of the inventory: plain texts, so that every renderer and the report show the same. */
export interface InventorySection {
  readonly title: string;
  /** Why a reader should care, one sentence. */
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What the database holds and hangs on: its state, inside of tables and outside. */
export interface Inventory {
  readonly sections: readonly InventorySection[];
}

export function inventoryOf(situation: Situation): Inventory {
  const { blue } = situation;
  const sections = [
    systemsSection(situation),
    settingsSection(situation),
    tablesSection(situation),
    foreignKeysSection(situation),
    sequencesSection(blue),
    viewsSection(blue),
    extensionsSection(situation),
    triggersSection(blue),
    rolesSection(blue),
    defaultsSection(blue),
    privilegesSection(blue),
    streamsSection(situation),
    outsideSection(blue),
    unknownSection(situation),
  ];
  return Object.freeze({ sections: sections.filter(({ rows }) => rows.length > 0) });
}

function section(
  title: string,
  about: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): InventorySection {
  return { title, about, columns, rows };
}

function systemsSection({ blue, green }: Situation): InventorySection {
  const encodingOf = ({ facts: { encoding } }: SideView): string =>
    encoding.known
      ? `${encoding.value.encoding}, ${encoding.value.provider} ${encoding.value.locale ?? encoding.value.collate}, version ${encoding.value.collationVersion ?? 'not told'}`
      : 'unknown';
  const bytesOf = (fact: Fact<bigint>): string => (fact.known ? bytesText(fact.value) : 'unknown');
  const row = (what: string, of: (side: SideView) => string): readonly string[] => [what, of(blue), of(green)];
  return section(
    'Systems',
    'Who the two sides are.',
    ['', 'blue', 'green'],
    [
      row('address', ({ identity }) => identity.address),
      row('version', ({ identity }) => identity.version),
      row('role', ({ identity }) => identity.role),
      row('user', ({ identity }) => identity.user),
      row('cluster', ({ identity }) => identity.identity.cluster),
      row('timeline', ({ identity }) => String(identity.timeline)),
      row('encoding and collation', encodingOf),
      row('size of the database', ({ facts }) => bytesOf(facts.databaseBytes)),
      row('WAL on disk', ({ facts }) => bytesOf(facts.walBytesOnDisk)),
      row('free disk', ({ facts }) => bytesOf(facts.freeDiskBytes)),
    ],
  );
}

function settingsSection({ blue, green }: Situation): InventorySection {
  const [ofBlue, ofGreen] = [valueOr(blue.facts.settings, {}), valueOr(green.facts.settings, {})];
  const shown = (settings: typeof ofBlue, name: string): string => {
    const setting = settings[name];
    if (setting === undefined) return '–';
    return setting.value === undefined ? 'unknown' : `${setting.value} ${setting.unit ?? ''}`.trim();
  };
  const names = [...new Set([...Object.keys(ofBlue), ...Object.keys(ofGreen)])].sort();
  return section(
    'Settings',
    'What the migration needs, and what clients notice.',
    ['setting', 'blue', 'green'],
    names.map((name) => [name, shown(ofBlue, name), shown(ofGreen, name)]),
  );
}

function tablesSection({ blue, managed, leftOut }: Situation): InventorySection {
  const writes = new Map(valueOr(blue.facts.writes, { tables: [] }).tables.map((table) => [tableKey(table), table]));
  const isLeftOut = new Set(leftOut);
  const row = (table: Table): readonly string[] => {
    const counted = writes.get(tableKey(table));
    return [
      tableKey(table),
      kindOf(table),
      isLeftOut.has(table) ? 'no' : 'yes',
      countText(table.estimatedRows),
      bytesText(table.totalBytes),
      identityOf(table),
      counted === undefined ? '–' : `${counted.inserted} / ${counted.updated} / ${counted.deleted}`,
    ];
  };
  const bySize = [...managed, ...leftOut].sort((a, b) => Number(b.totalBytes - a.totalBytes));
  return section(
    'Tables',
    'Rows are estimates; writes are counted since the statistics were reset.',
    ['table', 'kind', 'moved', 'rows', 'size', 'told apart by', 'inserted / updated / deleted'],
    bySize.map(row),
  );
}

function kindOf(table: Table): string {
  const words = [
    ...(table.persistence === 'unlogged' ? ['unlogged'] : []),
    table.kind === 'partitioned' ? 'partitioned table' : 'table',
    ...(table.partitionOf === undefined ? [] : [`partition of ${tableKey(table.partitionOf)}`]),
    ...(table.inherits.length === 0 ? [] : [`child of ${table.inherits.map(tableKey).join(', ')}`]),
    ...(table.rowSecurity === 'off' ? [] : [`row-level security ${table.rowSecurity}`]),
  ];
  return words.join(', ');
}

function identityOf({ replicaIdentity }: Table): string {
  return replicaIdentity.kind === 'key' ? replicaIdentity.columns.join(', ') : `${replicaIdentity.kind} (no key)`;
}

function foreignKeysSection({ blue }: Situation): InventorySection {
  return section(
    'Foreign keys',
    'Which tables must be moved together.',
    ['table', 'columns', 'refers to', 'constraint'],
    blue.catalog.tables.flatMap((table) =>
      table.foreignKeys.map((key) => [tableKey(table), key.columns.join(', '), tableKey(key.references), key.name]),
    ),
  );
}

function sequencesSection({ catalog, facts }: SideView): InventorySection {
  const last = new Map(valueOr(facts.sequencePositions, []).map((one) => [tableKey(one), one.lastValue]));
  return section(
    'Sequences',
    'Not in the log: read behind the fence and set on green with a margin.',
    ['sequence', 'owned by', 'type', 'last value', 'maximum'],
    catalog.sequences.map((sequence) => [
      tableKey(sequence),
      sequence.ownedBy === undefined ? '–' : `${tableKey(sequence.ownedBy.table)}.${sequence.ownedBy.column}`,
      sequence.type,
      String(last.get(tableKey(sequence)) ?? 'not used or not readable'),
      `${sequence.max}${sequence.cycle ? ', cycles' : ''}`,
    ]),
  );
}

function viewsSection({ catalog }: SideView): InventorySection {
  return section(
    'Views',
    'Materialized ones in the order in which they are refreshed.',
    ['view', 'kind'],
    [
      ...catalog.materializedViews.map((view) => [
        tableKey(view),
        view.populated ? 'materialized' : 'materialized, not populated',
      ]),
      ...catalog.views.map((view) => [tableKey(view), 'view']),
    ],
  );
}

function extensionsSection({ blue, green }: Situation): InventorySection {
  const available = new Map(valueOr(green.facts.availableExtensions, []).map(({ name, version }) => [name, version]));
  return section(
    'Extensions',
    'They must be installed on the machine of green.',
    ['extension', 'schema', 'on blue', 'offered by green'],
    blue.catalog.extensions.map(({ name, schema, version }) => [name, schema, version, available.get(name) ?? 'none']),
  );
}

function triggersSection({ catalog, facts }: SideView): InventorySection {
  return section(
    'Triggers',
    'What the database does by itself when rows or the schema change.',
    ['trigger', 'on', 'fires'],
    [
      ...catalog.tables.flatMap((table) => table.triggers.map(({ name, fires }) => [name, tableKey(table), fires])),
      ...valueOr(facts.eventTriggers, []).map(({ name, event, enabled, extension }) => [
        name,
        extension === undefined ? event : `${event} (extension ${extension})`,
        enabled ? 'enabled' : 'disabled',
      ]),
      ...catalog.tables.filter(({ hasRules }) => hasRules).map((table) => ['rules', tableKey(table), 'origin']),
    ],
  );
}

function rolesSection({ facts }: SideView): InventorySection {
  return section(
    'Roles',
    'Of the cluster of blue: clients log in with these after the cut.',
    ['role', 'attributes', 'member of'],
    valueOr(facts.roles, []).map((role) => [
      role.name,
      [
        ...(role.superuser ? ['superuser'] : []),
        role.login ? 'login' : 'no login',
        ...(role.replication ? ['replication'] : []),
        ...(role.bypassRowSecurity ? ['bypasses row-level security'] : []),
        ...(role.createRole ? ['creates roles'] : []),
        ...(role.createDatabase ? ['creates databases'] : []),
        ...(role.inherits ? [] : ['does not inherit']),
        ...(role.connectionLimit < 0 ? [] : [`at most ${role.connectionLimit} connections`]),
      ].join(', '),
      role.memberOf.map((one) => (one.admin ? `${one.role} (admin)` : one.role)).join(', ') || '–',
    ]),
  );
}

function defaultsSection({ facts }: SideView): InventorySection {
  return section(
    'Defaults of sessions',
    'ALTER DATABASE … SET and ALTER ROLE … SET: no dump of a schema holds them. Values of settings with a dot are not read.',
    ['database', 'role', 'setting', 'value'],
    valueOr(facts.sessionDefaults, []).map(({ database, role, name, value }) => [
      database ?? 'every',
      role ?? 'every',
      name,
      value ?? 'not read',
    ]),
  );
}

function privilegesSection({ facts }: SideView): InventorySection {
  return section(
    'Default privileges',
    'What new objects of a role are granted.',
    ['role', 'schema', 'objects', 'grants'],
    valueOr(facts.defaultPrivileges, []).map(({ role, schema, objects, acl }) => [
      role,
      schema ?? 'every',
      objects,
      acl,
    ]),
  );
}

function streamsSection(situation: Situation): InventorySection {
  return section(
    'Replication',
    'Publications, subscriptions and slots: none of them moves by itself.',
    ['side', 'kind', 'name', 'state'],
    bothSides(situation).flatMap(([side, { facts }]) => streamsOf(side, facts)),
  );
}

function streamsOf(side: Side, { publications, subscriptions, slots }: SystemFacts): readonly (readonly string[])[] {
  return [
    ...valueOr(publications, []).map(({ name, allTables }) => [
      side,
      'publication',
      name,
      allTables ? 'all tables' : 'some tables',
    ]),
    ...valueOr(subscriptions, []).map(({ name, enabled }) => [
      side,
      'subscription',
      name,
      enabled ? 'enabled' : 'disabled',
    ]),
    ...valueOr(slots, []).map(({ name, kind, active, database, retainedBytes }) => {
      const state = [
        active ? 'active' : 'not active',
        ...(database === undefined ? [] : [`database ${database}`]),
        ...(retainedBytes === undefined ? [] : [`keeps ${bytesText(retainedBytes)}`]),
      ];
      return [side, `${kind} slot`, name, state.join(', ')];
    }),
  ];
}

function outsideSection({ facts }: SideView): InventorySection {
  const largeObjects = valueOr(facts.largeObjects, { count: 0n, bytes: 0n });
  const state = valueOr(facts.stateOutsideTables, { advisoryLocks: 0, temporaryTables: 0, functions: [] });
  return section(
    'State and dependencies outside of tables',
    'Each needs a decision of its own.',
    ['what', 'which'],
    [
      ...(largeObjects.count > 0n
        ? [['large objects', `${largeObjects.count}, at most ${bytesText(largeObjects.bytes)}`]]
        : []),
      ...valueOr(facts.jobs, []).map(({ scheduler, name, schedule, active }) => [
        `job of ${scheduler}`,
        `${name}, ${schedule}${active ? '' : ', not active'}`,
      ]),
      ...valueOr(facts.foreignServers, []).map(({ name, wrapper, userMappings }) => [
        'foreign server',
        `${name} by ${wrapper}, ${userMappings} user mappings`,
      ]),
      ...valueOr(facts.foreignTables, []).map((table) => ['foreign table', tableKey(table)]),
      ...valueOr(facts.extensionData, []).map((table) => [
        `rows in a table of ${table.extension}`,
        `${tableKey(table)}, ${bytesText(table.bytes)}`,
      ]),
      ...valueOr(facts.tablespaces, []).map(({ name, tables }) => ['tablespace', `${name}, ${tables} relations`]),
      ...valueOr(facts.preparedTransactions, []).map(({ gid, owner }) => [
        'prepared transaction',
        `${gid} of ${owner}`,
      ]),
      ...(state.advisoryLocks > 0 ? [['advisory locks held', String(state.advisoryLocks)]] : []),
      ...(state.temporaryTables > 0 ? [['temporary tables', String(state.temporaryTables)]] : []),
      ...state.functions.map(({ sign, names }) => [`functions with ${sign}`, names.join(', ')]),
    ],
  );
}

function unknownSection(situation: Situation): InventorySection {
  return section(
    'What could not be known',
    'Beside these no catalog tells: LISTEN and prepared statements of sessions, and what applications assume.',
    ['side', 'fact', 'why'],
    bothSides(situation).flatMap(([side, { facts }]) =>
      (Object.keys(facts) as (keyof SystemFacts)[]).flatMap((name) => {
        const fact = facts[name];
        return fact.known ? [] : [[side, name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), fact.why]];
      }),
    ),
  );
}
