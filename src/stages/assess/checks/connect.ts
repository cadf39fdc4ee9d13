import { carriedColumns, tableKey, type Table } from '../../../model/catalog.ts';
import { faithfulTo } from '../../../model/changed-values.ts';
import { matchesPattern } from '../../../model/table-selection.ts';
import { countOf, finding, keysOf, sqlTable, type Finding, type Situation } from '../finding.ts';

/** What a path by Kafka Connect cannot carry, and what it changes: Debezium's source, JSON, and Debezium's JDBC sink. */
export function checkConnect({ managed, connect }: Situation): readonly Finding[] {
  if (connect === undefined) return [];
  const tables = managed.filter(({ kind, persistence }) => kind === 'table' && persistence === 'permanent');
  return [...checkKeys(tables), ...checkComputed(tables), ...checkValues(tables, connect)];
}

function checkKeys(tables: readonly Table[]): readonly Finding[] {
  const bare = tables.filter(({ primaryKey }) => primaryKey === undefined);
  if (bare.length === 0) return [];
  return [
    finding('ASSESS-CONNECT-KEY', {
      side: 'blue',
      object: keysOf(bare).join(', '),
      what: `${countOf('table', keysOf(bare))} without a primary key.`,
      why: 'The sink finds a row by its primary key: without one every change would be one more row.',
      mend: bare.map((table) => `-- ALTER TABLE ${sqlTable(table)} ADD PRIMARY KEY (…);`).join('\n'),
    }),
  ];
}

function checkComputed(tables: readonly Table[]): readonly Finding[] {
  return tables.flatMap((table) => {
    const columns = table.columns
      .filter(({ generated, identity }) => generated !== 'no' || identity === 'always')
      .map(({ name }) => name);
    if (columns.length === 0) return [];
    return [
      finding('ASSESS-CONNECT-COLUMN', {
        side: 'blue',
        object: tableKey(table),
        what: `${tableKey(table)} has columns that are generated: ${columns.join(', ')}.`,
        why: 'The sink writes every column that it gets, and the server refuses a value for one of these.',
        mend: '-- leave the table out and move it by a migration of its own, with the embedded carrier',
      }),
    ];
  });
}

function checkValues(tables: readonly Table[], connect: NonNullable<Situation['connect']>): readonly Finding[] {
  const holds = new Set(
    connect.changed.filter((column) => column.holds).map(({ schema, name, column }) => `${schema}.${name}.${column}`),
  );
  const refused: string[] = [];
  const accepted: string[] = [];
  const possible: string[] = [];
  for (const table of tables) {
    for (const { name, type } of carriedColumns(table)) {
      const faithful = faithfulTo(type);
      if (faithful === 'all') continue;
      const column = `${tableKey(table)}.${name}`;
      const isHeld = faithful === 'unknown' || holds.has(column);
      const named = `${column} (${type}${faithful === 'unknown' ? '' : `: ${faithful.butFor}`})`;
      if (!isHeld) possible.push(named);
      else if (connect.accepted.some((pattern) => matchesPattern(column, pattern))) accepted.push(named);
      else refused.push(named);
    }
  }
  return [
    ...told('ASSESS-CONNECT-VALUES', refused),
    ...told('ASSESS-CONNECT-ACCEPTED', accepted),
    ...told('ASSESS-CONNECT-POSSIBLE', possible),
  ];
}

const texts = {
  'ASSESS-CONNECT-VALUES': {
    what: 'with values that Kafka Connect changes, or of a type that it is not known to keep',
    why: 'They would arrive as others, or not at all, without a word. A comparison finds each, and no cut is made then.',
  },
  'ASSESS-CONNECT-ACCEPTED': {
    what: 'with values that Kafka Connect may change, which the file accepts',
    why: 'What arrives as another value is found by a comparison.',
  },
  'ASSESS-CONNECT-POSSIBLE': {
    what: 'that could hold values which Kafka Connect changes, and hold none now',
    why: 'One that is written later is found by a comparison.',
  },
} as const;

function told(code: keyof typeof texts, columns: readonly string[]): readonly Finding[] {
  if (columns.length === 0) return [];
  const { what, why } = texts[code];
  const mend =
    code === 'ASSESS-CONNECT-VALUES'
      ? { mend: '-- use the embedded carrier, or name the columns under connect.acceptUnfaithful' }
      : {};
  return [
    finding(code, {
      side: 'blue',
      object: columns.join(', '),
      what: `${countOf('column', columns)} ${what}.`,
      why,
      ...mend,
    }),
  ];
}
