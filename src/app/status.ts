import { openJournalReader, type JournalReader } from '../journal/journal.ts';
import type { ChainEnd } from '../journal/record.ts';
import { liveSide, type MigrationState, type PastCut } from '../journal/state.ts';
import type { Side } from '../model/catalog.ts';
import { nowMs } from '../kernel/clock.ts';
import { countPartitions } from '../model/log-offsets.ts';
import type { Amount } from '../kernel/vocabulary.ts';
import { familyOf, movedIn } from '../spec/families.ts';
import type { Spec } from '../spec/spec.ts';
import { groupPlaces } from '../stages/groups/group-places.ts';
import { anomaliesIfWatched } from './anomalies.ts';
import type { LoadedSpec } from './load-spec.ts';
import { readSupervisor, type SupervisorSeen } from './supervision.ts';
import { readSoak } from './soak-process.ts';
import type { SoakSeen } from './soak-watch.ts';
import { soakOf, type Soak } from './soak.ts';

export interface Status {
  readonly name: string;
  readonly live: Side;
  /** Absent: tables of a database. Of topics `certificate` counts these, and records for rows. */
  readonly moves?: 'topics';
  readonly phase: MigrationState['life']['phase'];
  readonly stages: readonly { readonly stage: string; readonly state: string }[];
  /** Steps that were begun and are not done: where a run stopped, or stands now. */
  readonly open: readonly { readonly step: string; readonly state: string; readonly why?: string }[];
  readonly gates: readonly { readonly asks: string; readonly answer: string; readonly evidence: string }[];
  readonly cuts: readonly {
    readonly cut: string;
    readonly from: Side;
    readonly to: Side;
    /** Of Kafka: these alone. */
    readonly topics?: readonly string[];
    readonly end: string;
    readonly pauseMs?: number;
    /** False where nobody held the clients: within `pauseMs` their writes were refused. */
    readonly held?: false;
  }[];
  /** While green is live and can still be left. */
  readonly soak?: Soak & {
    /** What the watch of it has seen last; absent where the file says nothing to ask. */
    readonly health?: Pick<SoakSeen, 'atIso' | 'checks' | 'wouldSinceIso' | 'failure'>;
  };
  /** Series that are out of the usual, and what will be used up (`teal anomalies`); absent where nobody looks. */
  readonly anomalies?: {
    readonly atIso: string;
    readonly open: readonly string[];
    readonly full: readonly {
      readonly side: Side;
      readonly what: string;
      readonly atIso: string;
      readonly earliestIso: string;
      readonly latestIso: string;
    }[];
  };
  /** Of Kafka, while blue is live: topics whose producers are on green already. Those of all others are on blue. */
  readonly ahead?: readonly string[];
  /** Of Kafka, and only of those that were ever moved: every other group reads from blue. */
  readonly groups?: readonly { readonly group: string; readonly side: Side; readonly movingTo?: Side }[];
  readonly certificate?: Amount & { readonly atIso: string };
  readonly controller?: { readonly pid: number; readonly host: string };
  /** What starts flows and proxy again when they die; absent when nothing ought to run. */
  readonly supervisor?: SupervisorSeen;
  readonly lastIso?: string;
  /** The journal's last record. Its hash, kept elsewhere, proves later that no record up to it was changed or cut off (`teal report --verify --head`). */
  readonly head?: ChainEnd;
}

/** Where a migration is, from its journal alone: also while a controller runs, and when both systems are down. TEAL-JOURNAL-008 when there is none. */
export function readStatus(loaded: LoadedSpec): Status {
  const { spec, stateDir, journal } = loaded;
  using reader = openJournalReader(journal);
  const supervisor = readSupervisor(stateDir);
  const told = statusOf(spec, reader.refresh(), reader.holder);
  const status = { ...told, ...soakOfStatus(told, stateDir), ...anomaliesOfStatus(loaded), head: reader.head };
  return supervisor === undefined ? status : { ...status, supervisor };
}

/** What was seen of an earlier cut is of no interest. */
export function soakOfStatus({ soak }: Status, stateDir: string): Pick<Status, 'soak'> {
  const seen = soak === undefined ? undefined : readSoak(stateDir);
  if (soak === undefined || seen?.cut !== soak.cut) return {};
  const { atIso, checks, wouldSinceIso, failure } = seen;
  const health = {
    atIso,
    checks,
    ...(wouldSinceIso === undefined ? {} : { wouldSinceIso }),
    ...(failure === undefined ? {} : { failure }),
  };
  return { soak: { ...soak, health } };
}

export function anomaliesOfStatus(loaded: LoadedSpec): Pick<Status, 'anomalies'> {
  const seen = anomaliesIfWatched(loaded);
  if (seen === undefined) return {};
  const isoOf = (ms: number): string => new Date(ms).toISOString();
  const full = seen.capacities.flatMap(({ side, what, full: when }) =>
    when === undefined
      ? []
      : [
          {
            side,
            what,
            atIso: isoOf(when.atMs),
            earliestIso: isoOf(when.earliestMs),
            latestIso: isoOf(when.latestMs),
          },
        ],
  );
  return { anomalies: { atIso: seen.atIso, open: seen.open.map(({ series }) => series), full } };
}

export function statusOf(spec: Spec, state: MigrationState, holder: JournalReader['holder']): Status {
  const soak = soakOf(state, spec, nowMs());
  return {
    name: spec.name,
    live: liveSide(state),
    ...movesOf(spec),
    phase: state.life.phase,
    stages: Object.entries(state.stages).map(([stage, it]) => ({ stage, state: it.state })),
    open: Object.entries(state.steps)
      .filter(([, step]) => step.state !== 'done' && step.state !== 'undone')
      .map(([step, it]) =>
        it.state === 'failed' ? { step, state: it.state, why: it.failure.message } : { step, state: it.state },
      ),
    gates: Object.values(state.gates).map((gate) => ({
      asks: gate.asks,
      answer: gate.answer?.answer ?? 'not asked yet',
      evidence: gate.answer?.evidence ?? '',
    })),
    cuts: state.cuts.map((cut) => ({
      cut: cut.cut,
      from: cut.from,
      to: cut.to,
      ...(cut.topics === undefined ? {} : { topics: cut.topics }),
      end: endText(cut.end),
      ...(cut.end.how === 'finished' && typeof cut.end.facts['pauseMs'] === 'number'
        ? { pauseMs: cut.end.facts['pauseMs'], ...(cut.end.facts['held'] === false ? { held: false as const } : {}) }
        : {}),
    })),
    ...(soak === undefined ? {} : { soak }),
    ...(state.ahead.length === 0 ? {} : { ahead: state.ahead }),
    ...groupsOf(state),
    ...certifiedOf(spec, state),
    ...(holder === undefined ? {} : { controller: { pid: holder.pid, host: holder.host } }),
    ...(state.lastIso === undefined ? {} : { lastIso: state.lastIso }),
  };
}

/** Of a database nothing is told, as ever. */
export function movesOf({ blue }: Pick<Spec, 'blue'>): Pick<Status, 'moves'> {
  return movedIn(familyOf(blue.system)) === 'topics' ? { moves: 'topics' } : {};
}

function certifiedOf(spec: Spec, { certificates: { last } }: MigrationState): Pick<Status, 'certificate'> {
  if (last === undefined) return {};
  const { tables, rows, atIso } = last;
  const partitions = movesOf(spec).moves === undefined ? undefined : countPartitions(last.blue);
  return { certificate: { tables, rows, ...(partitions === undefined ? {} : { partitions }), atIso } };
}

function groupsOf(state: MigrationState): Pick<Status, 'groups'> {
  const places = groupPlaces(state);
  if (places.size === 0) return {};
  const groups = [...places].map(([group, { side, open }]) => ({
    group,
    side,
    ...(open === undefined ? {} : { movingTo: open.to }),
  }));
  return { groups: groups.toSorted((a, b) => (a.group < b.group ? -1 : 1)) };
}

function endText(end: PastCut['end']): string {
  if (end.how === 'aborted') return `given up: ${end.code}`;
  const lost = end.facts['noWayBack'];
  return lost === undefined ? 'done' : `done, no way back: ${String(lost)}`;
}
