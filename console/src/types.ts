/** What the API says. Types alone: nothing of the server is in the page. */
export type {
  Approval,
  CertificatesAnswer,
  CertificateSummary,
  CommandAnswer,
  CommandName,
  CommandRequest,
  DifferencesAnswer,
  DryRun,
  Flow,
  MigrationAnswer,
  PlanAnswer,
  Rates,
} from '../../src/server/schemas.ts';
export type {
  CallerAnswer,
  GatesAnswer,
  RateHistoryAnswer,
  RatePoint,
  ShadowAnswer,
  TablesAnswer,
} from '../../src/server/page-schemas.ts';
export type { Problem } from '../../src/server/problems.ts';

/** One record of the journal, as the API and its stream tell it. The kinds of events only grow: what is not known is shown as it is. */
export interface JournalRecord {
  readonly seq: number;
  readonly at: string;
  readonly hash: string;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
}

/** A probable reason of differences. A server that does not look for them tells none. */
export interface Cause {
  readonly cause: string;
  readonly what: string;
  /** In words, with no value of a row. */
  readonly says: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly count: number;
  readonly of: number;
  readonly columns: readonly string[];
  /** Keys of some rows, for the role `operate`. */
  readonly examples?: readonly Readonly<Record<string, string | null>>[];
  /** A SELECT a side that shows the rows, for the role `operate`. */
  readonly sql?: { readonly blue: string; readonly green: string };
}
