import { tableKey, type Table } from '../../../model/catalog.ts';
import { valueOr } from '../../../model/facts.ts';
import { countOf, finding, look, type Finding, type Situation } from '../finding.ts';

/** Types whose input functions refuse every value: they can be read, and written by nobody. */
const unwritableTypes = new Set([
  'pg_node_tree',
  'pg_ndistinct',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'gtsvector',
]);

/** Numbers that one server gives out: equal on green, but about nothing there. Names (regclass …) travel as text and find their own object. */
const boundTypes = new Set(['oid', 'xid', 'xid8', 'cid', 'tid', 'pg_lsn', 'pg_snapshot', 'txid_snapshot']);

/** What columns and sequences hold, and what is no row at all. */
export function checkValues(situation: Situation): readonly Finding[] {
  return [
    ...checkTypes(situation),
    ...checkMoney(situation),
    ...checkSequences(situation),
    ...checkLargeObjects(situation),
  ];
}

/** Without a length these two have another name than with one. */
const withoutLength: Readonly<Record<string, string>> = { bpchar: 'character', '"bit"': 'bit' };

/** `character varying(20)[]` → `character varying`. User-defined types keep their schema. */
export function bareType(type: string): string {
  const element = type.replace(/(\[\])+$/, '');
  const known = withoutLength[element];
  if (known !== undefined) return known;
  if (element.startsWith('interval')) return 'interval';
  return element.includes('"') ? element : element.replace(/\([^)]*\)/, '');
}

function columnsOfType(tables: readonly Table[], isMeant: (type: string) => boolean): readonly string[] {
  return tables.flatMap((table) =>
    table.columns.filter(({ type }) => isMeant(bareType(type))).map(({ name }) => `${tableKey(table)}.${name}`),
  );
}

function checkTypes({ green, managed }: Situation): readonly Finding[] {
  const found: Finding[] = [];
  const unwritable = columnsOfType(managed, (type) => unwritableTypes.has(type));
  if (unwritable.length > 0) {
    found.push(
      finding('ASSESS-TYPE-UNREADABLE', {
        side: 'blue',
        object: unwritable.join(', '),
        what: `${countOf('column', unwritable)} of a type that only the server itself writes.`,
        why: 'PostgreSQL refuses every value that a client sends for it.',
        mend: '-- exclude the table, or change the type of the column to text.',
      }),
    );
  }
  const bound = columnsOfType(managed, (type) => boundTypes.has(type));
  if (bound.length > 0) {
    found.push(
      finding('ASSESS-TYPE-BOUND', {
        side: 'blue',
        object: bound.join(', '),
        what: `${countOf('column', bound)} with numbers of objects, transactions or log positions.`,
        why: 'The numbers are carried as they are. On green they belong to other objects, or to none.',
      }),
    );
  }
  return [
    ...found,
    ...look(green.facts.systemTypes, 'green', 'built-in types', (types) => {
      const known = new Set(types);
      const isUnknown = (type: string): boolean => !type.includes('.') && !known.has(type);
      return columnsOfType(managed, isUnknown).map((column) =>
        finding('ASSESS-TYPE-UNKNOWN', {
          side: 'green',
          object: column,
          what: `The type of ${column} does not exist on PostgreSQL ${green.identity.major}.`,
          why: 'The table cannot be created there.',
        }),
      );
    }),
  ];
}

function checkMoney({ blue, green, managed }: Situation): readonly Finding[] {
  const columns = columnsOfType(managed, (type) => type === 'money');
  const locale = (side: Situation['blue']): string | undefined =>
    valueOr(side.facts.settings, {})['lc_monetary']?.value;
  if (columns.length === 0 || (locale(blue) !== undefined && locale(blue) === locale(green))) return [];
  return [
    finding('ASSESS-MONEY', {
      object: columns.join(', '),
      what: `${countOf('column', columns)} of type money; lc_monetary is ${locale(blue) ?? 'unknown'} on blue, ${locale(green) ?? 'unknown'} on green.`,
      why: 'The number of fractional digits belongs to the locale and is not stored with the value.',
      mend: `ALTER SYSTEM SET lc_monetary = '${locale(blue) ?? '…'}';\nSELECT pg_reload_conf();`,
    }),
  ];
}

/** Share of its range after which a sequence is worth a word: the margin of a cut takes from the rest. */
const nearEndPercent = 90n;

function checkSequences({ blue }: Situation): readonly Finding[] {
  return look(blue.facts.sequencePositions, 'blue', 'positions of sequences', (positions) => {
    const last = new Map(positions.map((position) => [tableKey(position), position.lastValue]));
    return blue.catalog.sequences.flatMap((sequence) => {
      const value = last.get(tableKey(sequence));
      if (value === undefined || sequence.cycle || sequence.max === sequence.min) return [];
      const used = sequence.increment > 0n ? value - sequence.min : sequence.max - value;
      const percent = (used * 100n) / (sequence.max - sequence.min);
      if (percent < nearEndPercent) return [];
      return [
        finding('ASSESS-SEQUENCE-END', {
          side: 'blue',
          object: tableKey(sequence),
          what: `${tableKey(sequence)} (${sequence.type}) has used ${percent} % of its values.`,
          why: 'Every cut jumps ahead by a margin, so that no number is given out twice: it may reach the end sooner.',
        }),
      ];
    });
  });
}

function checkLargeObjects({ blue }: Situation): readonly Finding[] {
  return look(blue.facts.largeObjects, 'blue', 'large objects', ({ count }) =>
    count === 0n
      ? []
      : [
          finding('ASSESS-LARGE-OBJECTS', {
            side: 'blue',
            object: 'pg_largeobject',
            what: `Blue has ${count} large object${count === 1n ? '' : 's'}.`,
            why: 'Their changes are not decoded from the log, and no trigger can fence their writes: what changes after the copy would be lost.',
            mend: '-- move them into a bytea column, or remove those that nothing refers to, in a shell: vacuumlo',
          }),
        ],
  );
}
