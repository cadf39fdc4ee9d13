import { tableKey, type Side, type TableName } from '../../../model/catalog.ts';
import type { MysqlCatalog, MysqlTable } from '../../../model/mysql-catalog.ts';
import type { MysqlFacts, MysqlIdentity } from '../../../model/mysql-facts.ts';
import type { FollowMethod } from '../../../model/follow-method.ts';
import type { PolledColumn } from '../../../model/polled-column.ts';
import type { TableSelection } from '../../../model/table-selection.ts';
import { countOf, finding, keysOf, type Finding } from '../finding.ts';
import type { FindingCode } from '../finding-codes.ts';

/** Everything that an introspector says of one side of this family. */
export interface MysqlSideView {
  readonly identity: MysqlIdentity;
  readonly catalog: MysqlCatalog;
  readonly facts: MysqlFacts;
}

export interface MysqlAssessOptions extends TableSelection {
  readonly copyBytesPerSecond?: number;
  /** Whether values of a COLUMN_TYPE can be carried. */
  readonly knowsType: (columnType: string) => boolean;
  /** Whether a column of blue has no place on green, so that nothing of it is read. Default: none is such. */
  readonly isDropped?: (table: TableName, column: string) => boolean;
  /** How blue is followed; default: by its log. */
  readonly method?: FollowMethod;
  /** A person has said that nobody changes a table of blue while triggers record it. */
  readonly acceptFrozenSchema?: boolean;
  /** Where blue is polled: what was seen of the columns by which it is, the tables that the file gives one of their own, and whether it names the zone of DATETIMEs. */
  readonly polled?: readonly PolledColumn[];
  readonly pollColumns?: Readonly<Record<string, string>>;
  readonly pollZoneIsKnown?: boolean;
  /** Whether every text of a character set can be read from the log. */
  readonly readsCharacterSet: (name: string) => boolean;
}

/** What the checks of blue's tables look at. */
export interface MysqlSituation {
  readonly blue: MysqlSideView;
  /** Undefined where green is PostgreSQL. */
  readonly green?: MysqlSideView;
  readonly managed: readonly MysqlTable[];
  readonly leftOut: readonly MysqlTable[];
  readonly options: MysqlAssessOptions;
}

/** Green is followed by its log always. */
export function readsLog({ method = 'log' }: Pick<MysqlAssessOptions, 'method'>, side: Side): boolean {
  return side === 'green' || method === 'log';
}

export function isMariadb({ identity }: Pick<MysqlSideView, 'identity'>): boolean {
  return identity.kind === 'mariadb';
}

/** Sides of this family, each with its name. */
export function sidesOf({ blue, green }: MysqlSituation): readonly (readonly [Side, MysqlSideView])[] {
  return green === undefined
    ? [['blue', blue]]
    : [
        ['blue', blue],
        ['green', green],
      ];
}

/** One finding about all tables of blue of a kind; none without any. */
export function aboutTables(
  code: FindingCode,
  tables: readonly MysqlTable[],
  what: string,
  why: string,
  mend?: (table: MysqlTable) => string,
): readonly Finding[] {
  if (tables.length === 0) return [];
  const names = keysOf(tables);
  return [
    finding(code, {
      side: 'blue',
      object: names.join(', '),
      what: `${countOf('table', names)} ${what}.`,
      why,
      ...(mend === undefined ? {} : { mend: tables.map(mend).join('\n') }),
    }),
  ];
}

/** One finding for each table of blue for which there is something to say. */
export function perTable(
  code: FindingCode,
  tables: readonly MysqlTable[],
  say: (table: MysqlTable) => { readonly what: string; readonly why: string; readonly mend?: string } | undefined,
): readonly Finding[] {
  return tables.flatMap((table) => {
    const said = say(table);
    return said === undefined ? [] : [finding(code, { side: 'blue', object: tableKey(table), ...said })];
  });
}
