import { fileURLToPath } from 'node:url';
import { storedTables, type Catalog, type Side, type Table, type TableName } from '../model/catalog.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Repairer, RowProbe, SideAccess } from '../ports/digester.ts';
import type { Fence } from '../ports/fence.ts';
import type { AskValue } from '../ports/query.ts';
import type { SchemaDriver, SchemaPart } from '../ports/schema-driver.ts';
import type { Schemas } from '../ports/schemas.ts';
import type { Sequences } from '../ports/sequences.ts';
import type { DoomedWrites } from '../ports/shadow.ts';
import type { TenantGates } from '../ports/tenants.ts';
import type { Step, StepFacts } from '../ports/step.ts';
import { isRecorded, type FollowMethod } from '../model/follow-method.ts';
import { isSelected } from '../model/table-selection.ts';
import type { Spec } from '../spec/spec.ts';
import { convergenceOf, rowsStep, rowsStepId, schemaStep } from '../stages/copy/copy-steps.ts';
import { convergeStep } from '../stages/follow/converge-step.ts';
import { deployStep, receiveStep } from '../stages/follow/follow-steps.ts';
import type { Stage } from '../stages/lifecycle/stages.ts';
import { analyseStep, refreshStep } from '../systems/postgres/after-copy.ts';
import { connect } from '../systems/postgres/connection.ts';
import { postgresCopyTarget } from '../systems/postgres/copy-target.ts';
import { ddlNotesStep } from '../systems/postgres/ddl-notes.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import { readerSettings } from '../systems/postgres/digest/reader.ts';
import { postgresRowProbe } from '../systems/postgres/digest/row-probe.ts';
import { postgresSide } from '../systems/postgres/digest/side.ts';
import { PostgresFence, type PostgresFenceOptions } from '../systems/postgres/fence.ts';
import { releaseHolders } from '../systems/postgres/holder.ts';
import { outlastWriters } from '../systems/postgres/outlast-writers.ts';
import {
  identityBackStep,
  identityStep,
  identityStepId,
  lacksIdentity,
  mayLeaveOut,
  type WantsFull,
} from '../systems/postgres/identity.ts';
import { doomedWrites } from '../systems/postgres/doomed.ts';
import { foreignSinkBackStep, foreignSinkStep } from '../systems/postgres/foreign-sink.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { movingRelations } from '../systems/postgres/moving.ts';
import { pollBeforeFence } from '../systems/postgres/polling/poll.ts';
import { holdAtPoll } from '../systems/postgres/polling/snapshot.ts';
import { pollingStep } from '../systems/postgres/polling/step.ts';
import { publicationStep } from '../systems/postgres/publication.ts';
import { originsOf, removalStep, tealNames, type TealNames } from '../systems/postgres/removal.ts';
import { copyRoles, dropCreatedRoles, probeRoles } from '../systems/postgres/roles.ts';
import { postgresSchemaDriver } from '../systems/postgres/schema.ts';
import type { PgTools } from '../systems/postgres/schema-tools.ts';
import { postgresSequences } from '../systems/postgres/sequences.ts';
import { bareSlotStep, fenceStep, tealSchemaStep } from '../systems/postgres/setup-steps.ts';
import { PostgresTenantGates } from '../systems/postgres/tenants/gates.ts';
import {
  discardSnapshot,
  isHeld,
  openSnapshot,
  probeSnapshot,
  snapshotKeeper,
  type SnapshotOptions,
} from '../systems/postgres/snapshot.ts';
import { recorderStep, refuseGaps } from '../systems/postgres/trigger-source/recorder.ts';
import {
  openRecordedSnapshot,
  probeRecordedSnapshot,
  recordedSnapshotKeeper,
  type RecordedSnapshotOptions,
} from '../systems/postgres/trigger-source/snapshot.ts';
import { askIn } from './ask-value.ts';
import { addressOf } from './address.ts';
import { SideComparison } from './compare-sides.ts';
import type { Comparison, ComparisonPorts } from './comparison.ts';
import { connectCopySteps } from './connect-copy-steps.ts';
import { programUrl } from './program.ts';
import { postgresSchemas } from './compare-schemas.ts';
import type { DatabasePair } from './pair.ts';

export interface PairOptions {
  readonly spec: Spec;
  readonly stateDir: string;
  /** What moves: blue's catalog, narrowed to the selection. */
  readonly catalog: Catalog;
  /** Tables of blue that stay behind. */
  readonly leftOut: readonly TableName[];
  readonly tools: PgTools;
}

const firstEpoch = 1;
const snapshotStepId = 'copy:snapshot';
const outlastMs = 60_000;
const schemaLocks = 'nothing on blue but ACCESS SHARE while its schema is read; green has no clients yet';

/** The last question to a side that is closed: whether its record has, or now gets, all that was written. */
function beforeTokenBy(method: FollowMethod): PostgresFenceOptions {
  if (method === 'log') return {};
  if (method === 'triggers') return { beforeToken: refuseGaps };
  return {
    beforeToken: async (connection) => {
      await refuseGaps(connection);
      await pollBeforeFence(connection);
    },
  };
}

/** Two PostgreSQL databases. */
export class PostgresPair implements DatabasePair {
  readonly names: TealNames;
  readonly fences: Readonly<Record<Side, Fence>>;
  readonly sequences: Sequences;
  readonly doomed: DoomedWrites;
  readonly tenants: TenantGates;
  readonly schemas: Schemas;
  readonly access: Readonly<Record<Side, SideAccess>>;
  readonly #options: PairOptions;
  readonly #sessions: Readonly<Record<Side, KeptSession>>;
  readonly #schema: SchemaDriver;

  constructor(options: PairOptions) {
    const { spec, catalog } = options;
    const session = (side: Side): KeptSession =>
      new KeptSession({ url: spec[side].url, applicationName: `teal ${spec.name}` });
    this.#options = options;
    this.#sessions = { blue: session('blue'), green: session('green') };
    this.names = tealNames(spec.name);
    const { tables } = catalog;
    const selected = (table: TableName): boolean => isSelected(table, spec.tables);
    const { method } = spec.follow;
    this.fences = {
      blue: new PostgresFence(this.#sessions.blue, tables, selected, beforeTokenBy(method)),
      green: new PostgresFence(this.#sessions.green, tables, selected),
    };
    this.doomed = doomedWrites(this.#sessions);
    const moving = {
      blue: movingRelations(method, this.names.flow.blue),
      green: movingRelations('log', this.names.flow.green),
    };
    this.schemas = postgresSchemas(this.#sessions, moving, selected, tables);
    this.sequences = postgresSequences(this.#sessions, spec.cutover.sequenceHeadroom);
    // Without them in the file too: those that an earlier one has moved can come home.
    const { by = '', shared = [] } = spec.canary?.writes ?? {};
    this.tenants = new PostgresTenantGates({ sessions: this.#sessions, catalog, by, shared });
    const access = (side: Side, followed: FollowMethod): SideAccess =>
      postgresSide({ side, url: spec[side].url, address: addressOf(spec[side].url), method: followed });
    this.access = { blue: access('blue', method), green: access('green', 'log') };
    this.#schema = postgresSchemaDriver({
      sourceUrl: spec.blue.url,
      targetUrl: spec.green.url,
      stateDir: options.stateDir,
      tools: options.tools,
      excludeTables: options.leftOut,
    });
  }

  get storedTables(): readonly Table[] {
    return storedTables(this.#options.catalog).filter((table) => table.persistence === 'permanent');
  }

  readonly ask: AskValue = async (side, sql) => askIn(this.#sessions[side], sql);

  /** Changes rows of one side under an origin of Teal's: no flow takes them for a client's. */
  repairer(side: Side): Repairer {
    return postgresRepairer({ url: this.#options.spec[side].url, origin: this.names.repair });
  }

  async openRowProbe(side: Side, signal: AbortSignal): Promise<RowProbe & AsyncDisposable> {
    const connection = await connect({
      url: this.#options.spec[side].url,
      applicationName: 'teal verify rows',
      extraOptions: readerSettings,
      signal,
    });
    return { ...postgresRowProbe(connection), [Symbol.asyncDispose]: async () => connection.close() };
  }

  async outlastWriters(side: Side, signal: AbortSignal): Promise<boolean> {
    return this.#sessions[side].use(async (connection) => outlastWriters(connection, outlastMs, signal));
  }

  comparison(ports: ComparisonPorts): Comparison {
    return new SideComparison({ ...ports, pair: this });
  }

  stages(carrier: Carrier): readonly Stage[] {
    const copying = this.#isByConnect ? this.#copyStepsOfConnect(carrier) : this.#copySteps(carrier);
    return [
      { id: 'prepare', title: 'Prepare', steps: this.#prepareSteps() },
      { id: 'copy', title: 'Copy', steps: copying },
      { id: 'follow', title: 'Follow', steps: this.#followSteps(carrier) },
    ];
  }

  removalSteps(live: Side, remembered: (step: string) => StepFacts | undefined): readonly Step[] {
    const { spec, catalog } = this.#options;
    const keepClosed = spec.finalise.blue === 'keep';
    const { tables } = catalog;
    const steps = (['blue', 'green'] as const).flatMap((side) => {
      const session = this.#sessions[side];
      const before = remembered(identityStepId(side));
      // Where there is a record, no table of blue got another one.
      const isAsItWas = side === 'blue' && isRecorded(spec.follow.method);
      const back = isAsItWas ? undefined : identityBackStep(side, session, tables, before, this.#wantsFull(side));
      const removal = removalStep(side, session, this.fences[side], this.names, keepClosed && side !== live);
      return back === undefined ? [removal] : [removal, back];
    });
    if (!this.#isByConnect) return steps;
    return [foreignSinkBackStep(this.#migration, this.#sessions.green, catalog), ...steps];
  }

  /** Ends the holders of the copy's snapshot, if there are any. */
  async releaseSnapshot(): Promise<void> {
    await releaseHolders(this.#options.stateDir, AbortSignal.timeout(30_000));
  }

  /** A cluster of Kafka Connect copies, and follows until the first cut. */
  get #isByConnect(): boolean {
    return this.#options.spec.connect !== undefined;
  }

  get #migration(): string {
    return this.#options.spec.name.replaceAll('-', '_');
  }

  #wantsFull(side: Side): WantsFull {
    return side === 'blue' && this.#isByConnect ? mayLeaveOut : lacksIdentity;
  }

  #prepareSteps(): readonly Step[] {
    const { tables } = this.#options.catalog;
    const { blue, green } = this.#sessions;
    return [
      tealSchemaStep('blue', blue, originsOf('blue', this.names)),
      { ...tealSchemaStep('green', green, originsOf('green', this.names)), after: [] },
      this.#rolesStep(),
      schemaStep(this.#schema, {
        id: 'prepare:schema',
        parts: ['tables'],
        does: `creates types, functions, ${tables.length} tables and views on green, without indexes and constraints`,
        costs: 'a dump of the schema; no rows',
        locks: schemaLocks,
        workers: 1,
      }),
      fenceStep('green', this.fences.green, true, tables.length),
      ...(this.#isByConnect ? [foreignSinkStep(this.#migration, green, this.#options.catalog)] : []),
      ...this.#followableSteps(),
      ddlNotesStep('blue', blue, this.names.flow.blue, this.#options.spec.follow.method),
    ];
  }

  /** The fence of blue, and what its flow reads. */
  #followableSteps(): readonly Step[] {
    const { catalog, spec } = this.#options;
    const { tables } = catalog;
    const { blue } = this.#sessions;
    const fence = fenceStep('blue', this.fences.blue, false, tables.length);
    const { poll } = spec.follow;
    if (poll !== undefined) return [fence, pollingStep('blue', blue, tables, poll)];
    // A row that has no key is recorded whole.
    if (spec.follow.method === 'triggers') return [fence, recorderStep('blue', blue, tables)];
    return [
      identityStep('blue', blue, tables, this.#wantsFull('blue')),
      fence,
      publicationStep('blue', blue, this.names.flow.blue, tables),
    ];
  }

  #rolesStep(): Step {
    const { spec } = this.#options;
    const options = { sourceUrl: spec.blue.url, targetUrl: spec.green.url };
    return {
      id: 'prepare:roles',
      does: 'creates the roles of blue that green lacks, with their passwords (as verifiers), memberships and settings',
      locks: 'nothing',
      costs: 'nothing',
      undone: 'the roles that were created are dropped',
      probe: async () => probeRoles(options),
      act: async ({ signal }) => {
        const report = await copyRoles({ ...options, signal });
        return { created: report.created.length, left: report.findings.join('; ').slice(0, 4_000) };
      },
      undo: async ({ signal }) => {
        await dropCreatedRoles(spec.green.url, signal);
      },
    };
  }

  #copySteps(carrier: Carrier): readonly Step[] {
    const { catalog, spec } = this.#options;
    const after = { url: spec.green.url, session: this.#sessions.green, workers: spec.copy.indexWorkers };
    const hasRecord = isRecorded(spec.follow.method);
    return [
      hasRecord ? this.#recordedSnapshotStep() : this.#snapshotStep(),
      receiveStep(carrier),
      rowsStep({
        // The flow comes up meanwhile: blue keeps its log until it has.
        after: [snapshotStepId],
        catalog,
        keeper: hasRecord ? recordedSnapshotKeeper(this.#recordedOptions()) : snapshotKeeper(this.#snapshotOptions()),
        target: postgresCopyTarget(spec.green.url),
        snapshot: {
          locks: 'ACCESS SHARE on the tables of blue: reads and writes pass, DROP and ALTER wait',
          costs: 'blue cannot vacuum what dies meanwhile',
        },
        lacking: async () => this.schemas.lacking('blue'),
        workers: spec.copy.workers,
      }),
      { ...this.#releaseStep(), after: [rowsStepId] },
      {
        ...this.#buildStep(
          'copy:keys',
          ['keys', 'indexes'],
          'builds primary keys, unique constraints and indexes on green',
        ),
        after: [rowsStepId],
      },
      analyseStep(after, catalog.tables),
    ];
  }

  #copyStepsOfConnect(carrier: Carrier): readonly Step[] {
    const { catalog, spec } = this.#options;
    const after = { url: spec.green.url, session: this.#sessions.green, workers: spec.copy.indexWorkers };
    return connectCopySteps({
      carrier,
      tables: catalog.tables.length,
      build: (id, parts, does) => this.#buildStep(id, parts, does),
      analyse: analyseStep(after, catalog.tables),
      told: {
        does: "makes two connectors on the cluster of Kafka Connect: Debezium's source, which makes a slot on blue and takes a snapshot, and its JDBC sink on green",
        locks: 'nothing; the slot waits for transactions that write',
        costs: 'blue keeps its log until it is in Kafka, and cannot vacuum what dies while the snapshot is read',
      },
    });
  }

  #buildStep(id: string, parts: readonly SchemaPart[], does: string): Step {
    const { indexWorkers: workers } = this.#options.spec.copy;
    return schemaStep(this.#schema, { id, parts, does, costs: 'CPU and disk of green', locks: schemaLocks, workers });
  }

  #followSteps(carrier: Carrier): readonly Step[] {
    const { catalog, spec } = this.#options;
    const { green } = this.#sessions;
    return [
      ...(this.#isByConnect ? [] : [deployStep('forward', carrier), convergeStep(carrier, convergenceOf)]),
      // What looks at several tables together comes here: only now green is a state that blue had, whatever happened to the copy.
      this.#buildStep(
        'follow:foreign-keys',
        ['foreignKeys', 'validation'],
        'adds and checks the foreign keys on green',
      ),
      this.#buildStep('follow:rest', ['rest'], 'creates triggers, rules and policies on green'),
      refreshStep({ url: spec.green.url, session: green, workers: spec.copy.indexWorkers }, catalog.materializedViews),
      identityStep('green', green, catalog.tables),
      publicationStep('green', green, this.names.flow.green, catalog.tables),
      ddlNotesStep('green', green, this.names.flow.green),
      bareSlotStep({ side: 'green', url: spec.green.url, slot: this.names.flow.green, failover: false }, green),
      deployStep('reverse', carrier),
    ];
  }

  #sourceOptions(): { readonly url: string; readonly stateDir: string } {
    return { url: this.#options.spec.blue.url, stateDir: this.#options.stateDir };
  }

  #snapshotOptions(): SnapshotOptions {
    return {
      ...this.#sourceOptions(),
      command: [process.execPath, fileURLToPath(programUrl('holder-main'))],
      tables: this.#options.catalog.tables,
      slot: this.names.flow.blue,
      epoch: firstEpoch,
    };
  }

  #snapshotStep(): Step {
    const options = this.#snapshotOptions();
    return {
      id: snapshotStepId,
      does: `creates replication slot ${options.slot} on blue and gives its snapshot to two processes that hold it`,
      locks: 'ACCESS SHARE on the tables of blue; waits at most 60 s for transactions that write',
      costs: 'blue keeps its log from here on, and cannot vacuum what dies while the copy runs',
      undone: 'the holders end and the slot is dropped',
      probe: async () => probeSnapshot(options),
      act: async ({ signal }) => {
        await openSnapshot(options, signal);
      },
      undo: async ({ signal }) => discardSnapshot(options, signal),
    };
  }

  #recordedOptions(): RecordedSnapshotOptions {
    const options = this.#snapshotOptions();
    return this.#options.spec.follow.method === 'polling' ? { ...options, hold: holdAtPoll } : options;
  }

  #recordedSnapshotStep(): Step {
    const options = this.#recordedOptions();
    return {
      id: snapshotStepId,
      does: 'takes a snapshot of blue whose place in the record of changes is known, and gives it to two processes that hold it',
      locks: 'ACCESS SHARE on the tables of blue',
      costs:
        'blue keeps the record from here on until the flow has it, and cannot vacuum what dies while the copy runs: neither rows nor what the flow has of the record',
      undone: 'the holders end',
      probe: async () => probeRecordedSnapshot(options),
      act: async ({ signal }) => {
        await openRecordedSnapshot(options, signal);
      },
      undo: async ({ signal }) => releaseHolders(options.stateDir, signal),
    };
  }

  #releaseStep(): Step {
    const { stateDir } = this.#options;
    return {
      id: 'copy:release-snapshot',
      does: 'ends the two processes that hold the snapshot: blue may vacuum again',
      locks: 'nothing',
      costs: 'nothing',
      undone: 'not needed',
      probe: async () =>
        (await isHeld(this.#sourceOptions()))
          ? { state: 'not done' }
          : { state: 'done', evidence: 'no holder is left' },
      act: async ({ signal }) => releaseHolders(stateDir, signal),
      undo: async () => undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#sessions.blue[Symbol.asyncDispose](), this.#sessions.green[Symbol.asyncDispose]()]);
  }
}
