import { isDeepStrictEqual } from 'node:util';
import { TealError } from '../kernel/errors.ts';
import type { MigrationState } from '../journal/state.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { Side } from '../model/catalog.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import type { DatabaseName, Spec, SystemName } from '../spec/spec.ts';
import type { Assessment } from '../stages/assess/assess.ts';
import { hasBegun as hasBegunStep } from '../journal/fold.ts';
import { publicationStepId } from '../systems/postgres/publication.ts';
import { findPgTools, type PgTools } from '../systems/postgres/schema-tools.ts';
import { pollingStepId } from '../systems/postgres/polling/step.ts';
import { recorderStepId } from '../systems/postgres/trigger-source/recorder.ts';
import { assessKafkaClusters } from './assess-kafka.ts';
import { assessMysqlToPostgres, assessMysqlTwins, mappingOptions } from './assess-mysql.ts';
import {
  keepCatalog,
  keepMapping,
  keepTopics,
  keptCatalog,
  keptMapping,
  keptTopics,
  selectedCatalog,
  type KeptMapping,
} from './kept-catalog.ts';
import type { LoadedSpec } from './load-spec.ts';
import { assessBoth } from './look.ts';
import { MysqlPair } from './mysql-pair.ts';
import { MysqlToPostgresPair } from './mysql-to-postgres-pair.ts';
import { catalogOf, hasBegun, recoverCommand, refuseBlockers, toolsFor, type Opening } from './opening.ts';
import type { Pair } from './pair.ts';
import { PostgresPair } from './postgres-pair.ts';

/** For all that moves data: the two systems. Errors: TEAL-APP-006 systems that are not moved. */
export function requireMovable({ blue, green }: Spec): Readonly<Record<Side, SystemName>> {
  const systems = { blue: blue.system, green: green.system };
  if (systems.blue === 'kafka' && systems.green === 'kafka') return systems;
  if (isDatabase(systems.blue) && isDatabase(systems.green)) {
    if (systems.green === 'postgres' || systems.blue !== 'postgres') return systems;
  }
  throw new TealError('TEAL-APP-006', `from ${blue.system} to ${green.system}`, systems);
}

function isDatabase(system: SystemName): system is DatabaseName {
  return system !== 'kafka';
}

/**
 * The two systems of a migration. What moves is what was there at the first run, when nothing stood in the way. `tools`: PostgreSQL's client programs, which only a blue that is PostgreSQL
 * needs; looked for when they are not given. Errors: TEAL-APP-001 blockers, -006, -007, TEAL-SYSTEMS-200, those of reaching the systems.
 */
export async function openPair(opening: Opening, state: MigrationState, tools?: PgTools): Promise<Pair> {
  const { spec, stateDir } = opening.loaded;
  requireMovable(spec);
  if (spec.blue.system === 'kafka') return kafka(opening, state);
  if (opening.command !== recoverCommand) refuseOtherMethod(spec, state);
  if (spec.green.system !== 'postgres') return mysqlTwins(opening.loaded, await mysqlCatalogOf(opening, state));
  if (spec.blue.system !== 'postgres') return mysqlToPostgres(opening.loaded, await mappingOf(opening, state));
  const { catalog, leftOut } = await catalogOf(opening, state);
  return new PostgresPair({
    spec,
    stateDir,
    catalog,
    leftOut,
    tools: tools ?? (await toolsFor(spec, opening.signal)),
  });
}

export interface PairToPlan {
  readonly pair: Pair;
  readonly assessment: Pick<Assessment, 'findings'>;
  /** `PostgreSQL 16.4`, `MariaDB 10.11.8`. */
  readonly blue: string;
  readonly green: string;
}

/** The same for a plan: from a fresh look, whatever stands in the way. Writes nothing down. */
export async function pairToPlan(loaded: LoadedSpec, signal: AbortSignal): Promise<PairToPlan> {
  const { spec, stateDir } = loaded;
  requireMovable(spec);
  if (spec.blue.system === 'kafka') return kafkaToPlan(spec, signal);
  if (spec.green.system !== 'postgres') {
    const { blue, green, assessment } = await assessMysqlTwins(spec, { profile: false, signal });
    const named = ({ identity: { kind, version } }: typeof blue): string => `${productName(kind)} ${version}`;
    return { pair: mysqlTwins(loaded, blue.catalog), assessment, blue: named(blue), green: named(green) };
  }
  if (spec.blue.system !== 'postgres') {
    const { blue, green, options, assessment } = await assessMysqlToPostgres(spec, { profile: false, signal });
    const pair = mysqlToPostgres(loaded, { catalog: blue.catalog, options });
    return {
      pair,
      assessment,
      blue: `${productName(blue.identity.kind)} ${blue.identity.version}`,
      green: `PostgreSQL ${green.identity.version}`,
    };
  }
  const { blue, green, assessment } = await assessBoth(spec, signal);
  const tools = await findPgTools({ blueMajor: blue.identity.major, greenMajor: green.identity.major });
  const catalog = selectedCatalog(blue.catalog, spec.tables);
  return {
    pair: new PostgresPair({ spec, stateDir, catalog, leftOut: [], tools }),
    assessment,
    blue: `PostgreSQL ${blue.identity.version}`,
    green: `PostgreSQL ${green.identity.version}`,
  };
}

async function kafka(opening: Opening, state: MigrationState): Promise<Pair> {
  const { spec, stateDir } = opening.loaded;
  const { KafkaPair } = await import('./kafka-pair.ts');
  const kept = hasBegun(state) ? keptTopics(stateDir) : undefined;
  if (kept !== undefined) return new KafkaPair({ spec, topics: kept });
  const { assessment, topics } = await assessKafkaClusters(spec, opening.signal);
  refuseBlockers(assessment);
  keepTopics(stateDir, topics);
  return new KafkaPair({ spec, topics });
}

async function kafkaToPlan(spec: Spec, signal: AbortSignal): Promise<PairToPlan> {
  const { assessment, topics, blue, green } = await assessKafkaClusters(spec, signal);
  const { KafkaPair } = await import('./kafka-pair.ts');
  const named = ({ identity }: typeof blue): string => `Kafka (cluster ${identity.clusterId})`;
  return { pair: new KafkaPair({ spec, topics }), assessment, blue: named(blue), green: named(green) };
}

function productName(kind: 'mysql' | 'mariadb'): string {
  return kind === 'mariadb' ? 'MariaDB' : 'MySQL';
}

function mysqlTwins({ spec, stateDir }: LoadedSpec, whole: MysqlCatalog): Pair {
  const catalog = selectedCatalog(whole, spec.tables);
  const selected = new Set(catalog.tables);
  return new MysqlPair({ spec, stateDir, catalog, leftOut: whole.tables.filter((table) => !selected.has(table)) });
}

async function mysqlCatalogOf({ loaded, signal }: Opening, state: MigrationState): Promise<MysqlCatalog> {
  const { spec, stateDir } = loaded;
  const kept = hasBegun(state) ? keptCatalog(stateDir) : undefined;
  // As this function has kept it.
  if (kept !== undefined) return kept as MysqlCatalog;
  const { assessment, blue } = await assessMysqlTwins(spec, { profile: false, signal });
  refuseBlockers(assessment);
  keepCatalog(stateDir, blue.catalog);
  return blue.catalog;
}

function mysqlToPostgres({ spec, stateDir }: LoadedSpec, { catalog, options }: KeptMapping): Pair {
  return new MysqlToPostgresPair({
    spec,
    stateDir,
    catalog: selectedCatalog(catalog, spec.tables),
    mapping: options,
  });
}

async function mappingOf({ loaded, command, signal }: Opening, state: MigrationState): Promise<KeptMapping> {
  const { spec, stateDir } = loaded;
  const kept = hasBegun(state) ? keptMapping(stateDir) : undefined;
  if (kept === undefined) {
    const { assessment, blue, options } = await assessMysqlToPostgres(spec, { profile: false, signal });
    refuseBlockers(assessment);
    keepMapping(stateDir, { catalog: blue.catalog, options });
    return { catalog: blue.catalog, options };
  }
  // Clients wait for a recovery: it ends the cut by what the migration began with.
  if (command !== recoverCommand) refuseOtherMapping(spec, kept);
  return kept;
}

/** What blue was prepared for is in the journal: positions of the log mean nothing in a record. */
function refuseOtherMethod({ blue, follow }: Spec, { steps }: MigrationState): void {
  const stepOf: Readonly<Record<FollowMethod, string>> = {
    // For a log of MySQL nothing is prepared, but where it begins; a record begins somewhere too.
    log: blue.system === 'postgres' ? publicationStepId('blue') : 'copy:first-position',
    triggers: recorderStepId('blue'),
    polling: pollingStepId('blue'),
  };
  const begun = (Object.keys(stepOf) as FollowMethod[]).filter((method) => hasBegunStep(steps[stepOf[method]]));
  const recorded = begun.find((method) => method !== 'log');
  if ((recorded ?? begun[0] ?? follow.method) === follow.method) return;
  throw new TealError('TEAL-APP-007', '`follow.method` is another one than it was when the migration began');
}

function refuseOtherMapping(spec: Spec, { options }: KeptMapping): void {
  const now: unknown = JSON.parse(JSON.stringify(mappingOptions(spec, options.postgresMajor, options.offences)));
  if (isDeepStrictEqual(now, options)) return;
  throw new TealError('TEAL-APP-007', '`mapping` is another one than it was when the migration began');
}
