import { tableKey, type Catalog } from '../../../model/catalog.ts';
import { valueOr, type Encoding } from '../../../model/facts.ts';
import {
  bothSides,
  countOf,
  finding,
  keysOf,
  look,
  sqlName,
  sqlText,
  type Finding,
  type Situation,
} from '../finding.ts';

/** Whether green is an empty place in which blue's objects can stand, and mean the same. */
export function checkGreen(situation: Situation): readonly Finding[] {
  const { blue, green } = situation;
  return [
    ...checkEmpty(situation),
    ...bothSides(situation).flatMap(([side, { facts }]) =>
      look(facts.hasTealSchema, side, 'schemas', (isThere) =>
        isThere
          ? [
              finding('ASSESS-TEAL-SCHEMA', {
                side,
                object: 'teal',
                what: `There is a schema teal on ${side}.`,
                why: 'It belongs to a migration that is under way, or was left by one that was not finalised.',
                mend: '-- `teal status` shows the one; where there is none:\nDROP SCHEMA teal CASCADE;',
              }),
            ]
          : [],
      ),
    ),
    ...look(blue.facts.encoding, 'blue', 'encoding', (ofBlue) =>
      look(green.facts.encoding, 'green', 'encoding', (ofGreen) => checkEncoding(ofBlue, ofGreen)),
    ),
    ...look(green.facts.availableExtensions, 'green', 'available extensions', (available) =>
      checkExtensions(blue.catalog, new Map(available.map(({ name, version }) => [name, version]))),
    ),
    ...look(blue.facts.extensionData, 'blue', 'tables of extensions', (tables) =>
      tables.length === 0
        ? []
        : [
            finding('ASSESS-EXTENSION-DATA', {
              side: 'blue',
              object: keysOf(tables).join(', '),
              what: `Extensions of blue keep rows in ${countOf('table', keysOf(tables))}.`,
              why: 'Such tables belong to their extension and are not carried. Some fill themselves; rows that users added stay behind.',
              mend: tables
                .map((table) => `-- in a shell: pg_dump --data-only --table=${sqlName(table.schema, table.name)} …`)
                .join('\n'),
            }),
          ],
    ),
    ...look(blue.facts.tablespaces, 'blue', 'tablespaces', (used) => checkTablespaces(used, situation)),
  ];
}

export function checkEmpty({ green }: Pick<Situation, 'green'>): readonly Finding[] {
  const { tables, views, materializedViews, sequences } = green.catalog;
  const other = valueOr(green.facts.otherObjects, { schemas: [], functions: 0, types: 0 });
  const foreign = valueOr(green.facts.foreignTables, []);
  const relations = [...tables, ...views, ...materializedViews, ...sequences, ...foreign];
  const unseen = look(green.facts.otherObjects, 'green', 'functions and types', () => []);
  if (relations.length === 0 && other.functions === 0 && other.types === 0) return unseen;
  const withRows = tables.filter((table) => table.pages > 0);
  const schemas = new Set([...relations.map(({ schema }) => schema), ...other.schemas]);
  const rows = withRows.length === 0 ? '' : ` Rows are in ${countOf('table', keysOf(withRows))}.`;
  return [
    ...unseen,
    finding('ASSESS-GREEN-NOT-EMPTY', {
      side: 'green',
      object: relations.map(tableKey).join(', '),
      what:
        `Green holds ${relations.length} tables, views and sequences, ${other.functions} functions ` +
        `and ${other.types} types of its own.${rows}`,
      why: 'Teal creates the schema there itself. It overwrites nothing, and rows that are there would be differences for ever.',
      mend: [
        '-- only if nothing in them is needed:',
        ...[...schemas].sort().map((schema) => `DROP SCHEMA ${sqlName(schema)} CASCADE;`),
        ...(schemas.has('public') ? ['CREATE SCHEMA public;'] : []),
      ].join('\n'),
    }),
  ];
}

function checkEncoding(blue: Encoding, green: Encoding): readonly Finding[] {
  const found: Finding[] = [];
  if (blue.encoding !== green.encoding) {
    found.push(
      finding('ASSESS-ENCODING', {
        what: `Blue is in ${blue.encoding}, green in ${green.encoding}.`,
        why: 'Some texts would not fit, and lengths and orders would change.',
        mend: `CREATE DATABASE <name> ENCODING ${sqlText(blue.encoding)} TEMPLATE template0;`,
      }),
    );
  }
  const names = (one: Encoding): string =>
    `${one.provider} ${one.locale ?? one.collate}${one.ctype === one.collate ? '' : `, ctype ${one.ctype}`}`;
  const version = (one: Encoding): string => one.collationVersion ?? 'no version';
  if (names(blue) !== names(green) || blue.collationVersion !== green.collationVersion) {
    found.push(
      finding('ASSESS-COLLATION', {
        what: `Blue sorts by ${names(blue)} (${version(blue)}), green by ${names(green)} (${version(green)}).`,
        why:
          'Indexes are built anew on green and are sound there. ORDER BY of text, ranges of text and the partitions they lead to, upper() and lower() ' +
          'may answer otherwise, and a unique index may see two texts as equal.',
      }),
    );
  }
  return found;
}

function checkExtensions(blue: Catalog, available: ReadonlyMap<string, string>): readonly Finding[] {
  return blue.extensions.flatMap(({ name, version }) => {
    const offered = available.get(name);
    if (offered === version) return [];
    const about = { side: 'green', object: name } as const;
    if (offered === undefined) {
      return [
        finding('ASSESS-EXTENSION-MISSING', {
          ...about,
          what: `Extension ${name} ${version} is on blue; green's server does not offer it.`,
          why: 'Types, functions and indexes that need it cannot be created.',
          mend: `-- install the package of ${name} on green's machine, or drop it on blue:\nDROP EXTENSION ${sqlName(name)};`,
        }),
      ];
    }
    if (compareVersions(offered, version) < 0) {
      return [
        finding('ASSESS-EXTENSION-OLDER', {
          ...about,
          what: `Extension ${name} is ${version} on blue; green's server offers ${offered}.`,
          why: 'What the newer version added may be in use.',
          mend: `-- install ${name} ${version} or newer on green's machine.`,
        }),
      ];
    }
    return [
      finding('ASSESS-EXTENSION-NEWER', {
        ...about,
        what: `Extension ${name} goes from ${version} to ${offered}.`,
        why: 'Green gets the version that its server offers. Read its notes on changes.',
      }),
    ];
  });
}

/** Compares runs of digits as numbers, everything else as text: `1.10` is after `1.9`. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const [one, other] = [left[i] ?? '', right[i] ?? ''];
    const isNumber = /^\d/.test(one) && /^\d/.test(other);
    const order = isNumber ? Number(one) - Number(other) : Number(one > other) - Number(one < other);
    if (order !== 0) return order;
  }
  return 0;
}

function checkTablespaces(
  used: readonly { readonly name: string; readonly tables: number }[],
  { green }: Situation,
): readonly Finding[] {
  if (used.length === 0) return [];
  const names = used.map(({ name }) => name);
  return [
    finding('ASSESS-TABLESPACE', {
      side: 'blue',
      object: names.join(', '),
      what: `Relations of blue lie in ${countOf('tablespace', names)}.`,
      why: `On ${green.identity.address} everything is created in the default tablespace: it needs room there.`,
    }),
  ];
}
