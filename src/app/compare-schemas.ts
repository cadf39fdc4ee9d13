import { otherSide, tableKey, type Side, type TableName } from '../model/catalog.ts';
import type { SchemaObject } from '../ports/digester.ts';
import type { SchemaComparison, Schemas } from '../ports/schemas.ts';
import type { PgConnection } from '../systems/postgres/connection.ts';
import { readObjects } from '../systems/postgres/digest/objects.ts';
import type { KeptSession } from '../systems/postgres/kept-session.ts';
import { compareSelected, readUnmoved } from '../systems/postgres/schema-eyes.ts';
import { readColumnRules, readForms, readMark, type ColumnRule } from '../systems/postgres/schema-forms.ts';
import type { SchemaForm } from '../model/schema-form.ts';
import { readRefused } from '../systems/postgres/write-rights.ts';
import { compareObjects } from '../verify/objects.ts';

interface SchemaOfSide {
  readonly side: Side;
  readonly major: number;
  readonly forms: readonly SchemaForm[];
  readonly rules: readonly ColumnRule[];
  readonly objects: readonly SchemaObject[];
  readonly refused: readonly string[];
}

/** The two schemas of a migration, whole: what a cut asks before it begins. `moving`: SQL, the tables whose rows are carried away from a side (moving.ts). */
export function postgresSchemas(
  sessions: Readonly<Record<Side, KeptSession>>,
  moving: Readonly<Record<Side, string>>,
  selected: (table: TableName) => boolean,
  managed: readonly TableName[],
): Schemas {
  const begunWith = new Set(managed.map(tableKey));
  const read = async (side: Side, connection: PgConnection): Promise<SchemaOfSide> => ({
    side,
    major: connection.serverMajor,
    forms: await readForms(connection),
    refused: await readRefused(connection, managed, side),
    rules: (await readColumnRules(connection)).filter(({ schema, of }) => selected({ schema, name: of })),
    objects: (await readObjects(connection)).filter(({ table }) => table === undefined || selected(table)),
  });
  return {
    async look(side) {
      const [live, other] = await Promise.all([
        sessions[side].use(async (connection) => ({
          forms: await readForms(connection),
          unmoved: await readUnmoved(connection, moving[side], selected, side),
        })),
        sessions[otherSide(side)].use(readForms),
      ]);
      return { ...compareSelected(live.forms, other, selected, side), unmoved: live.unmoved };
    },
    async blocked(side) {
      const { rows } = await sessions[side].use(async (connection) => connection.query(blockedSql));
      return rows.map(
        (row) =>
          `session ${row['pid']} waits to change ${row['relation']} until the copy is done, and statements that come after it wait behind it`,
      );
    },
    async lacking(side) {
      const [live, other] = await Promise.all([
        sessions[side].use(readForms),
        sessions[otherSide(side)].use(readForms),
      ]);
      return compareSelected(live, other, (table) => begunWith.has(tableKey(table)), side).lacking;
    },
    async compare(side): Promise<SchemaComparison> {
      const [live, other] = await Promise.all([
        sessions[side].use(async (connection) => ({
          // First: a change that comes in between is then seen by the fence.
          mark: await readMark(connection, selected),
          unmoved: await readUnmoved(connection, moving[side], selected, side),
          ...(await read(side, connection)),
        })),
        sessions[otherSide(side)].use(async (connection) => read(otherSide(side), connection)),
      ]);
      const carried = compareSelected(live.forms, other.forms, selected, side);
      const named = [...carried.lacking, ...carried.surplus].join('\n');
      const rest = [...ruleDifferences(live, other), ...objectDifferences(live, other)];
      // An enum with another label is told already.
      const objects = rest.filter(({ kind, name }) => kind !== 'type' || !named.includes(name));
      return {
        ...carried,
        unmoved: live.unmoved,
        refused: [...live.refused, ...other.refused],
        mark: live.mark,
        objects: objects.map(({ kind, name, what }) => `${kind} ${name} is ${what}`),
      };
    },
  };
}

/** ACCESS SHARE, which the snapshot's holders have on every table, keeps only ACCESS EXCLUSIVE out. */
const blockedSql = `
  select l.pid, l.relation::regclass::text as relation
  from pg_locks l
  where not l.granted and l.mode = 'AccessExclusiveLock' and l.relation is not null
    and l.database = (select oid from pg_database where datname = current_database())
    and exists (
      select from unnest(pg_blocking_pids(l.pid)) as holder (pid)
      join pg_stat_activity a on a.pid = holder.pid where a.application_name ~ '^teal')
  order by 1 limit 10`;

interface Told {
  readonly kind: string;
  readonly name: string;
  readonly what: string;
}

/** Of columns that both sides have: those that one side lacks are told as such. */
function ruleDifferences(live: SchemaOfSide, other: SchemaOfSide): readonly Told[] {
  const there = new Map(other.rules.map((rule) => [rule.name, rule]));
  return live.rules.flatMap((rule): readonly Told[] => {
    const found = there.get(rule.name);
    if (found === undefined) return [];
    const words = (each: ColumnRule): string => (each.definition === '' ? 'plain' : each.definition);
    if (found.definition !== rule.definition) {
      const what = `${words(rule)} on ${live.side} and ${words(found)} on ${other.side}`;
      return [{ kind: 'column', name: rule.name, what }];
    }
    const differs = live.major === other.major && found.expression !== rule.expression;
    return differs ? [{ kind: 'default of column', name: rule.name, what: 'defined differently' }] : [];
  });
}

/** Kinds of objects that can make a statement fail, or act, where the live side would not. */
const active = new Set<string>(['constraint', 'trigger', 'policy']);

/**
 * What the other side lacks or defines otherwise. What it has beyond is let pass where it can change no answer and refuse no statement (an index, a view, a function).
 * How far sequences have come is no matter of the schema: a cut moves them.
 */
function objectDifferences(live: SchemaOfSide, other: SchemaOfSide): readonly Told[] {
  const unique = new Set(
    other.objects.filter((it) => it.kind === 'index' && it.definition.startsWith('CREATE UNIQUE')).map((it) => it.name),
  );
  return compareObjects(live, other).differences.filter(({ kind, name, what }) => {
    if (what === 'behind on the other side') return false;
    if (what !== `only on ${other.side}`) return true;
    return active.has(kind) || (kind === 'index' && unique.has(name));
  });
}
