import type { AlertNotice } from '../model/alerts.ts';
import type { CallNotes } from './environment.ts';
import type { EventStreams } from './event-streams.ts';
import type { JournalFeed } from './journal-feed.ts';
import type {
  GatesAnswer,
  MigrationsAnswer,
  RateHistoryAnswer,
  CanaryAnswer,
  ShadowAnswer,
  TablesAnswer,
} from './page-schemas.ts';
import type {
  Approval,
  ApprovalRequest,
  CertificateAnswer,
  CertificatesAnswer,
  CommandAnswer,
  CommandRequest,
  DifferencesAnswer,
  DryRun,
  MigrationAnswer,
  PlanAnswer,
} from './schemas.ts';
import type { Caller } from './tokens.ts';

/** How commands are run. */
export interface Commands {
  readonly list: () => Promise<readonly CommandAnswer[]>;
  /** Undefined when there is none of that id. */
  readonly read: (id: string) => Promise<CommandAnswer | undefined>;
  readonly dryRun: (request: CommandRequest) => Promise<DryRun>;
  /** `started` is false where the same key of the same caller has started it before. Errors: TEAL-SERVER-014, TEAL-JOURNAL-003, -008. */
  readonly start: (
    request: CommandRequest,
    key: string,
    caller: Caller,
  ) => Promise<{ readonly command: CommandAnswer; readonly started: boolean }>;
  /** Tells its process to end between two steps. Errors: TEAL-SERVER-020 where none runs. */
  readonly stop: (id: string) => Promise<CommandAnswer>;
}

/** What the API asks of the migration. Each may be called at any time, any number of times at once. */
export interface Watched {
  /** The name in the file. */
  readonly name: string;
  readonly migration: () => Promise<MigrationAnswer>;
  readonly tables: () => Promise<TablesAnswer>;
  readonly gates: () => Promise<GatesAnswer>;
  readonly shadow: () => Promise<ShadowAnswer>;
  readonly canary: () => Promise<CanaryAnswer>;
  readonly plan: () => Promise<PlanAnswer>;
  readonly certificates: () => Promise<CertificatesAnswer>;
  /** Undefined when there is none of that name. */
  readonly certificate: (name: string) => Promise<CertificateAnswer | undefined>;
  /** `withRows`: with keys of rows, and statements that show them. */
  readonly differences: (withRows: boolean) => Promise<DifferencesAnswer>;
  readonly approvals: () => Promise<readonly Approval[]>;
  /** `added` is false where somebody had said yes already. */
  readonly approve: (
    request: ApprovalRequest,
    caller: Caller,
  ) => Promise<{ readonly approval: Approval; readonly added: boolean }>;
  readonly commands: Commands;
  /** Keeps what a notice of alerts says; how many changed their state. Errors: TEAL-SERVER-060. */
  readonly alerts: (notice: AlertNotice) => Promise<number>;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

/** One migration as it is served. */
export interface ServedMigration {
  readonly watched: Watched;
  readonly journal: JournalFeed;
  readonly events: EventStreams;
  readonly rateHistory: () => RateHistoryAnswer;
  readonly calls: CallNotes;
}

/** All that are served at one address. What one of them lacks takes down none of the others. */
export interface Migrations {
  /** Paths must say which is meant. */
  readonly areSeveral: boolean;
  /** In the order in which they were given; of one whose file cannot be read the file's. */
  readonly names: readonly string[];
  readonly list: () => Promise<MigrationsAnswer>;
  /** Errors: TEAL-SERVER-009 there is none of that name; why its file cannot be read. */
  readonly named: (name: string) => ServedMigration;
  /** Of a path that names none. Errors: TEAL-SERVER-040. */
  readonly only: () => ServedMigration;
}
