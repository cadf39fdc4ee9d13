import { nowMs } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import { tealVersion } from '../kernel/version.ts';
import { isWritten } from '../journal/journal.ts';
import type { JournalPlace } from '../journal/place.ts';
import { isCutOpen, liveSide, type MigrationState } from '../journal/state.ts';
import type { JournalSample, ProxySample, ReadsSample, Sample } from '../observe/sample.ts';
import { countsOf } from '../ports/shadow.ts';
import type { JournalFeed } from '../server/journal-feed.ts';
import { anomaliesIfWatched } from './anomalies.ts';
import { readProgress } from './kept-progress.ts';
import type { LoadedSpec } from './load-spec.ts';
import { readCanary, type CanaryFindings } from './read-canary.ts';
import { readFlows } from './read-flows.ts';
import { readProxy, type ProxyLook } from './read-proxy.ts';
import { readShadow, type Findings } from './read-shadow.ts';
import { readSupervisor } from './supervision.ts';

/** Everything that is measured, as it is now. Asks the journal and the processes of this machine, no system. */
export async function measure(loaded: LoadedSpec, feed: JournalFeed): Promise<Sample> {
  const { spec, stateDir } = loaded;
  const [flows, proxy, shadow, canary] = await Promise.all([
    readFlows(loaded),
    readProxy(loaded),
    readShadow(loaded),
    readCanary(loaded),
  ]);
  const supervisor = readSupervisor(stateDir);
  const progress = readProgress(stateDir);
  const journal = journalSample(feed, loaded.journal);
  return {
    migration: spec.name,
    version: tealVersion,
    nowMs: nowMs(),
    flows,
    hasProxy: spec.traffic.router !== 'none',
    ...(journal === undefined ? {} : { journal }),
    ...(proxy === undefined ? {} : { proxy: proxySample(proxy) }),
    ...(shadow === undefined ? {} : { shadow: shadowSample(shadow), shadowWrites: shadowSample(shadow.writes) }),
    ...(canary === undefined ? {} : { canary: canarySample(canary) }),
    ...(supervisor === undefined
      ? {}
      : {
          supervisor: {
            lives: supervisor.lives,
            restarts: Object.fromEntries(
              Object.entries(supervisor.things).map(([thing, { restarts }]) => [thing, restarts]),
            ),
          },
        }),
    ...anomaliesOf(loaded),
    ...(progress?.done === undefined || progress.total === undefined
      ? {}
      : {
          progress: {
            step: progress.step,
            done: progress.done,
            total: progress.total,
            unit: progress.unit ?? 'items',
          },
        }),
  };
}

/** What is too old to rely on is as good as nothing. */
function anomaliesOf(loaded: LoadedSpec): Pick<Sample, 'anomalies'> {
  const seen = anomaliesIfWatched(loaded);
  if (seen === undefined) return {};
  return {
    anomalies: {
      open: Object.fromEntries(seen.open.map(({ series, deviation }) => [series, deviation])),
      full: seen.capacities.flatMap(({ side, what, full }) =>
        full === undefined ? [] : [{ side, what, atMs: full.atMs }],
      ),
    },
  };
}

export function proxySample({ state, stats }: ProxyLook): ProxySample {
  const { queries, bytesIn, bytesOut, waits, alarm } = stats;
  const longest = waits[0]?.waitMs;
  return {
    state,
    queries,
    bytesIn,
    bytesOut,
    alarm: alarm !== undefined,
    ...(longest === undefined ? {} : { longestWaitMs: longest }),
  };
}

function shadowSample(found: Findings): ReadsSample {
  const { compared: _, ...outcomes } = countsOf(found);
  return { share: found.share, outcomes: { ...outcomes, shed: found.shed } };
}

function canarySample({ share, reads, errors, unanswered, behind, notReady, leftOut }: CanaryFindings): ReadsSample {
  const outcomes = { green: reads, error: errors, unanswered, behind, 'not ready': notReady, 'left out': leftOut };
  return { share, outcomes };
}

/** Undefined before the first `teal up`. */
function journalSample(feed: JournalFeed, place: JournalPlace): JournalSample | undefined {
  try {
    return sampleOf(feed.state(), isWritten(place));
  } catch (error) {
    if (isTealError(error, 'TEAL-JOURNAL-008')) return undefined;
    throw error;
  }
}

function sampleOf(state: MigrationState, isWritten: boolean): JournalSample {
  const { life } = state;
  const openSteps: Record<string, number> = {};
  for (const { state: now } of Object.values(state.steps)) {
    if (now !== 'done' && now !== 'undone') openSteps[now] = (openSteps[now] ?? 0) + 1;
  }
  const lastCertified = state.certificates.last?.atIso;
  return {
    records: state.seq,
    lastMs: state.lastIso === undefined ? undefined : Date.parse(state.lastIso),
    isWritten,
    phase: life.phase,
    live: liveSide(state),
    epoch: state.epoch,
    stages: Object.fromEntries(Object.entries(state.stages).map(([stage, it]) => [stage, it.state])),
    openSteps,
    gates: Object.entries(state.gates).map(([gate, { person, answer }]) => ({
      gate,
      person,
      answer: answer?.answer ?? 'not asked',
    })),
    ...(isCutOpen(state) && 'cut' in life ? { cutSinceMs: Date.parse(life.cut.sinceIso) } : {}),
    cuts: state.cuts.map(({ from, to, end, endIso }) => ({
      from,
      to,
      end: end.how,
      endMs: Date.parse(endIso),
      ...(end.how === 'finished' && typeof end.facts['pauseMs'] === 'number' ? { pauseMs: end.facts['pauseMs'] } : {}),
    })),
    certificates: {
      count: state.certificates.count,
      ...(lastCertified === undefined ? {} : { lastMs: Date.parse(lastCertified) }),
    },
  };
}
