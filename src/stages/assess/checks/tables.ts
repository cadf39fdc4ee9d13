import { tableKey, type Table } from '../../../model/catalog.ts';
import { valueOr } from '../../../model/facts.ts';
import {
  countOf,
  finding,
  keysOf,
  look,
  readsLog,
  sqlName,
  sqlTable,
  type Finding,
  type Situation,
} from '../finding.ts';

/** Tables as wholes: which are moved, what ties them to others, and what their definition means for a stream. */
export function checkTables(situation: Situation): readonly Finding[] {
  return [...checkSelection(situation), ...checkShapes(situation), ...checkTriggers(situation)];
}

function checkSelection({ managed, leftOut }: Situation): readonly Finding[] {
  if (managed.length === 0) {
    return [
      finding('ASSESS-NO-TABLES', {
        side: 'blue',
        what: `None of the ${leftOut.length} tables of blue is selected.`,
        why: 'There would be nothing to move.',
        mend: '-- correct `tables.include` and `tables.exclude`; patterns are schema.table with * for any text.',
      }),
    ];
  }
  const found: Finding[] = [];
  const isLeftOut = new Set(keysOf(leftOut));
  if (leftOut.length > 0) {
    found.push(
      finding('ASSESS-LEFT-OUT', {
        side: 'blue',
        object: keysOf(leftOut).join(', '),
        what: `${countOf('table', keysOf(leftOut))} of blue ${leftOut.length === 1 ? 'is' : 'are'} not selected.`,
        why: 'Their rows stay behind, the fence does not hold writes to them, and clients will not find them filled on green after the cut.',
      }),
    );
  }
  for (const table of managed) {
    for (const key of table.foreignKeys.filter(({ references }) => isLeftOut.has(tableKey(references)))) {
      found.push(
        finding('ASSESS-FOREIGN-KEY-OUTSIDE', {
          side: 'blue',
          object: tableKey(table),
          what: `${tableKey(table)} refers to ${tableKey(key.references)} (${key.name}), which is left out.`,
          why: 'The foreign key cannot be created on green: the rows that it refers to are not there.',
          mend: `-- include ${tableKey(key.references)}, exclude ${tableKey(table)}, or on blue:\nALTER TABLE ${sqlTable(table)} DROP CONSTRAINT ${sqlName(key.name)};`,
        }),
      );
    }
  }
  const isManaged = new Set(keysOf(managed));
  const orphans = leftOut.filter(
    ({ partitionOf }) => partitionOf !== undefined && isManaged.has(tableKey(partitionOf)),
  );
  if (orphans.length > 0) {
    found.push(
      finding('ASSESS-PARTITION-OUTSIDE', {
        side: 'blue',
        object: keysOf(orphans).join(', '),
        what: `${countOf('partition', keysOf(orphans))} of tables that are moved ${orphans.length === 1 ? 'is' : 'are'} left out.`,
        why: 'Queries of the whole table answer with fewer rows on green.',
      }),
    );
  }
  return found;
}

/** One note for all tables of a kind. */
function noteOf(code: Finding['code'], tables: readonly Table[], what: string, why: string, mend?: string): Finding[] {
  if (tables.length === 0) return [];
  const names = keysOf(tables);
  const about = { side: 'blue', object: names.join(', '), what: `${countOf('table', names)} ${what}.`, why } as const;
  return [finding(code, mend === undefined ? about : { ...about, mend })];
}

function checkShapes(situation: Situation): readonly Finding[] {
  const { blue, managed } = situation;
  const stored = managed.filter(({ kind }) => kind === 'table');
  const withoutIdentity = stored.filter(({ replicaIdentity }) => replicaIdentity.kind === 'nothing');
  const setToNothing = withoutIdentity.filter(({ replicaIdentitySetting }) => replicaIdentitySetting === 'nothing');
  const others = withoutIdentity.filter((table) => !setToNothing.includes(table));
  const full = stored.filter(({ replicaIdentity }) => replicaIdentity.kind === 'full');
  return [
    ...noteOf(
      'ASSESS-NO-KEY',
      [...others, ...full],
      'without a key for the log',
      `They get REPLICA IDENTITY FULL ${readsLog(situation, 'blue') ? '' : 'on green '}before they are published: the log holds the whole old row of each UPDATE and DELETE, and applying ` +
        'one looks for the row by all its columns, which is slow in big tables. A primary key on blue avoids it.',
    ),
    ...noteOf(
      'ASSESS-IDENTITY-NOTHING',
      readsLog(situation, 'blue') ? setToNothing : [],
      'set to REPLICA IDENTITY NOTHING',
      'Published like that, every UPDATE and DELETE of the application would fail: Teal sets FULL and puts the old setting back at the end.',
    ),
    ...noteOf(
      'ASSESS-UNLOGGED',
      managed.filter(({ persistence, pages }) => persistence === 'unlogged' && pages > 0),
      'unlogged, with rows',
      'Their changes are not in the log and cannot follow. Declare them empty on green, or have them copied within the pause of the cut.',
      stored
        .filter(({ persistence, pages }) => persistence === 'unlogged' && pages > 0)
        .map((table) => `ALTER TABLE ${sqlTable(table)} SET LOGGED;`)
        .join('\n'),
    ),
    ...noteOf(
      'ASSESS-EXCLUSION',
      managed.filter(({ exclusionConstraints }) => (exclusionConstraints ?? []).length > 0),
      'with EXCLUDE constraints',
      'They hold on green, too. Changes are applied in their order there, one after another, as only the constraint knows what collides.',
    ),
    ...noteOf(
      'ASSESS-DEFERRABLE',
      managed.filter(({ uniqueKeys }) => uniqueKeys.some(({ deferrable }) => deferrable)),
      'with deferrable unique constraints',
      'Within one transaction values may trade places: such changes are applied in their order, with the check at the end.',
    ),
    ...noteOf(
      'ASSESS-INHERITANCE',
      managed.filter(({ inherits }) => inherits.length > 0),
      'inheriting from other tables',
      'Each table is copied and followed by itself (ONLY); rows are not counted twice.',
    ),
    ...noteOf(
      'ASSESS-RULES',
      managed.filter(({ hasRules }) => hasRules),
      'with rules',
      'Rules fire for statements of clients on blue and on green, not for rows that are applied.',
    ),
    ...look(blue.facts.foreignTables, 'blue', 'foreign tables', (tables) =>
      tables.length === 0
        ? []
        : [
            finding('ASSESS-FOREIGN-TABLES', {
              side: 'blue',
              object: keysOf(tables).join(', '),
              what: `Blue has ${countOf('foreign table', keysOf(tables))}.`,
              why: 'Their definition is created on green; their rows stay where they are, and green must be able to reach them.',
            }),
          ],
    ),
    ...checkMaterializedViews(blue.catalog.materializedViews.map(tableKey)),
  ];
}

function checkMaterializedViews(names: readonly string[]): readonly Finding[] {
  if (names.length === 0) return [];
  return [
    finding('ASSESS-MATERIALIZED-VIEWS', {
      side: 'blue',
      object: names.join(', '),
      what: `Blue has ${countOf('materialized view', names)}.`,
      why: 'They are refreshed on green after the copy and again after the cut, in this order, and not followed in between.',
    }),
  ];
}

function checkTriggers({ blue, managed }: Situation): readonly Finding[] {
  const found: Finding[] = managed.flatMap((table) => {
    const firing = table.triggers.filter(({ fires }) => fires === 'always' || fires === 'replica');
    if (firing.length === 0) return [];
    const names = firing.map(({ name }) => name);
    return [
      finding('ASSESS-TRIGGER-ALWAYS', {
        side: 'blue',
        object: tableKey(table),
        what: `${tableKey(table)} has ${countOf('trigger', names)} that fire${names.length === 1 ? 's' : ''} for replicated rows.`,
        why: 'What the trigger does on blue is in the log already; on green it would be done a second time.',
        mend: names.map((name) => `ALTER TABLE ${sqlTable(table)} ENABLE TRIGGER ${sqlName(name)};`).join('\n'),
      }),
    ];
  });
  const eventTriggers = valueOr(blue.facts.eventTriggers, []).filter(({ enabled, extension }) => enabled && !extension);
  const unseen = look(blue.facts.eventTriggers, 'blue', 'event triggers', () => []);
  if (eventTriggers.length === 0) return [...found, ...unseen];
  const names = eventTriggers.map(({ name }) => name);
  return [
    ...found,
    finding('ASSESS-EVENT-TRIGGER', {
      side: 'blue',
      object: names.join(', '),
      what: `Blue has ${countOf('event trigger', names)}.`,
      why: 'They fire when Teal creates its schema, publication and fence. One that refuses would stop it, one that records will have rows of it.',
      mend: `-- one that refuses statements of Teal:\n${names.map((name) => `ALTER EVENT TRIGGER ${sqlName(name)} DISABLE;`).join('\n')}`,
    }),
  ];
}
