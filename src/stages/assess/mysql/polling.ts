import { tableKey } from '../../../model/catalog.ts';
import { actingKeysOf } from '../../../model/acting-keys.ts';
import type { MysqlTable } from '../../../model/mysql-catalog.ts';
import type { PolledColumn } from '../../../model/polled-column.ts';
import { countOf, finding, keysOf, type Finding } from '../finding.ts';
import { bytesText, countText } from '../text.ts';
import { checkTriggerRights } from './recorder.ts';
import type { MysqlSituation } from './situation.ts';
import { sqlAccount, sqlName, sqlTable } from './sql.ts';

type Seen = NonNullable<PolledColumn['seen']>;

/** What a source that is polled does not tell, and whether the columns by which its rows are found are fit for it. */
export function checkPolling(situation: MysqlSituation): readonly Finding[] {
  const { options, managed } = situation;
  if (options.method !== 'polling') return [];
  const byKey = new Map(managed.map((table) => [tableKey(table), table]));
  return [
    ...checkWhole(situation),
    ...checkTriggerRights(situation),
    ...checkNames(situation),
    ...managed.flatMap(checkKeys),
    ...(options.polled ?? []).flatMap((each) =>
      checkColumn(each, byKey.get(tableKey(each)), options.pollZoneIsKnown === true),
    ),
  ];
}

function checkWhole({ blue, managed }: MysqlSituation): readonly Finding[] {
  const found: Finding[] = [
    finding('ASSESS-POLLING', {
      side: 'blue',
      object: 'follow.method',
      what: 'Blue is polled: the flow brings no deletes, no TRUNCATE, not the old place of a key that moves, nothing that foreign keys do, and no state in between.',
      why:
        'Green is fresh, not equal, until it is repaired (`teal verify --fix`). Every cut compares every row of both sides while clients wait, and repairs: `cutover.maxPause` must be long enough for that. ' +
        'A row whose writer does not set the column, or sets an old time, comes only then. Columns of a table must stay as they are: a change of them ends the migration. Where the log or triggers can be had they are better.',
    }),
  ];
  const { rights } = blue.facts;
  if (rights.known && !rights.value.seeSessions) {
    found.push(
      finding('ASSESS-POLLING-RIGHT', {
        side: 'blue',
        object: rights.value.user,
        what: `${rights.value.user} does not see other accounts' transactions.`,
        why: 'A poll must know when the oldest open transaction began: its rows have that time, and appear only when it commits.',
        mend: `GRANT PROCESS ON *.* TO ${sqlAccount(rights.value.user)};`,
      }),
    );
  }
  const children = [...new Set(actingKeysOf(managed).map(({ child }) => tableKey(child)))];
  if (children.length > 0) {
    found.push(
      finding('ASSESS-MYSQL-POLLING-CASCADE', {
        side: 'blue',
        object: children.join(', '),
        what: `Foreign keys delete or change rows of ${countOf('table', children)} by themselves.`,
        why: 'They set no time: ON UPDATE CURRENT_TIMESTAMP does not hold for what a key does. Such rows come with the comparison in the cut, or with `teal verify --fix`. What keys do on green after a cut Teal does on blue.',
      }),
    );
  }
  return found;
}

/** A name that is no table's would be passed over without a word. */
function checkNames({ managed, options }: MysqlSituation): readonly Finding[] {
  const isManaged = new Set(keysOf(managed));
  return Object.keys(options.pollColumns ?? {})
    .filter((key) => !isManaged.has(key))
    .map((key) =>
      finding('ASSESS-POLLING-NAME', {
        side: 'blue',
        object: key,
        what: `\`follow.columns\` names ${key}, which is no table that is moved.`,
        why: 'A table whose name is written otherwise would be polled by `follow.column`.',
        mend: '-- correct `follow.columns` in the migration file: database.table, as the catalog has it.',
      }),
    );
}

function checkKeys(table: MysqlTable): readonly Finding[] {
  const object = tableKey(table);
  if ((table.primaryKey ?? []).length === 0) {
    return [
      finding('ASSESS-POLLING-KEY', {
        side: 'blue',
        object,
        what: `${object} has no primary key.`,
        why: 'Nothing tells which row of green a row is that was polled.',
        mend: `-- for example:\nALTER TABLE ${sqlTable(table)} ADD COLUMN id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY;\n-- or leave it out: tables: { exclude: [${object}] }`,
      }),
    ];
  }
  const names = table.uniqueKeys.filter((key) => !key.primary).map(({ index }) => index);
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

function checkZone(about: About): Finding {
  return finding('ASSESS-MYSQL-POLLING-ZONE', {
    ...about,
    what: `${about.object} is a DATETIME, and nobody says in which zone it is written.`,
    why: 'So every poll reads the rows of the last 14 hours, and of all hours that the zone is ahead.',
    mend: '-- in the migration file, of a zone with summer time as it is in winter:\n-- follow: { zone: "+00:00" }',
  });
}

function checkColumn(polled: PolledColumn, table: MysqlTable | undefined, isZoneKnown: boolean): readonly Finding[] {
  const { column, seen } = polled;
  const object = `${tableKey(polled)}.${column}`;
  const about = { side: 'blue', object } as const;
  if (seen?.isTime === true) {
    return [
      ...checkIndex(polled, seen, table, about),
      ...checkStamps(polled, seen, about),
      ...checkTimes(polled, seen, about),
      ...(isZoneKnown || !/^datetime/i.test(seen.type) ? [] : [checkZone(about)]),
    ];
  }
  return [
    finding('ASSESS-POLLING-COLUMN', {
      ...about,
      what:
        seen === undefined
          ? `${tableKey(polled)} has no column ${column}.`
          : `${object} is of type ${seen.type}, neither TIMESTAMP nor DATETIME.`,
      why: 'Nothing tells which of its rows were written since the last poll.',
      mend:
        seen === undefined
          ? `ALTER TABLE ${sqlTable(polled)} ADD COLUMN ${sqlName(column)} ${stamped};`
          : `-- name another column in the migration file: follow: { columns: { ${tableKey(polled)}: … } }`,
    }),
  ];
}

const stamped = 'timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)';

type About = Pick<Finding, 'side' | 'object'>;

function checkIndex(
  polled: PolledColumn,
  { isIndexed, notNull }: Seen,
  table: MysqlTable | undefined,
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
        mend: `ALTER TABLE ${sqlTable(polled)} ADD INDEX (${sqlName(polled.column)});`,
      }),
    );
  }
  if (!notNull) {
    found.push(
      finding('ASSESS-POLLING-NULL', {
        ...about,
        what: `${about.object} may be NULL.`,
        why: 'Such rows say nothing of their time: each poll looks at all of them.',
      }),
    );
  }
  return found;
}

function checkStamps(polled: PolledColumn, { type, isFilled, isTouched }: Seen, about: About): readonly Finding[] {
  const found: Finding[] = [];
  if (!isFilled || !isTouched) {
    const lacks = [
      ...(isFilled ? [] : ['no DEFAULT CURRENT_TIMESTAMP gives inserted rows the time']),
      ...(isTouched ? [] : ['no ON UPDATE CURRENT_TIMESTAMP gives it to updated ones']),
    ];
    const digits = /\(\d\)/.exec(type)?.[0] ?? '';
    found.push(
      finding('ASSESS-POLLING-STAMP', {
        ...about,
        what: `Nothing in the table keeps ${about.object}: ${lacks.join(', ')}.`,
        why: 'It is as good as every program that writes there, by hand or in bulk: an update that leaves it as it was is missed until a comparison finds it. A trigger of yours may keep it.',
        mend: `ALTER TABLE ${sqlTable(polled)} MODIFY COLUMN ${sqlName(polled.column)} ${type} NOT NULL DEFAULT CURRENT_TIMESTAMP${digits} ON UPDATE CURRENT_TIMESTAMP${digits};`,
      }),
    );
  }
  return found;
}

function checkTimes(polled: PolledColumn, { type, looked, behind, ahead }: Seen, about: About): readonly Finding[] {
  const found: Finding[] = [];
  if (behind > 0) {
    found.push(
      finding('ASSESS-POLLING-ORDER', {
        ...about,
        what: `Of ${countText(looked)} rows that were looked at, ${countText(behind)} have an older ${about.object} than each of the fifty that were numbered before them.`,
        why: 'They were inserted with an old time, which a poll misses, or all of those before them were updated since.',
      }),
    );
  }
  if (ahead > 0) {
    found.push(
      finding('ASSESS-POLLING-FUTURE', {
        ...about,
        what: `Of ${countText(looked)} rows that were looked at, ${countText(ahead)} have a time that is yet to come.`,
        why: 'Until then every poll reads them. That programs set the column by clocks of their own, in another zone than `follow.zone`, or for a purpose of their own, makes it likely that others are set too early, and are missed.',
        mend: `UPDATE ${sqlTable(polled)} SET ${sqlName(polled.column)} = ${/^datetime/i.test(type) ? 'UTC_TIMESTAMP()' : 'NOW()'} WHERE ${sqlName(polled.column)} > NOW();`,
      }),
    );
  }
  return found;
}
