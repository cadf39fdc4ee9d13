import { actingKeysOf, linkedTables } from '../model/acting-keys.ts';
import { storedTables, type Side, type Table, type TableName } from '../model/catalog.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import { isSelected } from '../model/table-selection.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Repairer, SideAccess } from '../ports/digester.ts';
import type { Fence } from '../ports/fence.ts';
import type { AskValue } from '../ports/query.ts';
import type { SchemaDriver, SchemaPart } from '../ports/schema-driver.ts';
import type { Schemas } from '../ports/schemas.ts';
import type { Sequences } from '../ports/sequences.ts';
import type { Step, StepFacts } from '../ports/step.ts';
import type { Spec } from '../spec/spec.ts';
import { convergenceOf, rowsStep, schemaStep } from '../stages/copy/copy-steps.ts';
import { convergeStep } from '../stages/follow/converge-step.ts';
import { deployStep, receiveStep } from '../stages/follow/follow-steps.ts';
import type { Stage } from '../stages/lifecycle/stages.ts';
import type { ActingKeysOptions } from '../systems/mysql/acting-keys.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { smallestRangeBytes } from '../systems/mysql/copy-source.ts';
import { mysqlCopyTarget } from '../systems/mysql/copy-target.ts';
import { comparedObjects } from '../systems/mysql/digest/objects.ts';
import { mysqlRepairer } from '../systems/mysql/digest/repair.ts';
import { mysqlSide } from '../systems/mysql/digest/side.ts';
import { withEvents } from '../systems/mysql/events.ts';
import { MysqlFence } from '../systems/mysql/fence.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { KeptSession } from '../systems/mysql/kept-session.ts';
import { outlastWriters } from '../systems/mysql/outlast-writers.ts';
import { removalStep } from '../systems/mysql/removal.ts';
import { changedObjects, readSchemaMark } from '../systems/mysql/schema-mark.ts';
import { mysqlSchemaDriver } from '../systems/mysql/schema.ts';
import { narrowed, readShape } from '../systems/mysql/schema-shape.ts';
import { mysqlSequences } from '../systems/mysql/sequences.ts';
import { fenceStep, tealSchemaStep } from '../systems/mysql/setup-steps.ts';
import { mysqlSnapshotKeeper } from '../systems/mysql/snapshot.ts';
import { originOf } from '../systems/mysql/teal-schema.ts';
import { familyPolicy } from '../systems/mysql/values/policy.ts';
import { columnWriter } from '../systems/mysql/values/to-sql.ts';
import { askIn } from './ask-value.ts';
import { addressOf } from './address.ts';
import { SideComparison } from './compare-sides.ts';
import type { Comparison, ComparisonPorts } from './comparison.ts';
import { mysqlSchemas } from './compare-mysql-schemas.ts';
import { firstPositionStep, partsOf, recordSteps, releaseSnapshotStep, snapshotTold } from './mysql-parts.ts';
import type { DatabasePair } from './pair.ts';

export interface MysqlPairOptions {
  readonly spec: Spec;
  readonly stateDir: string;
  /** What moves: blue's catalog, narrowed to the selection. */
  readonly catalog: MysqlCatalog;
  /** Tables of blue that stay behind. */
  readonly leftOut: readonly TableName[];
}

const outlastMs = 60_000;

/** Two servers of the family of MySQL, of one kind or of two. Databases have the same names on both. */
export class MysqlPair implements DatabasePair {
  readonly fences: Readonly<Record<Side, Fence>>;
  readonly sequences: Sequences;
  readonly schemas: Schemas;
  readonly access: Readonly<Record<Side, SideAccess>>;
  readonly #options: MysqlPairOptions;
  readonly #sessions: Readonly<Record<Side, KeptSession>>;
  readonly #schema: SchemaDriver;
  readonly #keeper: ReturnType<typeof mysqlSnapshotKeeper>;

  constructor(options: MysqlPairOptions) {
    const { spec, stateDir, catalog, leftOut } = options;
    const { database } = parseAddress(spec.blue.url);
    const session = (side: Side): KeptSession =>
      new KeptSession({ url: spec[side].url, applicationName: `teal ${spec.name}` });
    const selected = (table: TableName): boolean => isSelected(table, spec.tables);
    this.#options = options;
    this.#sessions = { blue: session('blue'), green: session('green') };
    const parts = { blue: partsOf(spec.follow.method, spec.blue.url), green: partsOf('log', spec.green.url) };
    const fence = (side: Side): Fence =>
      withEvents(
        new MysqlFence({
          session: this.#sessions[side],
          ...parts[side].fence,
          changed: async (connection, allowed) =>
            changedObjects(allowed, await readSchemaMark(connection, selected, database)),
        }),
        this.#sessions[side],
        database,
      );
    this.fences = { blue: fence('blue'), green: fence('green') };
    this.sequences = mysqlSequences(this.#sessions, spec.cutover.sequenceHeadroom);
    this.schemas = mysqlSchemas({ sessions: this.#sessions, selected, managed: catalog.tables, database });
    const isMixed = spec.blue.system !== spec.green.system;
    const access = (side: Side): SideAccess =>
      mysqlSide({
        side,
        url: spec[side].url,
        address: addressOf(spec[side].url),
        readCatalog: async (connection) => readCatalog(connection, database),
        readObjects: async (connection) =>
          comparedObjects(narrowed(await readShape(connection, database), selected), isMixed),
        policy: familyPolicy,
        tables: catalog.tables,
        ...parts[side].snapshot,
      });
    this.access = { blue: access('blue'), green: access('green') };
    this.#schema = mysqlSchemaDriver({
      sourceUrl: spec.blue.url,
      targetUrl: spec.green.url,
      stateDir,
      excludeTables: leftOut,
    });
    this.#keeper = mysqlSnapshotKeeper({
      url: spec.blue.url,
      tables: catalog.tables,
      sessions: spec.copy.workers,
      policy: familyPolicy,
      window: { side: 'blue', tables: catalog.tables, policy: familyPolicy },
      ...parts.blue.snapshot,
    });
  }

  get storedTables(): readonly Table[] {
    return storedTables(this.#options.catalog);
  }

  readonly ask: AskValue = async (side, sql) => askIn(this.#sessions[side], sql);

  repairer(side: Side): Repairer {
    const { url } = this.#options.spec[side];
    return mysqlRepairer({ url, origin: originOf(`${this.#base}_repair`), columns: columnWriter });
  }

  async outlastWriters(side: Side, signal: AbortSignal): Promise<boolean> {
    return this.#sessions[side].use(async (connection) => outlastWriters(connection, outlastMs, signal));
  }

  comparison(ports: ComparisonPorts): Comparison {
    return new SideComparison({ ...ports, pair: this });
  }

  stages(carrier: Carrier): readonly Stage[] {
    return [
      { id: 'prepare', title: 'Prepare', steps: this.#prepareSteps() },
      { id: 'copy', title: 'Copy', steps: this.#copySteps(carrier) },
      { id: 'follow', title: 'Follow', steps: this.#followSteps(carrier) },
    ];
  }

  removalSteps(live: Side, _remembered: (step: string) => StepFacts | undefined): readonly Step[] {
    const keepClosed = this.#options.spec.finalise.blue === 'keep';
    return (['blue', 'green'] as const).map((side) =>
      removalStep(side, this.#sessions[side], this.fences[side], keepClosed && side !== live),
    );
  }

  async releaseSnapshot(): Promise<void> {
    await this.#keeper.letGo(AbortSignal.timeout(30_000));
  }

  /** As in the names of the flows. */
  get #base(): string {
    return this.#options.spec.name.replaceAll('-', '_');
  }

  /** What a flow from this side carries. */
  #moved(side: Side): ActingKeysOptions {
    const { spec } = this.#options;
    const { database } = parseAddress(spec[side].url);
    const method = side === 'blue' ? spec.follow.method : 'log';
    return { database, isWanted: (table) => isSelected(table, spec.tables), method };
  }

  #prepareSteps(): readonly Step[] {
    const { catalog, spec } = this.#options;
    const { length } = catalog.tables;
    const { blue, green } = this.#sessions;
    return [
      tealSchemaStep('blue', blue),
      tealSchemaStep('green', green),
      schemaStep(this.#schema, {
        id: 'prepare:schema',
        parts: ['tables'],
        does: `creates databases, sequences and ${length} tables on green, with the keys by which rows are stored and no others`,
        costs: 'SHOW CREATE of each object of blue; no rows',
        locks: 'nothing on blue but the definition of each object while it is read; green has no clients yet',
        workers: 1,
      }),
      fenceStep('green', this.fences.green, true),
      fenceStep('blue', this.fences.blue, false),
      ...recordSteps(spec.follow, blue, catalog.tables),
    ];
  }

  #copySteps(carrier: Carrier): readonly Step[] {
    const { catalog, spec, stateDir } = this.#options;
    return [
      firstPositionStep(this.#sessions.blue, stateDir, 'forward', this.#moved('blue')),
      receiveStep(carrier),
      rowsStep({
        catalog,
        keeper: this.#keeper,
        target: mysqlCopyTarget({ url: spec.green.url, literals: columnWriter }),
        snapshot: snapshotTold,
        lacking: async () => this.schemas.lacking('blue'),
        linked: linkedTables(actingKeysOf(catalog.tables)),
        minRangeBytes: smallestRangeBytes,
        workers: spec.copy.workers,
      }),
      releaseSnapshotStep(this.#keeper),
      this.#buildStep(
        'copy:keys',
        ['keys', 'indexes'],
        'builds the other keys and indexes on green, one statement a table',
      ),
    ];
  }

  #buildStep(id: string, parts: readonly SchemaPart[], does: string): Step {
    const { indexWorkers: workers } = this.#options.spec.copy;
    return schemaStep(this.#schema, { id, parts, does, costs: 'CPU and disk of green', workers });
  }

  #followSteps(carrier: Carrier): readonly Step[] {
    return [
      deployStep('forward', carrier),
      convergeStep(carrier, convergenceOf),
      // What looks at several tables together comes here: only now green is a state that blue had, whatever happened to the copy.
      this.#buildStep(
        'follow:foreign-keys',
        ['foreignKeys', 'validation'],
        'adds the foreign keys on green, for rows that come: those that are there are as blue holds them',
      ),
      this.#buildStep(
        'follow:rest',
        ['rest'],
        'creates functions, procedures, views and events on green, the events asleep until green is live',
      ),
      // After the last statement of Teal's that is no row of blue's, and before a client writes there.
      firstPositionStep(this.#sessions.green, this.#options.stateDir, 'reverse', this.#moved('green')),
      deployStep('reverse', carrier),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#keeper[Symbol.asyncDispose](),
      this.#sessions.blue[Symbol.asyncDispose](),
      this.#sessions.green[Symbol.asyncDispose](),
    ]);
  }
}
