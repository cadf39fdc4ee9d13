/**
 * Teal as a library: each function does what the command of the same name does, with values in place of text.
 *
 *     import { migrate } from 'teal';
 *
 *     const run = migrate({ file: 'teal.yaml' });
 *     for await (const event of run) if (event.kind === 'step done') console.log(event.step, event.evidence);
 *     const outcome = await run.outcome; // { outcome: 'waiting', asks: 'a yes of dba', next: ['teal cutover', …] }
 *
 * A migration has one controller at a time: two runs of one file at once, also of two processes, are refused with TEAL-JOURNAL-003. Flows and proxy are
 * processes of their own and go on after the program ends. Nothing is printed, and no signal of the process is listened to.
 */
import type { FlowStatus } from '../ports/carrier.ts';
import { whoAmI } from './approver.ts';
import type { MigrationEvent, Outcome } from './events.ts';
import { apiListenDefault } from './api-listen.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { assessPair, type Assessed } from './assess.ts';
import type { Migration } from './migration.ts';
import { openMigration } from './open-migration.ts';
import { planMigration, type Planned } from './plan-migration.ts';
import { proveJournalOf, readReport, renderReport, type ChainProof } from './report/read-report.ts';
import type { Report } from './report/report.ts';
import { startRun, type Run } from './run.ts';
import { readFlows } from './read-flows.ts';
import type { SignInOptions } from '../server/sign-in/settings.ts';
import type { ServedApi } from './serve-api.ts';
import { readStatus, type Status } from './status.ts';

export { TealError, isTealError, type ErrorCode, type ErrorEntry, type ErrorFacts } from '../kernel/errors.ts';
export type { Mistake } from '../spec/mistakes.ts';
export { SpecMistakes } from './load-spec.ts';
export { initFile, type InitOptions } from './init.ts';
export type { Assessed, ChainProof, FlowStatus, MigrationEvent, Outcome, Planned, Report, Run, Status };
export { renderReport };
export type { ServedApi, SignInOptions };

export interface FileOptions {
  /** The migration file; its `stateDir` is taken from the file's own folder. */
  readonly file: string;
  /** Where `${NAME}` in the file is looked up, and TEAL_JOURNAL: a database of PostgreSQL that keeps the journal. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface RunOptions extends FileOptions {
  /** Stops between two steps; what was done is in the journal, and the next run goes on from there. The run then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Who asks, for the journal. Default: `user@host`. */
  readonly by?: string;
}

export interface MigrateOptions extends RunOptions {
  /** Where another controller leads, wait for its end, and go on then with what was asked for last (docs/guide/teams.md). Default false: TEAL-JOURNAL-003. */
  readonly standby?: boolean;
  /** Clients are pointed at the proxy of this machine, where that of another one is gone for good. Default false: TEAL-APP-041. */
  readonly takeProxy?: boolean;
}

export interface AssessOptions extends RunOptions {
  /** From MySQL or MariaDB to PostgreSQL: also read every row of blue once, to count what green cannot hold. Default false. */
  readonly profile?: boolean;
}

/** For what an auditor will want to know. */
export interface ReasonedOptions extends RunOptions {
  readonly reason?: string;
}

export interface CutOptions extends RunOptions {
  /** Accepts the differences between the schemas that TEAL-STAGES-108 listed under this digest. */
  readonly acceptSchema?: string;
}

/** How a verification ended. The certificate is in `file`, beside its JSON. */
export interface VerifyOutcome {
  readonly equal: boolean;
  /** One line: how many tables and rows, equal or different, and the file. */
  readonly evidence: string;
  readonly file: string;
}

/**
 * What `teal up` does: assesses, prepares, copies, follows, verifies and asks the gates; goes on from wherever an earlier run ended. Ends with `done` when
 * green is live, `waiting` where a person is asked, `no` where a gate says no.
 */
export function migrate(options: MigrateOptions): Run<Outcome> {
  return command('up', options, async (migration) => migration.up());
}

/** Says yes to the gates that ask a person, and makes green live once all others say yes too. */
export function cutover(options: CutOptions): Run<Outcome> {
  return command('cutover', options, async (migration) => {
    if (options.acceptSchema !== undefined) await migration.acceptSchema(options.acceptSchema);
    return migration.cutover();
  });
}

/** Makes blue live again, with every write that green took. */
export function rollback(options: ReasonedOptions & CutOptions): Run<Outcome> {
  return command('rollback', options, async (migration) => {
    if (options.acceptSchema !== undefined) await migration.acceptSchema(options.acceptSchema);
    return migration.rollback(options.reason ?? 'not given');
  });
}

/**
 * Takes away what Teal made on both sides. There is no way back after it, and it does not ask; but it answers `no` until green has been live for as long as the
 * file says (`soak.for`, `finalise.after`), unless `early`.
 */
export function finalise(options: RunOptions & { readonly early?: boolean }): Run<Outcome> {
  return command('finalise', options, async (migration) => migration.finalise({ early: options.early ?? false }));
}

/** Undoes everything, only while blue is live: all that was copied to green goes. It does not ask. */
export function abort(options: ReasonedOptions): Run<Outcome> {
  return command('abort', options, async (migration) => migration.abort(options.reason ?? 'not given'));
}

/** Compares every row of every table at one position of the live side while writes go on, and keeps the certificate. */
export function verify(options: RunOptions): Run<VerifyOutcome> {
  return command('verify', options, async (migration) => {
    const { verified, file } = await migration.verify();
    return { equal: verified.equal, evidence: verified.evidence, file };
  });
}

/** Looks at both systems, changes nothing, and tells every blocker, warning and note. */
export async function assess(options: AssessOptions): Promise<Assessed> {
  return assessPair(load(options).spec, { profile: options.profile ?? false, signal: options.signal });
}

/** Every step before anything runs: what it does, locks, costs, and how it is undone. Changes nothing. */
export async function plan(options: RunOptions): Promise<Planned> {
  return planMigration(load(options), options.signal ?? new AbortController().signal);
}

/** Where the migration is, from its journal alone: also while it runs elsewhere, and when both systems are down. TEAL-JOURNAL-008 when there is none. */
export function status(options: FileOptions): Status {
  return readStatus(load(options));
}

/** What the flows say of themselves: how far they are, what they wait for, what the schemas of both sides do not share. None where no worker runs here. */
export async function flows(options: FileOptions): Promise<readonly FlowStatus[]> {
  return readFlows(load(options));
}

/** Every record of the journal, after its chain of hashes was verified (TEAL-JOURNAL-001); `renderReport` makes the document of it. */
export function report(options: FileOptions): Report {
  return readReport(load(options));
}

/** Whether the journal's chain of hashes is unbroken, and whether a record has the hash that was kept elsewhere. TEAL-JOURNAL-008 when there is no journal. */
export function proveJournal(options: FileOptions & { readonly keptHash?: string }): ChainProof {
  return proveJournalOf(load(options), options.keptHash);
}

export interface ServeOptions extends Omit<FileOptions, 'file'> {
  /** Migration files, or folders of them: of several each is asked for by its name. */
  readonly file: string | readonly string[];
  /** `host:port`, port 0 for one that is free. Default `127.0.0.1:7480`; another address than loopback needs a token (TEAL-SERVER-001). */
  readonly listen?: string;
  /** File of the hashes of tokens; default: `api-tokens` in the state folder. */
  readonly tokensFile?: string;
  /** PEM files, both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Names by which clients may ask, beside addresses and `localhost`. */
  readonly names?: readonly string[];
  /** Where browsers find the console, where that is not `listen`. */
  readonly publicUrl?: string;
  /** How people sign in by a provider of OpenID Connect, beside tokens. */
  readonly oidc?: SignInOptions;
  /** Hears what `teal serve` logs: names, counts and codes. */
  readonly onLog?: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** What `teal serve` does: serves the API and /metrics until it is disposed of. It reads beside whatever command runs. */
export async function serve(options: ServeOptions): Promise<ServedApi> {
  // Loaded when it is used: nothing else here needs a server of HTTP.
  const { serveApi } = await import('./serve-api.ts');
  return serveApi({
    ...options,
    env: options.env ?? process.env,
    listen: options.listen ?? apiListenDefault,
    names: options.names ?? [],
    log: options.onLog ?? (() => undefined),
  });
}

function load({ file, env }: FileOptions): LoadedSpec {
  return loadSpec(file, env ?? process.env);
}

function command<T>(name: string, options: MigrateOptions, work: (migration: Migration) => Promise<T>): Run<T> {
  return startRun(async (tell) => {
    await using migration = await openMigration({
      file: options.file,
      env: options.env ?? process.env,
      command: name,
      by: options.by ?? whoAmI(),
      signal: options.signal ?? new AbortController().signal,
      onEvent: tell,
      ...(options.standby === true ? { standby: true } : {}),
      ...(options.takeProxy === true ? { takeProxy: true } : {}),
    });
    return await migration.whileLeading(async () => work(migration));
  });
}
