import { tableKey, type Side, type Table } from '../../../model/catalog.ts';
import { bothSides, finding, readsLog, sqlName, sqlTable, type Finding, type Situation } from '../finding.ts';

/** The first major that refuses changes of a published table whose identity holds a column that the publication leaves out. */
const refusesSince = 18;
const maxNameLength = 63;

/**
 * PostgreSQL 18 refuses every UPDATE and DELETE of a published table whose replica identity holds generated columns, stored or virtual: FULL with any such column, or an
 * index on one ("Replica identity must not contain unpublished generated columns"). Both sides publish, unless blue is followed by triggers, so that one of them being 18 is enough.
 */
export function checkGeneratedIdentity(situation: Situation): readonly Finding[] {
  const sides = bothSides(situation).filter(
    ([side, { identity }]) => identity.major >= refusesSince && readsLog(situation, side),
  );
  if (sides.length === 0) return [];
  const names = sides.map(([side]) => side);
  return situation.managed
    .filter(({ kind, persistence }) => kind === 'table' && persistence === 'permanent')
    .flatMap((table) => {
      const columns = generatedInIdentity(table);
      return columns.length === 0 ? [] : [refused(table, columns, names)];
    });
}

/** A table without an identity gets FULL, which is all columns. */
function generatedInIdentity({ columns, replicaIdentity: identity }: Table): readonly string[] {
  const generated = columns.filter((column) => column.generated !== 'no').map(({ name }) => name);
  return identity.kind === 'key' ? generated.filter((name) => identity.columns.includes(name)) : generated;
}

function refused(table: Table, columns: readonly string[], sides: readonly Side[]): Finding {
  const identity = table.replicaIdentity.kind === 'key' ? 'its key' : 'all its columns, for it has no key,';
  return finding('ASSESS-GENERATED-IDENTITY', {
    side: 'blue',
    object: tableKey(table),
    what: `The log would tell rows of ${tableKey(table)} apart by ${identity} with the generated ${columns.join(', ')}.`,
    why: `PostgreSQL ${refusesSince} (${sides.join(' and ')}) refuses every UPDATE and DELETE of such a table as soon as it is published: those of your clients would fail.`,
    mend: mendOf(table),
  });
}

/** An identity of columns that are not generated: a key that is there, or else a new column. */
function mendOf(table: Table): string {
  const name = sqlTable(table);
  const plain = new Set(table.columns.filter((it) => it.notNull && it.generated === 'no').map((it) => it.name));
  const key = table.uniqueKeys.find(
    (it) => !it.partialOrExpression && !it.deferrable && it.columns.every((column) => plain.has(column)),
  );
  if (key?.primary === true) return `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT;`;
  if (key !== undefined) return `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${sqlName(key.index)};`;
  const added = `${table.name.slice(0, maxNameLength - 11)}_row_id_key`;
  return (
    `-- writes the table anew, under ACCESS EXCLUSIVE:\n` +
    `ALTER TABLE ${name} ADD COLUMN row_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ${sqlName(added)} UNIQUE;\n` +
    `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${sqlName(added)};`
  );
}
