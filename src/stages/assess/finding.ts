import { tableKey, type Catalog, type Side, type Table, type TableName } from '../../model/catalog.ts';
import type { ChangedColumn } from '../../model/changed-values.ts';
import type { Fact, SystemFacts } from '../../model/facts.ts';
import type { FollowMethod } from '../../model/follow-method.ts';
import type { PolledColumn } from '../../model/polled-column.ts';
import type { TableSelection } from '../../model/table-selection.ts';
import type { SystemIdentity } from '../../ports/introspector.ts';
import { findingCodes, type FindingCode, type Severity } from './finding-codes.ts';

/** Everything that an introspector says of one side. */
export interface SideView {
  readonly identity: SystemIdentity;
  readonly catalog: Catalog;
  readonly facts: SystemFacts;
}

export interface AssessOptions extends TableSelection {
  /** For the estimate of the copy, over heap, TOAST and indexes; default `assumedCopyBytesPerSecond`. */
  readonly copyBytesPerSecond?: number;
  /** Clients prove their passwords to the proxy by what both sides store of them. */
  readonly proxyReadsPasswords?: boolean;
  /** How the changes of blue are had; default: from its log, as those of green always are. */
  readonly method?: FollowMethod;
  /** Where blue is polled: what was seen of the columns by which it is, and the tables that the file gives one of their own. */
  readonly polled?: readonly PolledColumn[];
  readonly pollColumns?: Readonly<Record<string, string>>;
  /** Where Kafka Connect carries: columns whose values it may change, and those of which the file says that they may be, as schema.table.column. */
  /** Where some tenants are to live on green before the cut, and what spans tenants by the rows themselves, sentences. */
  readonly tenants?: { readonly by: string; readonly shared: readonly string[]; readonly spanning: readonly string[] };
  readonly connect?: { readonly changed: readonly ChangedColumn[]; readonly accepted: readonly string[] };
}

/** What the checks look at. */
export interface Situation {
  readonly blue: SideView;
  readonly green: SideView;
  /** Tables of blue that the migration is about. */
  readonly managed: readonly Table[];
  readonly leftOut: readonly Table[];
  readonly proxyReadsPasswords: boolean;
  /** How the changes of blue are had. */
  readonly method: FollowMethod;
  /** See `AssessOptions`. */
  readonly polled: readonly PolledColumn[];
  readonly pollColumns: Readonly<Record<string, string>>;
  readonly connect: AssessOptions['connect'];
  readonly tenants: AssessOptions['tenants'];
}

/** Whether a side must let its log be read. */
export function readsLog({ method }: Pick<Situation, 'method'>, side: Side): boolean {
  return side === 'green' || method === 'log';
}

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** The side that it was found on; absent where it is about both. */
  readonly side?: Side;
  /** Names of what it is about. */
  readonly object?: string;
  /** What was found, one sentence with its numbers. */
  readonly what: string;
  /** What would happen because of it. */
  readonly why: string;
  /** Statements that mend it on its side, to be pasted as they stand; advice and shell commands are comments. */
  readonly mend?: string;
}

/** The two sides with their names, for checks that hold for both. */
export function bothSides(situation: Situation): readonly (readonly [Side, SideView])[] {
  return [
    ['blue', situation.blue],
    ['green', situation.green],
  ];
}

export function finding(code: FindingCode, about: Omit<Finding, 'code' | 'severity'>): Finding {
  return Object.freeze({ code, severity: findingCodes[code].severity, ...about });
}

/** Looks at a fact. One that is unknown is itself a finding: what could not be looked at was not found to be well. */
export function look<T>(
  fact: Fact<T>,
  side: Side,
  about: string,
  judge: (value: T) => readonly Finding[],
): readonly Finding[] {
  if (fact.known) return judge(fact.value);
  return [
    finding('ASSESS-UNKNOWN', {
      side,
      object: about,
      what: `The ${about} of ${side} could not be read: ${fact.why}.`,
      why: 'Something there may stop the migration, and this assessment cannot say whether it does.',
    }),
  ];
}

/** At most this many names in a sentence; the inventory has them all. */
const namesShown = 8;

/** `3 tables (public.a, public.b, public.c)`. */
export function countOf(noun: string, names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ');
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'} (${shown}${more})`;
}

export function keysOf(tables: readonly TableName[]): readonly string[] {
  return tables.map(tableKey);
}

/** A name as SQL text needs it: always quoted. */
export function sqlName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

export function sqlTable(table: TableName): string {
  return sqlName(table.schema, table.name);
}

export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
