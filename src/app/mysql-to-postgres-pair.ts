import { must } from '../kernel/assert.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import type { MappedColumn, MappedTable, Mapping } from '../mapping/mapping.ts';
import type { MappingOptions } from '../mapping/options.ts';
import { carriedTables, isAltered, isComputedOnGreen, nameMapOf } from '../mapping/name-map-of.ts';
import { isSameTarget, targetTables } from '../mapping/target-tables.ts';
import { actingKeysOf, linkedTables } from '../model/acting-keys.ts';
import {
  storedTables,
  tableFacts,
  tableKey,
  type Catalog,
  type Side,
  type Table,
  type TableName,
} from '../model/catalog.ts';
import type { MysqlCatalog, MysqlTable } from '../model/mysql-catalog.ts';
import { namesFrom, onEitherSide, type Names } from '../model/name-map.ts';
import { isSelected } from '../model/table-selection.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Repairer, RowProbe, SideAccess } from '../ports/digester.ts';
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
import { parseAddress } from '../systems/mysql/address.ts';
import { smallestRangeBytes } from '../systems/mysql/copy-source.ts';
import { connect as connectMysql } from '../systems/mysql/connection.ts';
import { mysqlRepairer } from '../systems/mysql/digest/repair.ts';
import { mysqlRowProbe } from '../systems/mysql/digest/row-probe.ts';
import { mysqlSide } from '../systems/mysql/digest/side.ts';
import { MysqlFence } from '../systems/mysql/fence.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { KeptSession as MysqlSession } from '../systems/mysql/kept-session.ts';
import { outlastWriters as outlastMysqlWriters } from '../systems/mysql/outlast-writers.ts';
import { removalStep as mysqlRemovalStep } from '../systems/mysql/removal.ts';
import { changedObjects, readSchemaMark } from '../systems/mysql/schema-mark.ts';
import { fenceStep as mysqlFenceStep, tealSchemaStep as mysqlTealSchemaStep } from '../systems/mysql/setup-steps.ts';
import { mysqlSnapshotKeeper } from '../systems/mysql/snapshot.ts';
import { columnWriter } from '../systems/mysql/values/to-sql.ts';
import { analyseStep } from '../systems/postgres/after-copy.ts';
import { connect as connectPostgres } from '../systems/postgres/connection.ts';
import { postgresCopyTarget } from '../systems/postgres/copy-target.ts';
import { ddlNotesStep } from '../systems/postgres/ddl-notes.ts';
import { readerSettings } from '../systems/postgres/digest/reader.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import { postgresRowProbe } from '../systems/postgres/digest/row-probe.ts';
import { postgresSide } from '../systems/postgres/digest/side.ts';
import { PostgresFence } from '../systems/postgres/fence.ts';
import { foreignSinkBackStep, foreignSinkStep } from '../systems/postgres/foreign-sink.ts';
import { identityBackStep, identityStep, identityStepId } from '../systems/postgres/identity.ts';
import { KeptSession as PostgresSession } from '../systems/postgres/kept-session.ts';
import { outlastWriters as outlastPostgresWriters } from '../systems/postgres/outlast-writers.ts';
import { publicationStep } from '../systems/postgres/publication.ts';
import { originsOf, removalStep, tealNames, type TealNames } from '../systems/postgres/removal.ts';
import { givenSchemaDriver } from '../systems/postgres/schema.ts';
import { bareSlotStep, fenceStep, tealSchemaStep } from '../systems/postgres/setup-steps.ts';
import { translatedTarget } from '../sync/translated-target.ts';
import { translatedProbe, translatedRepairer, translatedSide, type SideNames } from '../verify/translated-side.ts';
import { askIn } from './ask-value.ts';
import { addressOf } from './address.ts';
import { SideComparison } from './compare-sides.ts';
import type { Comparison, ComparisonPorts } from './comparison.ts';
import { connectCopySteps } from './connect-copy-steps.ts';
import { unlikeSchemas } from './compare-unlike-schemas.ts';
import { firstPositionStep, itemsOf, partsOf, recordSteps, releaseSnapshotStep, snapshotTold } from './mysql-parts.ts';
import { namingRefusedValues } from './name-refused-values.ts';
import type { DatabasePair } from './pair.ts';
import { holdsClients } from './routers.ts';
import { selectedCatalog } from './kept-catalog.ts';
import { foundObjects, mappedObjects } from './unlike-objects.ts';
import { unlikeSequences, type CountingColumn } from './unlike-sequences.ts';

export interface MysqlToPostgresOptions {
  readonly spec: Spec;
  readonly stateDir: string;
  /** What moves: blue's catalog as it was when the migration began, narrowed to the selection. */
  readonly catalog: MysqlCatalog;
  /** By which it becomes green's. */
  readonly mapping: MappingOptions;
}

const outlastMs = 60_000;

/** MySQL or MariaDB as blue, PostgreSQL as green. What both sides have is known by blue's names, but for what acts on green alone. */
export class MysqlToPostgresPair implements DatabasePair {
  readonly names: TealNames;
  readonly fences: Readonly<Record<Side, Fence>>;
  readonly sequences: Sequences;
  readonly schemas: Schemas;
  readonly access: Readonly<Record<Side, SideAccess>>;
  readonly #options: MysqlToPostgresOptions;
  readonly #mapping: Mapping;
  /** What is read of blue. */
  readonly #blueTables: readonly MysqlTable[];
  readonly #greenTables: readonly Table[];
  readonly #names: SideNames;
  readonly #isBoolean: (table: TableName, column: string) => boolean;
  readonly #blue: MysqlSession;
  readonly #green: PostgresSession;
  readonly #schema: SchemaDriver;
  readonly #keeper: ReturnType<typeof mysqlSnapshotKeeper>;

  constructor(options: MysqlToPostgresOptions) {
    const { spec, catalog } = options;
    const applicationName = `teal ${spec.name}`;
    const { database } = parseAddress(spec.blue.url);
    const parts = partsOf(spec.follow.method, spec.blue.url);
    this.#options = options;
    this.#mapping = mapCatalog(catalog, options.mapping);
    this.#blueTables = carriedTables(this.#mapping);
    this.#greenTables = targetTables(this.#mapping);
    this.#isBoolean = columnsWith(this.#mapping, ({ type }) => isSameTarget(type, 'boolean'));
    const nameMap = nameMapOf(this.#mapping, catalog);
    this.#names = { ofSide: namesFrom('green', nameMap), ofOther: namesFrom('blue', nameMap) };
    this.#blue = new MysqlSession({ url: spec.blue.url, applicationName });
    this.#green = new PostgresSession({ url: spec.green.url, applicationName });
    this.names = tealNames(spec.name);
    const selected = onEitherSide(nameMap, (table) => isSelected(table, spec.tables));
    this.fences = {
      blue: new MysqlFence({
        session: this.#blue,
        ...parts.fence,
        // Its clients speak no language of green's: no proxy holds them, and a refused write is what they follow the cut by.
        refusesOpenWriters: !holdsClients(spec),
        changed: async (connection, allowed) =>
          changedObjects(allowed, await readSchemaMark(connection, selected.blue, database)),
      }),
      green: new PostgresFence(this.#green, this.#greenTables, selected.green, {
        winsDeadlocks: !holdsClients(spec),
      }),
    };
    const sessions = { blue: this.#blue, green: this.#green };
    this.schemas = unlikeSchemas({
      sessions,
      tables: spec.tables,
      selected,
      database,
      options: options.mapping,
      mapping: this.#mapping,
      publication: this.names.flow.green,
    });
    this.sequences = unlikeSequences(sessions, countingColumns(this.#mapping), spec.cutover.sequenceHeadroom);
    const green = postgresSide({ side: 'green', url: spec.green.url, address: addressOf(spec.green.url) });
    this.access = {
      blue: mysqlSide({
        side: 'blue',
        url: spec.blue.url,
        address: addressOf(spec.blue.url),
        readCatalog: async (connection) => readCatalog(connection, database),
        // As `schemas` does: what would be made of blue as it is now, by the mapping that the migration began with.
        readObjects: async (connection) => {
          const now = selectedCatalog(await readCatalog(connection, database), spec.tables);
          return mappedObjects(mapCatalog(now, options.mapping));
        },
        policy: this.#mapping.policy,
        // Numbers on blue, truth values on green.
        isBoolean: this.#isBoolean,
        tables: this.#blueTables,
        ...parts.snapshot,
      }),
      green: {
        ...translatedSide(green, this.#names),
        // In the names of green, as of what the mapping makes.
        objects: async () => foundObjects(this.#mapping, await green.objects(), await green.describe()),
      },
    };
    this.#schema = givenSchemaDriver({ targetUrl: spec.green.url }, itemsOf(this.#mapping));
    this.#keeper = mysqlSnapshotKeeper({
      url: spec.blue.url,
      tables: this.#blueTables,
      sessions: spec.copy.workers,
      policy: this.#mapping.policy,
      window: { side: 'blue', tables: this.#blueTables, policy: this.#mapping.policy },
      ...parts.snapshot,
    });
  }

  get storedTables(): readonly Table[] {
    return storedTables({ tables: this.#blueTables });
  }

  get unlikeColumns(): Readonly<Record<string, readonly string[]>> {
    return computedColumns(this.#mapping);
  }

  readonly ask: AskValue = async (side, sql) => askIn(side === 'green' ? this.#green : this.#blue, sql);

  repairer(side: Side): Repairer {
    const { url } = this.#options.spec[side];
    const origin = this.names.repair;
    if (side === 'green') return translatedRepairer(postgresRepairer({ url, origin }), this.#names);
    return mysqlRepairer({
      url,
      origin,
      columns: columnWriter,
      isAltered: columnsWith(this.#mapping, (column, table) => isAltered(this.#mapping, table, column)),
      nullOf: nullOnBlue(this.#names),
    });
  }

  async openRowProbe(side: Side, signal: AbortSignal): Promise<RowProbe & AsyncDisposable> {
    const { url } = this.#options.spec[side];
    const applicationName = 'teal verify rows';
    if (side === 'blue') {
      const connection = await connectMysql({ url, applicationName, signal });
      const probe = mysqlRowProbe(connection, { policy: this.#mapping.policy, isBoolean: this.#isBoolean });
      return { ...probe, [Symbol.asyncDispose]: async () => connection.close() };
    }
    const connection = await connectPostgres({ url, applicationName, extraOptions: readerSettings, signal });
    const probe = translatedProbe(postgresRowProbe(connection), this.#names);
    return { ...probe, [Symbol.asyncDispose]: async () => connection.close() };
  }

  async outlastWriters(side: Side, signal: AbortSignal): Promise<boolean> {
    if (side === 'green') {
      return this.#green.use(async (connection) => outlastPostgresWriters(connection, outlastMs, signal));
    }
    return this.#blue.use(async (connection) => outlastMysqlWriters(connection, outlastMs, signal));
  }

  comparison(ports: ComparisonPorts): Comparison {
    return new SideComparison({ ...ports, pair: this });
  }

  stages(carrier: Carrier): readonly Stage[] {
    return [
      { id: 'prepare', title: 'Prepare', steps: this.#prepareSteps() },
      {
        id: 'copy',
        title: 'Copy',
        steps: this.#isByConnect ? this.#copyStepsOfConnect(carrier) : this.#copySteps(carrier),
      },
      { id: 'follow', title: 'Follow', steps: this.#followSteps(carrier) },
    ];
  }

  removalSteps(live: Side, remembered: (step: string) => StepFacts | undefined): readonly Step[] {
    const keepClosed = (side: Side): boolean => this.#options.spec.finalise.blue === 'keep' && side !== live;
    const back = identityBackStep('green', this.#green, this.#greenTables, remembered(identityStepId('green')));
    return [
      ...(this.#isByConnect ? [foreignSinkBackStep(this.#migration, this.#green, this.#greenCatalog)] : []),
      mysqlRemovalStep('blue', this.#blue, this.fences.blue, keepClosed('blue')),
      removalStep('green', this.#green, this.fences.green, this.names, keepClosed('green')),
      ...(back === undefined ? [] : [back]),
    ];
  }

  async releaseSnapshot(): Promise<void> {
    await this.#keeper.letGo(AbortSignal.timeout(30_000));
  }

  /** A cluster of Kafka Connect copies, and follows until the first cut. */
  get #isByConnect(): boolean {
    return this.#options.spec.connect !== undefined;
  }

  get #migration(): string {
    return this.#options.spec.name.replaceAll('-', '_');
  }

  get #greenCatalog(): Pick<Catalog, 'tables'> {
    return { tables: this.#greenTables };
  }

  #prepareSteps(): readonly Step[] {
    const { length } = this.#greenTables;
    return [
      mysqlTealSchemaStep('blue', this.#blue),
      tealSchemaStep('green', this.#green, originsOf('green', this.names)),
      schemaStep(this.#schema, {
        id: 'prepare:schema',
        parts: ['tables'],
        does: `creates schemas, collations and ${length} tables on green, as the mapping says, without indexes and constraints`,
        costs: 'nothing',
        workers: 1,
      }),
      fenceStep('green', this.fences.green, true, length),
      ...(this.#isByConnect ? [foreignSinkStep(this.#migration, this.#green, this.#greenCatalog)] : []),
      mysqlFenceStep('blue', this.fences.blue, false),
      ...recordSteps(this.#options.spec.follow, this.#blue, this.#blueTables),
    ];
  }

  #copySteps(carrier: Carrier): readonly Step[] {
    const { spec, stateDir } = this.#options;
    const after = { url: spec.green.url, session: this.#green, workers: spec.copy.indexWorkers };
    return [
      firstPositionStep(this.#blue, stateDir, 'forward', {
        database: parseAddress(spec.blue.url).database,
        isWanted: (table) => isSelected(table, spec.tables),
        method: spec.follow.method,
      }),
      receiveStep(carrier),
      rowsStep({
        catalog: { ...this.#options.catalog, tables: this.#blueTables },
        keeper: this.#keeper,
        target: namingRefusedValues(
          translatedTarget(postgresCopyTarget(spec.green.url), tablePairs(this.#blueTables, this.#greenTables)),
          spec.blue.url,
          this.#mapping,
        ),
        snapshot: snapshotTold,
        lacking: async () => this.schemas.lacking('blue'),
        linked: linkedTables(actingKeysOf(this.#blueTables)),
        minRangeBytes: smallestRangeBytes,
        workers: spec.copy.workers,
      }),
      releaseSnapshotStep(this.#keeper),
      this.#buildStep('copy:keys', ['keys', 'indexes'], 'builds primary keys, unique constraints and indexes on green'),
      analyseStep(after, this.#greenTables),
    ];
  }

  #copyStepsOfConnect(carrier: Carrier): readonly Step[] {
    const { spec } = this.#options;
    const after = { url: spec.green.url, session: this.#green, workers: spec.copy.indexWorkers };
    return connectCopySteps({
      carrier,
      tables: this.#greenTables.length,
      build: (id, parts, does) => this.#buildStep(id, parts, does),
      analyse: analyseStep(after, this.#greenTables),
      told: {
        does: "makes two connectors on the cluster of Kafka Connect: Debezium's source, which takes a snapshot of blue and reads its binlog, and its JDBC sink on green",
        locks:
          'everything on blue for a moment (FLUSH TABLES WITH READ LOCK), while Debezium reads the definitions of the tables and the end of the binlog',
        costs:
          'blue must keep its binlog until it is in Kafka, and cannot purge old versions of rows while the snapshot is read',
      },
    });
  }

  #buildStep(id: string, parts: readonly SchemaPart[], does: string): Step {
    const { indexWorkers: workers } = this.#options.spec.copy;
    return schemaStep(this.#schema, { id, parts, does, costs: 'CPU and disk of green', workers });
  }

  #followSteps(carrier: Carrier): readonly Step[] {
    const { url } = this.#options.spec.green;
    const [green, tables, slot] = [this.#green, this.#greenTables, this.names.flow.green];
    return [
      ...(this.#isByConnect ? [] : [deployStep('forward', carrier), convergeStep(carrier, convergenceOf)]),
      // What looks at several tables together comes here: only now green is a state that blue had, whatever happened to the copy.
      this.#buildStep(
        'follow:foreign-keys',
        ['foreignKeys', 'validation'],
        'adds and checks the foreign keys on green',
      ),
      this.#buildStep(
        'follow:rest',
        ['rest'],
        'creates the triggers on green that stand for ON UPDATE CURRENT_TIMESTAMP',
      ),
      identityStep('green', green, tables),
      publicationStep('green', green, slot, tables),
      ddlNotesStep('green', green, slot),
      bareSlotStep({ side: 'green', url, slot, failover: false }, green),
      deployStep('reverse', carrier),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#keeper[Symbol.asyncDispose](),
      this.#blue[Symbol.asyncDispose](),
      this.#green[Symbol.asyncDispose](),
    ]);
  }
}

/** Both are of one mapping, in its order. */
function tablePairs(blue: readonly Table[], green: readonly Table[]): readonly (readonly [Table, Table])[] {
  return blue.map((table, at) => [table, must(green[at], 'the table of green', tableFacts(table))] as const);
}

function computedColumns({ tables }: Mapping): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    tables.map(({ source, columns }) => [
      tableKey(source),
      columns.filter(isComputedOnGreen).map((column) => column.source.name),
    ]),
  );
}

function countingColumns({ tables }: Mapping): readonly CountingColumn[] {
  return tables.flatMap(({ source, target, columns }) =>
    columns
      .filter(({ counter }) => counter !== undefined)
      .map(({ name }) => ({ blue: { schema: source.schema, name: source.name }, green: target, column: name })),
  );
}

/** What is written on blue for a NULL of green, by blue's names. */
function nullOnBlue({ ofSide: ofGreen, ofOther: ofBlue }: SideNames): Names['nullOf'] {
  return (table, column) => {
    const [place, name] = [ofBlue.table(table), ofBlue.column(table, column)];
    return place === undefined || name === undefined ? undefined : ofGreen.nullOf(place, name);
  };
}

/** By blue's names. */
function columnsWith(
  { tables }: Mapping,
  is: (column: MappedColumn, table: MappedTable) => boolean,
): (table: TableName, column: string) => boolean {
  const found = new Set(
    tables.flatMap((table) =>
      table.columns
        .filter((column) => is(column, table))
        .map((column) => JSON.stringify([tableKey(table.source), column.source.name])),
    ),
  );
  return (table, column) => found.has(JSON.stringify([tableKey(table), column]));
}
