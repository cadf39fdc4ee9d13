import { TealError } from '../kernel/errors.ts';
import type { MigrationState } from '../journal/state.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { Side } from '../model/catalog.ts';
import type { DatabaseName, Spec, SystemName } from '../spec/spec.ts';
import { hasBegun as hasBegunStep } from '../journal/fold.ts';
import { deployStepId } from '../stages/follow/follow-steps.ts';
import { foreignSinkStepId } from '../systems/postgres/foreign-sink.ts';
import { publicationStepId } from '../systems/postgres/publication.ts';
import { findPgTools, type PgTools } from '../systems/postgres/schema-tools.ts';
import { pollingStepId } from '../systems/postgres/polling/step.ts';
import { recorderStepId } from '../systems/postgres/trigger-source/recorder.ts';
import { keepTopics, keptTopics, selectedCatalog } from './kept-catalog.ts';
import { assessKafkaClusters } from './assess-kafka.ts';
import type { LoadedSpec } from './load-spec.ts';
import { assessBoth } from './look.ts';
import { mirrorMakerStepId } from './kafka-steps.ts';
import { catalogOf, hasBegun, recoverCommand, refuseBlockers, toolsFor, type Opening } from './opening.ts';
import type { Pair, PairToPlan } from './pair.ts';
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
  if (opening.command !== recoverCommand) {
    refuseOtherMethod(spec, state);
    refuseOtherCarrier(spec, state);
  }
  if (spec.blue.system !== 'postgres') return (await import('./open-mysql-pair.ts')).openMysqlPair(opening, state);
  const { catalog, leftOut } = await catalogOf(opening, state);
  return new PostgresPair({
    spec,
    stateDir,
    catalog,
    leftOut,
    tools: tools ?? (await toolsFor(spec, opening.signal)),
  });
}

/** The same for a plan: from a fresh look, whatever stands in the way. Writes nothing down. */
export async function pairToPlan(loaded: LoadedSpec, signal: AbortSignal): Promise<PairToPlan> {
  const { spec, stateDir } = loaded;
  requireMovable(spec);
  if (spec.blue.system === 'kafka') return kafkaToPlan(spec, signal);
  if (spec.blue.system !== 'postgres') return (await import('./open-mysql-pair.ts')).mysqlPairToPlan(loaded, signal);
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
  if (kept !== undefined) {
    if (opening.command !== recoverCommand) refuseOtherMirror(spec, state);
    return new KafkaPair({ spec, topics: kept });
  }
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

/** Rows that one carrier has brought half another one does not know of. */
function refuseOtherCarrier({ connect }: Spec, { steps }: MigrationState): void {
  const ofEither = [publicationStepId('blue'), 'copy:first-position', foreignSinkStepId];
  if (!ofEither.some((step) => hasBegunStep(steps[step]))) return;
  if (hasBegunStep(steps[foreignSinkStepId]) === (connect !== undefined)) return;
  throw new TealError('TEAL-APP-007', '`carrier` is another one than it was when the migration began');
}

/** Of two that carry each would write what the other has written. */
function refuseOtherMirror({ connect }: Spec, { steps }: MigrationState): void {
  if (!hasBegunStep(steps[deployStepId('forward')])) return;
  if (hasBegunStep(steps[mirrorMakerStepId]) === (connect !== undefined)) return;
  throw new TealError('TEAL-APP-007', '`carrier` is another one than it was when the migration began');
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
