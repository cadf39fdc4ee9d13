import { tableKey, type Table } from '../../../model/catalog.ts';
import type { PolledColumn } from '../../../model/polled-column.ts';
import { finding, keysOf, sqlName, sqlTable, type Finding, type Situation } from '../finding.ts';
import { bytesText, countText } from '../text.ts';

type Seen = NonNullable<PolledColumn['seen']>;

/** What a source that is polled does not tell, and whether the columns by which its rows are found are fit for it. */
export function checkPolling(situation: Situation): readonly Finding[] {
  if (situation.method !== 'polling') return [];
  const { polled, managed } = situation;
  const byKey = new Map(managed.map((table) => [tableKey(table), table]));
  return [
    ...checkWhole(situation),
    ...checkNames(situation),
    ...managed.filter((table) => table.kind === 'table').flatMap(checkKeys),
    ...polled.flatMap((each) => checkColumn(each, byKey.get(tableKey(each)))),
  ];
}

function checkWhole({ blue }: Situation): readonly Finding[] {
  const found: Finding[] = [
    finding('ASSESS-POLLING', {
      side: 'blue',
      object: 'follow.method',
      what: 'Blue is polled: the flow brings no deletes, no TRUNCATE, not the old place of a key that moves, and no state in between.',
      why:
        'Green is fresh, not equal, until it is repaired (`teal verify --fix`). Every cut compares every row of both sides while clients wait, and repairs: `cutover.maxPause` must be long enough for that. ' +
        'A row whose writer does not set the column, or sets an old time, comes only then. Where the log or triggers can be had they are better.',
    }),
  ];
  const { rights: asked } = blue.facts;
  if (asked.known && !asked.value.readAllStatistics) {
    const rights = asked.value;
    found.push(
      finding('ASSESS-POLLING-RIGHT', {
        side: 'blue',
        object: rights.user,
        what: `${rights.user} does not see other users' transactions.`,
        why: 'A poll must know when the oldest open transaction began: its rows have that time, and appear only when it commits.',
        mend: `GRANT pg_read_all_stats TO ${sqlName(rights.user)};`,
      }),
    );
  }
  return found;
}

/** A name that is no table's would be passed over without a word. */
function checkNames({ managed, pollColumns }: Situation): readonly Finding[] {
  const isManaged = new Set(keysOf(managed));
  return Object.keys(pollColumns)
    .filter((key) => !isManaged.has(key))
    .map((key) =>
      finding('ASSESS-POLLING-NAME', {
        side: 'blue',
        object: key,
        what: `\`follow.columns\` names ${key}, which is no table that is moved.`,
        why: 'A table whose name is written otherwise would be polled by `follow.column`.',
        mend: '-- correct `follow.columns` in the migration file: schema.table, as the catalog has it.',
      }),
    );
}

function checkKeys(table: Table): readonly Finding[] {
  const object = tableKey(table);
  const primary = table.uniqueKeys.find((key) => key.primary);
  if (primary === undefined || primary.deferrable) {
    return [
      finding('ASSESS-POLLING-KEY', {
        side: 'blue',
        object,
        what: `${object} has no primary key${primary === undefined ? '' : ' that is checked at once'}.`,
        why: 'Nothing tells which row of green a row is that was polled.',
        mend: `-- for example:\nALTER TABLE ${sqlTable(table)} ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;\n-- or leave it out: tables: { exclude: [${object}] }`,
      }),
    ];
  }
  const names = [
    ...table.uniqueKeys.filter((key) => !key.primary).map(({ index }) => index),
    ...(table.exclusionConstraints ?? []),
  ];
  if (names.length === 0) return [];
  return [
    finding('ASSESS-POLLING-UNIQUE', {
      side: 'blue',
      object,
      what: `${object} has unique values beside its primary key: ${names.slice(0, 8).join(', ')}.`,
      why: 'A row that was deleted stays on green. If another one takes its unique value, green refuses it and the flow stops (TEAL-SYNC-111) until somebody deletes the old row there.',
    }),
  ];
}

function checkColumn(polled: PolledColumn, table: Table | undefined): readonly Finding[] {
  const { column, seen } = polled;
  const object = `${tableKey(polled)}.${column}`;
  const name = sqlTable(polled);
  const about = { side: 'blue', object } as const;
  if (seen?.isTime !== true) {
    return [
      finding('ASSESS-POLLING-COLUMN', {
        ...about,
        what:
          seen === undefined
            ? `${tableKey(polled)} has no column ${column}.`
            : `${object} is of type ${seen.type}, not a timestamp.`,
        why: 'Nothing tells which of its rows were written since the last poll.',
        mend:
          seen === undefined
            ? `ALTER TABLE ${name} ADD COLUMN ${sqlName(column)} timestamptz NOT NULL DEFAULT now();\n${touchSql(polled)}`
            : `-- name another column in the migration file: follow: { columns: { ${tableKey(polled)}: … } }`,
      }),
    ];
  }
  return [
    ...checkIndex(polled, seen, table, about),
    ...checkStamps(polled, seen, about),
    ...checkTimes(polled, seen, about),
  ];
}

type About = Pick<Finding, 'side' | 'object'>;

function checkIndex(
  polled: PolledColumn,
  { isIndexed, notNull, nullShare, commonShare }: Seen,
  table: Table | undefined,
  about: About,
): readonly Finding[] {
  const found: Finding[] = [];
  if (!isIndexed) {
    const size = table === undefined ? '' : ` (${bytesText(table.heapBytes)})`;
    found.push(
      finding('ASSESS-POLLING-INDEX', {
        ...about,
        what: `No index begins with ${about.object}.`,
        why: `Every poll reads the whole table${size}.`,
        mend: `CREATE INDEX CONCURRENTLY ON ${sqlTable(polled)} (${sqlName(polled.column)});`,
      }),
    );
  }
  if (!notNull) {
    const share = nullShare === undefined ? '' : ` By the statistics ${percentText(nullShare)} of its rows are.`;
    found.push(
      finding('ASSESS-POLLING-NULL', {
        ...about,
        what: `${about.object} may be NULL.${share}`,
        why: 'Such rows say nothing of their time: each poll looks at all of them.',
        mend: `UPDATE ${sqlTable(polled)} SET ${sqlName(polled.column)} = now() WHERE ${sqlName(polled.column)} IS NULL;\nALTER TABLE ${sqlTable(polled)} ALTER COLUMN ${sqlName(polled.column)} SET NOT NULL;`,
      }),
    );
  }
  if (commonShare !== undefined && commonShare >= 0.2) {
    found.push(
      finding('ASSESS-POLLING-EQUAL', {
        ...about,
        what: `${percentText(commonShare)} of the rows have one and the same ${about.object}.`,
        why: 'They were written at once, or by something that sets a fixed time. After such a write a poll reads and brings all of them in one transaction.',
      }),
    );
  }
  return found;
}

function checkStamps(polled: PolledColumn, { isFilled, isTouched }: Seen, about: About): readonly Finding[] {
  if (isFilled && isTouched) return [];
  const lacks = [
    ...(isFilled ? [] : ['no default gives inserted rows the time']),
    ...(isTouched ? [] : ['no trigger gives it to updated ones']),
  ];
  return [
    finding('ASSESS-POLLING-STAMP', {
      ...about,
      what: `Nothing in the database keeps ${about.object}: ${lacks.join(', ')}.`,
      why: 'It is as good as every program that writes there, by hand or in bulk: an update that leaves it as it was is missed until a comparison finds it.',
      mend: [
        ...(isFilled
          ? []
          : [`ALTER TABLE ${sqlTable(polled)} ALTER COLUMN ${sqlName(polled.column)} SET DEFAULT now();`]),
        ...(isTouched ? [] : [touchSql(polled)]),
      ].join('\n'),
    }),
  ];
}

function checkTimes(polled: PolledColumn, { looked, behind, ahead }: Seen, about: About): readonly Finding[] {
  const found: Finding[] = [];
  if (behind > 0) {
    found.push(
      finding('ASSESS-POLLING-ORDER', {
        ...about,
        what: `Of ${countText(looked)} rows that were looked at, ${countText(behind)} have an older ${about.object} than rows that were written before them.`,
        why: 'A poll between the two would have missed them. Where they are not of transactions that stayed open for long, something writes without setting the column, or sets an old time.',
        mend: touchSql(polled),
      }),
    );
  }
  if (ahead > 0) {
    found.push(
      finding('ASSESS-POLLING-FUTURE', {
        ...about,
        what: `Of ${countText(looked)} rows that were looked at, ${countText(ahead)} have a time that is yet to come.`,
        why: 'Until then every poll reads them. That programs set the column by clocks of their own, or for a purpose of their own, makes it likely that others are set too early, and are missed.',
        mend: `UPDATE ${sqlTable(polled)} SET ${sqlName(polled.column)} = now() WHERE ${sqlName(polled.column)} > now();`,
      }),
    );
  }
  return found;
}

function touchSql(polled: PolledColumn): string {
  const body = `BEGIN NEW.${sqlName(polled.column)} := now(); RETURN NEW; END`;
  const named = sqlName(polled.schema, `touch_${polled.column}`);
  return (
    `CREATE OR REPLACE FUNCTION ${named}() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$;\n` +
    `CREATE TRIGGER ${sqlName(`touch_${polled.column}`)} BEFORE UPDATE ON ${sqlTable(polled)} FOR EACH ROW EXECUTE FUNCTION ${named}();`
  );
}

function percentText(share: number): string {
  return share < 0.01 ? 'less than 1 %' : `${Math.round(share * 100)} %`;
}
