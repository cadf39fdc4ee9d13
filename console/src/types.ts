import type { DifferencesAnswer } from '../../src/server/schemas.ts';

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
  CanaryAnswer,
  GatesAnswer,
  MigrationsAnswer,
  RateHistoryAnswer,
  RatePoint,
  ShadowAnswer,
  SignInAnswer,
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

/** A probable reason of differences; with examples and SQL for the role `operate` alone. */
export type Cause = NonNullable<DifferencesAnswer['tables'][number]['causes']>[number];

/** SQL that makes some rows of a table equal; for the role `operate` alone. */
export type Repair = NonNullable<DifferencesAnswer['tables'][number]['repair']>;
